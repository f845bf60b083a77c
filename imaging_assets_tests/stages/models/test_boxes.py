"""A found box is right when it covers a stated one of its tag well enough."""

import pytest

from imaging_assets.policies import Training
from imaging_assets.records.manifests import Region
from imaging_assets.records.models import TagScore, TrainingImage
from imaging_assets.records.predictions import Prediction, Scored
from imaging_assets.stages.models.boxes import overlap
from imaging_assets.stages.models.evaluation import evaluate, judge


def a_box(tag: str = "cat", left: float = 0.1, width: float = 0.4) -> Region:
    return Region(tag, left, 0.1, width, 0.4)


def an_image(name: str, *regions: Region) -> TrainingImage:
    return TrainingImage(name, f"resized/{name}", tuple({region.tag for region in regions}), regions, name, "test")


def found(*boxes: tuple[Region, float]) -> Scored:
    return Scored(tuple(Prediction(box.tag, probability, box) for box, probability in boxes))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(a_box(), 1.0, id="the same"),
        pytest.param(a_box(left=0.3), 1 / 3, id="half covered"),
        pytest.param(a_box(left=0.6), 0.0, id="beside it"),
        pytest.param(a_box(width=0.0), 0.0, id="without area"),
    ],
)
def test_overlap_is_intersection_over_union(other: Region, expected: float) -> None:
    assert overlap(a_box(), other) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "accuracy"),
    [
        pytest.param(found((a_box(left=0.15), 0.9)), 1.0, id="near enough"),
        pytest.param(found((a_box(left=0.4), 0.9)), 0.0, id="too far off"),
        pytest.param(found((a_box("dog"), 0.9)), 0.0, id="another tag"),
        pytest.param(found((a_box(), 0.4)), 0.0, id="not sure"),
        pytest.param(found((a_box(), 0.9), (a_box(left=0.12), 0.8)), 0.0, id="found twice"),
        pytest.param(Scored((), error="broken"), 0.0, id="no answer"),
    ],
)
def test_an_image_is_right_when_its_boxes_are_found_and_no_other(answer: Scored, accuracy: float) -> None:
    assert evaluate("m", "detection", [an_image("a", a_box())], {"a": answer}).accuracy == accuracy


def test_rates_of_a_tag_count_boxes() -> None:
    images = [an_image("a", a_box(), a_box(left=0.55)), an_image("b", a_box("dog"))]
    scored = {"a": found((a_box(), 0.9)), "b": found((a_box("cat"), 0.9), (a_box("dog"), 0.8))}
    evaluation = evaluate("m", "detection", images, scored)
    # Of two cats one is found, as surely as a wrong one.
    assert evaluation.per_tag == (TagScore("cat", 1, 0.5, 0.5, 0.25), TagScore("dog", 1, 1.0, 1.0, 1.0))


def test_average_precision_counts_boxes_below_the_threshold_too() -> None:
    images = [an_image("a", a_box(), a_box(left=0.55))]
    scored = {"a": found((a_box(), 0.9), (a_box(left=0.55), 0.2))}
    (score,) = evaluate("m", "detection", images, scored).per_tag
    assert (score.recall, score.average_precision) == (0.5, 1.0)


def test_an_unanswered_image_without_boxes_counts_as_wrong() -> None:
    assert evaluate("m", "detection", [an_image("a")], {}).accuracy == 0.0
    assert evaluate("m", "detection", [an_image("a")], {"a": Scored(())}).accuracy == 1.0


def test_models_are_judged_even_when_no_test_image_has_a_box() -> None:
    evaluation = evaluate("m", "detection", [an_image("a")], {"a": Scored(())})
    assert judge(evaluation, evaluation, Training()).verdict == "kept champion"
