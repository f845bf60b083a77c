"""A run is killed (SIGKILL, no clean-up) at a chosen effect; the next run must end where an undisturbed one does.

`make chaos` kills at every point of `POINTS`, each in a copy of the same state; the slow tests kill one run's successors again and again.
"""

import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imaging_assets.backends import build
from imaging_assets_tests.chaos.state import differences, left_over, state_of
from imaging_assets_tests.chaos.story import BATCH, a_place, begin, go_on, run_in_child, settings_at

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

KILLED, FINISHED = -9, 0

FIRST_DAY = (
    ("during training", 5),
    ("during write model.onnx of a model", 1),
    ("after write labels.json of a model", 1),
    ("after training", 1),
    ("during write ledger", 1),
    ("before publication", 1),
    ("before write published model", 1),
    ("after write published model", 1),
    ("after write ledger", 2),
)
"""Points of a first day with its first model: what kills, and at which occurrence of it."""

LATER_DAYS = (
    ("before write manifest of raw_images", 1),
    ("after write manifest of raw_images", 1),
    ("during write resized", 3),
    ("after write thumbnails", 6),
    ("after write journal of resized_images", 2),
    ("after write manifest of resized_images", 1),
    ("before drop journal of resized_images", 1),
    ("during write journal of image_tags", 1),
    ("before drop manifest of image_vectors", 1),
    ("after write manifest of label_records", 1),
    ("before drop manifest of tagged_manifests", 1),
    ("during write score", 5),
    ("after prediction", 2),
    ("after write manifest of predictions", 1),
    ("during write other", 1),
    ("before put documents", 1),
    ("after put documents", 1),
    ("before delete documents", 1),
    ("after write manifest of search_documents", 1),
    ("after write catalogue", 1),
    ("before drop manifest of image_catalog", 1),
    ("after write manifest of training_sets_parts", 1),
    ("after write manifest of training_sets", 1),
    ("during write manifest of training_iterations", 1),
)
"""Points of a run over a changed day, a new day, changed labels and a second training."""

POINTS = [("first", *point) for point in FIRST_DAY] + [("later", *point) for point in LATER_DAYS]

AGAIN_AND_AGAIN = (
    ("after write journal of resized_images", 1),
    ("before drop journal of resized_images", 1),
    ("after put documents", 1),
    ("before write published model", 1),
)


@dataclass(frozen=True)
class Act:
    """A state before a run, what it becomes undisturbed, and what that run did."""

    before: Path
    after: dict[str, Any]
    log: Counter[str]


@pytest.fixture(scope="session")
def act(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Act]:
    """Each act by its name, played once."""
    played: dict[str, Act] = {}
    root = tmp_path_factory.mktemp("undisturbed")

    def play(name: str) -> Act:
        if name not in played:
            before, home, log = root / f"before-{name}", root / name, root / f"{name}.log"
            if name == "first":
                pipeline = a_place(before)
                # Random names, made now so that they are the same in every copy.
                assert pipeline.index.generation
                assert pipeline.catalog.catalog_id
                begin(pipeline)
            else:
                play("first")
                shutil.copytree(root / "first", before)
                go_on(build(settings_at(before)))
            shutil.copytree(before, home)
            assert run_in_child(home, log=log) == FINISHED
            played[name] = Act(before, state_of(build(settings_at(home))), events(log))
        return played[name]

    return play


def events(*logs: Path) -> Counter[str]:
    """What happened how often."""
    return Counter(line for log in logs for line in log.read_text(encoding="utf-8").splitlines())


def repeated_reads(act: Act, *logs: Path) -> int:
    """Originals that were read more often than by the undisturbed run."""
    reads = {kind: number for kind, number in events(*logs).items() if kind.startswith("read ")}
    return sum(reads.values()) - sum(number for kind, number in act.log.items() if kind.startswith("read "))


@pytest.mark.chaos
@pytest.mark.parametrize(("name", "kind", "number"), POINTS, ids=lambda value: str(value).replace(" ", "-"))
def test_the_run_after_a_kill_ends_where_an_undisturbed_one_does(
    name: str, kind: str, number: int, act: Callable[[str], Act], tmp_path: Path
) -> None:
    undisturbed, home = act(name), tmp_path / "home"
    shutil.copytree(undisturbed.before, home)

    assert run_in_child(home, kind, number, tmp_path / "killed.log") == KILLED
    assert run_in_child(home, log=tmp_path / "next.log") == FINISHED

    assert differences(undisturbed.after, state_of(build(settings_at(home)))) == []
    assert left_over(build(settings_at(home))) == []
    assert repeated_reads(undisturbed, tmp_path / "killed.log", tmp_path / "next.log") <= BATCH


@pytest.mark.slow
def test_a_day_whose_run_is_killed_again_and_again_ends_where_an_undisturbed_one_does(
    act: Callable[[str], Act], tmp_path: Path
) -> None:
    undisturbed, home = act("first"), tmp_path / "home"
    shutil.copytree(undisturbed.before, home)
    logs = [tmp_path / f"{number}.log" for number in range(len(AGAIN_AND_AGAIN) + 1)]

    killed = [run_in_child(home, *point, log) for point, log in zip(AGAIN_AND_AGAIN, logs, strict=False)]
    assert killed == [KILLED] * len(AGAIN_AND_AGAIN)
    assert run_in_child(home, log=logs[-1]) == FINISHED

    assert differences(undisturbed.after, state_of(build(settings_at(home)))) == []
    assert repeated_reads(undisturbed, *logs) <= BATCH * len(AGAIN_AND_AGAIN)
