"""Many days as one list, without what was settled since."""

from pathlib import Path

import pytest

from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.review.export import merge_queues
from imaging_assets.stages.review.tasks import label_studio_tasks
from imaging_assets_tests.builders import DAY, a_pipeline
from imaging_assets_tests.stages.manifests.days import NEXT_DAY, follow_labels, sha, tag, write_labels
from imaging_assets_tests.stages.manifests.looks import a_suspected_day, cats_and_dogs
from imaging_assets_tests.stages.review.days import a_predicted_day, queue

FIRST = {"half": {"cat": 0.5, "dog": 0.5}, "sure": {"cat": 0.98, "dog": 0.02}, "doubted": {"cat": 0.97, "dog": 0.03}}
SECOND = {"close": {"cat": 0.6, "dog": 0.4}, "half": {"cat": 0.5, "dog": 0.5}}


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """Two days in the default state folder; `half` lies on both, `doubted` is labelled as a dog."""
    made = a_pipeline(tmp_path)
    a_predicted_day(made, tmp_path, FIRST, {"doubted": "dog"})
    a_predicted_day(made, tmp_path, SECOND, day=NEXT_DAY)
    queue(made)
    queue(made, NEXT_DAY)
    return made


def contents(pipeline: Pipeline, **options: str | int) -> list[str]:
    names = {sha(content): content for content in (*FIRST, *SECOND)}
    found = merge_queues(pipeline, **options)  # type: ignore[arg-type]
    return [names[row["sha256"]] for row in found.rows]


def test_days_are_merged_by_score_and_each_image_is_asked_about_once(pipeline: Pipeline) -> None:
    found = merge_queues(pipeline)
    assert contents(pipeline) == ["half", "sure", "doubted", "close"]
    assert [row["rank"] for row in found.rows] == [1, 2, 3, 4]
    assert [row["day"] for row in found.rows] == [NEXT_DAY, DAY, DAY, NEXT_DAY]
    assert (found.days, found.settled, found.more) == (2, 0, 0)


def test_the_first_so_many_are_the_best_of_all(pipeline: Pipeline) -> None:
    assert contents(pipeline, top=2) == ["half", "sure"]
    assert merge_queues(pipeline, top=2).more == 2


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"until": DAY}, ["half", "sure", "doubted"]),
        ({"since": NEXT_DAY}, ["half", "close"]),
        ({"since": DAY, "until": NEXT_DAY}, ["half", "sure", "doubted", "close"]),
        ({"since": "2027-01-01"}, []),
    ],
)
def test_a_range_has_both_its_ends(pipeline: Pipeline, limits: dict[str, str], expected: list[str]) -> None:
    assert contents(pipeline, **limits) == expected


def test_what_was_labelled_since_is_left_out_though_its_day_was_not_worked_on(pipeline: Pipeline, tmp_path: Path) -> None:
    write_labels(tmp_path, "back.csv", "half.jpg,cat\n", hours=1)
    follow_labels(pipeline)
    assert contents(pipeline) == ["close", "sure", "doubted"]
    assert merge_queues(pipeline).settled == 1


@pytest.mark.parametrize("answer", ["cat", "dog"])
def test_a_doubted_label_is_settled_by_a_second_look_whatever_it_says(pipeline: Pipeline, tmp_path: Path, answer: str) -> None:
    write_labels(tmp_path, "back.csv", f"doubted.jpg,{answer}\n", hours=1)
    follow_labels(pipeline)
    assert "doubted" not in contents(pipeline)


def test_a_confirmed_label_does_not_come_back_with_its_day(pipeline: Pipeline, tmp_path: Path) -> None:
    write_labels(tmp_path, "back.csv", "doubted.jpg,dog\n", hours=1)
    follow_labels(pipeline)
    tag(pipeline)
    assert "label doubted" not in queue(pipeline).reasons


def test_a_list_offers_the_tags_of_models_and_labels(pipeline: Pipeline) -> None:
    assert merge_queues(pipeline).tags == ("cat", "dog")
    assert merge_queues(pipeline).kind == "multiclass"


def test_without_any_queue_the_list_is_empty(tmp_path: Path) -> None:
    found = merge_queues(a_pipeline(tmp_path))
    assert (found.rows, found.days, found.tags) == ((), 0, ())


def test_one_multilabel_model_makes_the_list_multilabel(tmp_path: Path) -> None:
    made = a_pipeline(tmp_path)
    Registry(made.store).note("judged", "m1", kind="multilabel")
    a_predicted_day(made, tmp_path, FIRST)
    queue(made)
    assert merge_queues(made).kind == "multilabel"


def test_suspects_of_the_training_set_are_asked_about_until_they_are_confirmed(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_suspected_day(pipeline, tmp_path, cats_and_dogs(wrong=1))
    found = merge_queues(pipeline)
    assert [(row["path"].rpartition("/")[2], row["reason"], row["tags"]) for row in found.rows] == [
        ("cat 0.jpg", "label doubted", ["dog"])
    ]
    (row,) = found.rows
    assert [prediction["tag"] for prediction in row["predictions"]] == ["cat"]
    assert label_studio_tasks(found.rows, "{path}")[0]["predictions"][0]["result"][0]["value"] == {"choices": ["cat"]}
    assert merge_queues(pipeline, until="2026-03-01").rows == ()

    write_labels(tmp_path, "second look.csv", "cat 0.jpg,dog\n", hours=1)
    follow_labels(pipeline)
    assert merge_queues(pipeline).rows == ()
