"""The machine behind every step of the group insights: one row per distinct image, made once, errors as rows."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from imaging_assets.errors import AnalysisError, SettingsError
from imaging_assets.ports.analyzer import FunctionAnalyzer
from imaging_assets.records.insights import Columns, ImageToAnalyze, Output
from imaging_assets.stages.images.raw import take_inventory
from imaging_assets.stages.images.resized import resize_day
from imaging_assets.stages.insights.answers import Answers, step_table
from imaging_assets.stages.insights.plan import Plan, Step, in_order
from imaging_assets.stages.insights.steps import StepReport, analyze_day
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land
from imaging_assets_tests.doubles import CountingBlobStore, FailingBlobStore, over

FOLDER = f"landing/{DAY.replace('-', '/')}"
PICTURES = {f"{number}.jpg": a_picture(number, (64, 48)) for number in range(4)}


class Asked:
    """A function that tells the size of what it is shown, remembers whom it was asked about, and fails where it is told to."""

    def __init__(self, fails: Mapping[str, Exception] | None = None) -> None:
        self.about: list[str] = []
        self.fails = dict(fails or {})

    def __call__(self, image: ImageToAnalyze) -> Output:
        """The answer."""
        self.about.append(image.sha256)
        if error := self.fails.get(image.sha256):
            raise error
        return {"size": len(image.data), "facts": {"width": image.width, "name": "ü"}}


COLUMNS: Columns = {"size": "integer", "facts": "json"}


def a_step(
    function: Callable[[ImageToAnalyze], Output], version: str = "1", columns: Columns = COLUMNS, name: str = "sizes", **more: Any
) -> Step:
    def named(image: ImageToAnalyze) -> Output:
        return function(image)

    requires = more.get("requires", ())
    analyzer = FunctionAnalyzer(named, columns, version=version, requires=requires, reads=more.get("reads", "resized"))
    return Step(name, analyzer, requires, more.get("images", ("*",)))


def with_steps(pipeline: Pipeline, *steps: Step) -> Pipeline:
    return replace(pipeline, insights=Plan(tuple(step.name for step in steps), {step.name: step for step in steps}))


def resized(pipeline: Pipeline) -> Pipeline:
    pipeline.manifests.commit(take_inventory(pipeline, DAY)[0])
    pipeline.manifests.commit(resize_day(pipeline, pipeline.manifests.find("raw_images", DAY))[0])
    return pipeline


def a_day(home: Path, pictures: dict[str, bytes] | None = None) -> Pipeline:
    pipeline = a_pipeline(home)
    land(pipeline, PICTURES if pictures is None else pictures)
    return resized(pipeline)


def run(pipeline: Pipeline, *steps: Step) -> StepReport:
    """Run steps in order; the report of the last."""
    pipeline = with_steps(pipeline, *steps)
    for step in steps:
        required = {name: pipeline.manifests.find(name, DAY) for name in step.requires}
        draft, report = analyze_day(pipeline, step, pipeline.manifests.find("resized_images", DAY), required)
        pipeline.manifests.commit(draft)
    return report


def rows(pipeline: Pipeline, step: Step) -> pl.DataFrame:
    return pipeline.manifests.read(pipeline.manifests.find(step.name, DAY), step_table(step.name, step.analyzer.columns))


def answers(pipeline: Pipeline, step: Step) -> Answers:
    return Answers(with_steps(pipeline, step), {step.name: pipeline.manifests.find(step.name, DAY)})


def shas(pipeline: Pipeline) -> list[str]:
    """Of the day's images, in order."""
    from imaging_assets.stages.tables import RESIZED_IMAGES

    frame = pipeline.manifests.read(pipeline.manifests.find("resized_images", DAY), RESIZED_IMAGES)
    return frame.filter(pl.col("status") != "quarantined")["sha256"].unique().sort().to_list()


def test_each_distinct_usable_image_has_one_row_of_the_declared_columns(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path, PICTURES | {"copy.jpg": PICTURES["0.jpg"], "bad.jpg": b"text"})

    report = run(pipeline, step := a_step(asked := Asked()))

    frame = rows(pipeline, step)
    assert (report.images, report.analyzed, report.failed) == (4, 4, 0)
    assert sorted(asked.about) == frame["sha256"].to_list() == shas(pipeline)
    assert json.loads(frame["facts"][0]) == {"width": 64, "name": "ü"}
    told = answers(pipeline, step).about(frame["sha256"])
    assert {told[sha256]["sizes"]["facts"]["width"] for sha256 in shas(pipeline)} == {64}


def test_an_unchanged_day_reads_no_picture_and_asks_nobody(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path)
    run(pipeline, a_step(Asked()))
    counting = CountingBlobStore(pipeline.store)

    report = run(over(pipeline, counting), a_step(asked := Asked()))

    assert (report.images, report.analyzed) == (4, 0)
    assert asked.about == counting.writes == []
    assert [path for path in counting.reads if not path.startswith("manifests/")] == []


def test_only_new_bytes_are_asked_about_and_gone_ones_forgotten(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path)
    run(pipeline, a_step(Asked()))
    pipeline.store.copy(f"{FOLDER}/0.jpg", f"{FOLDER}/moved.jpg")
    for name in ("0.jpg", "1.jpg"):
        pipeline.store.delete(f"{FOLDER}/{name}")
    land(pipeline, {"new.jpg": a_picture(50)})

    report = run(resized(pipeline), step := a_step(asked := Asked()))

    assert (report.images, report.analyzed, len(asked.about)) == (4, 1, 1)
    assert rows(pipeline, step)["sha256"].to_list() == shas(pipeline)


def test_another_version_or_schema_asks_about_every_image_again(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path)
    run(pipeline, a_step(Asked()))

    assert run(pipeline, a_step(Asked(), version="2")).analyzed == 4
    step = a_step(lambda image: {"digits": image.sha256}, version="2", columns={"digits": "text"})
    assert run(pipeline, step).analyzed == 4
    assert rows(pipeline, step)["digits"].to_list() == shas(pipeline)


def test_a_failing_image_is_a_row_with_its_error_and_waits_for_another_version(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path)
    bad = shas(pipeline)[1]
    broken = Asked({bad: ZeroDivisionError("by nothing")})

    report = run(pipeline, step := a_step(broken))

    assert (report.images, report.failed) == (4, 1)
    assert report.errors == ((bad, "ZeroDivisionError: by nothing. Mend the step and raise its version."),)
    told = answers(pipeline, step).about(pl.Series([bad, good := shas(pipeline)[2]]))
    assert (list(told[bad]), list(told[good])) == ([], ["sizes"])
    assert run(pipeline, a_step(asked := Asked())).failed == 1
    assert asked.about == []
    assert run(pipeline, a_step(Asked(), version="2")).failed == 0


def test_an_error_that_may_pass_leaves_the_day_behind_and_only_that_image_is_asked_about_again(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path)
    bad, worse = shas(pipeline)[1:3]
    busy = Asked({bad: AnalysisError("the service is busy", may_pass=True), worse: ConnectionResetError("gone")})
    run(pipeline, step := a_step(busy))
    assert rows(pipeline, step).filter(pl.col("may_pass"))["sha256"].to_list() == [bad, worse]

    report = run(pipeline, a_step(asked := Asked()))

    assert (report.analyzed, report.failed) == (2, 0)
    assert sorted(asked.about) == [bad, worse]
    assert run(pipeline, a_step(Asked())).analyzed == 0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"size": "many"}, "size is no integer"),
        ({"facts": {1, 2}}, "facts is no json"),
        ({"facts": float("nan")}, "facts is no json"),
        ({"sizes": 3}, "columns it does not declare: sizes"),
        (None, "answered with a NoneType"),
    ],
)
def test_an_answer_of_another_shape_is_that_image_s_error(tmp_path: Path, answer: Any, said: str) -> None:
    pipeline = a_day(tmp_path, {"a.jpg": PICTURES["0.jpg"]})

    report = run(pipeline, a_step(lambda _image: answer))

    assert [said in error for _, error in report.errors] == [True]


def test_a_step_is_asked_only_about_images_whose_path_it_wants(tmp_path: Path) -> None:
    pipeline = a_day(
        tmp_path, {"left/a.jpg": PICTURES["0.jpg"], "right/b.jpg": PICTURES["1.jpg"], "left/c.jpg": PICTURES["2.jpg"]}
    )

    assert run(pipeline, a_step(Asked(), images=("*/left/*",))).images == 2
    assert run(pipeline, a_step(asked := Asked(), images=("*/left/*", "*/b.jpg"))).analyzed == 1
    assert len(asked.about) == 1


def test_a_step_sees_what_the_steps_it_requires_said_and_follows_their_changes(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path)

    def double(image: ImageToAnalyze) -> Output:
        return {"size": 2 * image.insights["sizes"]["size"]}

    columns: Columns = {"size": "integer"}
    second = a_step(double, columns=columns, name="doubles", requires=("sizes",), reads="none")
    first = a_step(Asked())
    run(pipeline, first, second)
    assert rows(pipeline, second)["size"].to_list() == [2 * size for size in rows(pipeline, first)["size"]]

    one = shas(pipeline)[0]

    def other(image: ImageToAnalyze) -> Output:
        return {"size": 7} if image.sha256 == one else Asked()(image)

    report = run(pipeline, a_step(other, version="2"), second)

    assert report.analyzed == 1
    assert rows(pipeline, second)["size"][0] == 14


def test_what_a_required_step_could_not_do_is_said_and_made_up_for_later(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path)
    bad = shas(pipeline)[2]
    second = a_step(lambda _image: {"size": 1}, columns={"size": "integer"}, name="doubles", requires=("sizes",))

    report = run(pipeline, a_step(Asked({bad: ValueError("no")})), second)
    assert report.errors == ((bad, "sizes failed: ValueError: no. Mend the step and raise its version."),)

    assert run(pipeline, a_step(Asked(), version="2"), second).failed == 0


def test_a_run_killed_between_batches_repeats_at_most_one(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path, resize={"batch": 2})
    land(pipeline, {f"{number}.jpg": a_picture(number, (16, 16)) for number in range(7)})
    resized(pipeline)
    with pytest.raises(RuntimeError, match="killed"):
        run(over(pipeline, FailingBlobStore(pipeline.store, 2)), a_step(Asked()))

    report = run(pipeline, a_step(asked := Asked()))

    assert (report.images, report.analyzed, len(asked.about)) == (7, 3, 3)
    assert list(pipeline.store.list_blobs("manifests/sizes/_journal/")) == []


def test_a_lost_resized_image_is_asked_about_again(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path)
    lost = next(blob.path for blob in pipeline.store.list_blobs("resized/"))
    kept = pipeline.store.read(lost).data
    pipeline.store.delete(lost)
    assert run(pipeline, a_step(Asked())).failed == 1

    pipeline.store.write(lost, kept)
    assert run(pipeline, a_step(Asked())).failed == 0


def test_steps_come_after_those_they_require_and_otherwise_as_given() -> None:
    requires = {"b": ("c",), "a": (), "c": ("a",), "d": ()}
    assert in_order(requires) == ("a", "d", "c", "b")


@pytest.mark.parametrize(
    ("requires", "said"),
    [
        (
            {"a": ("b",), "b": ("c",), "c": ("a",)},
            r"in a circle: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c)\. Take one",
        ),
        ({"a": ("a",)}, "a -> a"),
        (
            {"a": ("nothing",)},
            r"a requires nothing, which does not run\. Enable it \(\[insights\.steps\.nothing\]\), or disable a",
        ),
    ],
)
def test_steps_that_do_not_fit_together_are_named(requires: dict[str, tuple[str, ...]], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        in_order(requires)
