"""The days that are disturbed, and a run of them as `imaging-assets run` does it, in a process of its own.

Belongs here: what lands, what changes, how a child runs. Does not: where it is killed (`fuse.py`), what is expected.
"""

import multiprocessing
import os
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imaging_assets.backends import build, create_store
from imaging_assets.cli.run import Progress, bring_up_to_date
from imaging_assets.cli.runs import RunOutcome, steps_of
from imaging_assets.settings import Settings
from imaging_assets.stages.days import Days
from imaging_assets.stages.images.raw import leave_marker
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import a_picture, land, state_labels
from imaging_assets_tests.chaos.fuse import Fuse, fused
from imaging_assets_tests.defs.in_process import a_short_history, run_day

FIRST, SECOND = "2026-03-02", "2026-03-03"
BATCH = 4
TAGS = ("cat", "dog")
SIZES: dict[str, Any] = {
    "resize": {"batch": BATCH, "workers": 1, "max_bytes": 10_000},
    # Enough for all candidates, so that the model is the same on a busy machine.
    "training": {"budget_seconds": 60.0, "min_images_per_tag": 2, "margin": -0.0},
}


@dataclass
class StoryRunner:
    """Stands where the command's `Runner` does, over a pipeline of the test's."""

    pipeline: Pipeline

    def run(self, assets: tuple[str, ...], day: str | None, *, accept_deletions: bool = False) -> RunOutcome:
        """A run of the real assets."""
        del accept_deletions
        with a_short_history() as instance:
            result = run_day(self.pipeline, day, instance, assets)
        return RunOutcome(day or "all", tuple(steps_of(result)), 0.0)


def bring_days_up_to_date(pipeline: Pipeline) -> list[str]:
    """Everything that is behind, as the command does it; the errors met."""
    runner: Any = StoryRunner(pipeline)
    progress = Progress(runner, lambda _: None)
    bring_up_to_date(progress, Days(pipeline).known)
    return [f"{outcome.failure.asset}: {outcome.failure.error}" for outcome in progress.outcomes if outcome.failure]


def settings_at(home: Path) -> Settings:
    """Embedded backends below `home`."""
    return Settings(home=home, **SIZES)


def a_place(home: Path) -> Pipeline:
    """A store with its marker."""
    create_store(settings_at(home))
    pipeline = build(settings_at(home))
    leave_marker(pipeline)
    return pipeline


def pictures(day: int, number: int = 12) -> dict[str, bytes]:
    """Of a day; half of them are named after either tag."""
    return {f"{TAGS[n % 2]}-{n:02}.jpg": a_picture(1000 * day + n, (160, 120)) for n in range(number)}


def begin(pipeline: Pipeline) -> None:
    """A labelled day, with a copy and a broken file."""
    first = pictures(1)
    land(pipeline, {**first, "copy.jpg": first["cat-00.jpg"], "broken.jpg": b"\xff\xd8\xff\xe0 and then nothing"}, FIRST)
    state_labels(pipeline, labels_of(FIRST, first))


def labels_of(day: str, names: Mapping[str, bytes]) -> dict[str, str]:
    """By path, after the name."""
    return {f"{day.replace('-', '/')}/{name}": name.partition("-")[0] for name in names}


def go_on(pipeline: Pipeline) -> None:
    """What the days after it bring: a day, a changed image, one that is gone, labels of both kinds."""
    second = pictures(2, 10)
    land(pipeline, {**second, "big.png": a_picture(77, (900, 700), "PNG")}, SECOND)
    land(pipeline, {"cat-02.jpg": a_picture(555, (160, 120)), "late.jpg": a_picture(556, (64, 48))}, FIRST)
    pipeline.store.delete(f"landing/{FIRST.replace('-', '/')}/dog-03.jpg")
    labels = labels_of(FIRST, pictures(1)) | labels_of(SECOND, second)
    state_labels(pipeline, labels | {f"{FIRST.replace('-', '/')}/dog-01.jpg": "cat"})


def child_runs(home: Path, kind: str, number: int, log: Path | None) -> None:
    """What a child process does: everything that is behind, until the fuse burns."""
    try:
        errors = bring_days_up_to_date(fused(settings_at(home), Fuse(kind, number, log)))
        if errors and log:
            with log.open("a", encoding="utf-8") as file:
                file.writelines(f"error {error}\n" for error in errors)
        os._exit(1 if errors else 0)
    except BaseException:  # noqa: BLE001 - the parent must hear of anything
        traceback.print_exc()
        os._exit(2)


def run_in_child(home: Path, kind: str = "", number: int = 1, log: Path | None = None) -> int:
    """Run in a process of its own; its exit code, -9 for one that was killed."""
    # Never a fork: Polars and ONNX have threads, which would not be in it.
    child = multiprocessing.get_context("spawn").Process(target=child_runs, args=(home, kind, number, log))
    child.start()
    child.join(300)
    if child.is_alive():
        child.kill()
        raise AssertionError(f"the run that was to be killed at {kind!r} still runs after 300 s")
    assert child.exitcode is not None
    return child.exitcode
