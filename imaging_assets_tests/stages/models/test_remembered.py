"""A model's evaluation out of what is kept of it: the same as when it was judged, and nobody is asked."""

from pathlib import Path

from imaging_assets.stages.models.iterations import IterationReport
from imaging_assets.stages.models.remembered import remembered_evaluation
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.stages.manifests.days import gather
from imaging_assets_tests.stages.models.doubles import TablePredictor, iterate_day, with_models


def judged(home: Path) -> tuple[Pipeline, TablePredictor, IterationReport]:
    pipeline = a_pipeline(home)
    land(pipeline, {f"{seed}.jpg": a_picture(seed, (64, 48)) for seed in range(20)})
    state_labels(pipeline, {f"{seed}.jpg": ("cat", "dog")[seed % 2] for seed in range(20)})
    run_chain(pipeline)
    gather(pipeline)
    pipeline, _, predictor = with_models(pipeline)
    return pipeline, predictor, iterate_day(pipeline)


def test_it_is_the_evaluation_of_the_judgement(tmp_path: Path) -> None:
    pipeline, predictor, report = judged(tmp_path)
    asked = list(predictor.asked)
    found = remembered_evaluation(pipeline, report.model_id, "multiclass")
    assert found is not None
    assert found[0] == report.evaluation
    assert predictor.asked == asked
    wrong = {(tags, answer) for _, tags, answer, _ in found[1]}
    assert wrong == {(("dog",), "cat")}


def test_of_an_unknown_model_or_of_boxes_nothing_is_told(tmp_path: Path) -> None:
    pipeline, _, report = judged(tmp_path)
    assert remembered_evaluation(pipeline, "nobody", "multiclass") is None
    assert remembered_evaluation(pipeline, report.model_id, "detection") is None
