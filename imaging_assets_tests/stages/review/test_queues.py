"""A day's queue: what is in it, what it costs, and the files beside it."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from imaging_assets.policies import Review
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import REVIEW_QUEUES
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.doubles import CountingBlobStore, FailingBlobStore, over
from imaging_assets_tests.stages.manifests.days import NEXT_DAY, a_day, follow_labels, gather, rows, sha, tag, write_labels
from imaging_assets_tests.stages.models.doubles import iterate_day, with_models
from imaging_assets_tests.stages.review.days import a_predicted_day, queue

FILES = [f"review/{DAY}.csv", f"review/{DAY}.json"]
ANSWERS = {
    "unsure": {"cat": 0.5, "dog": 0.5},
    "sure": {"cat": 0.98, "dog": 0.02},
    "doubted": {"cat": 0.97, "dog": 0.03},
    "believed": {"dog": 0.97, "cat": 0.03},
}
LABELS = {"doubted": "dog", "believed": "dog"}


def files(pipeline: Pipeline) -> list[str]:
    return [blob.path for blob in pipeline.store.list_blobs("review/")]


def reasons(pipeline: Pipeline, day: str = DAY) -> list[tuple[str, str]]:
    return [(row["sha256"], row["reason"]) for row in rows(pipeline, REVIEW_QUEUES, day)]


def test_a_queue_has_ranks_and_reasons(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_predicted_day(pipeline, tmp_path, ANSWERS, LABELS)
    report = queue(pipeline)
    assert reasons(pipeline) == [
        (sha("unsure"), "least certain"),
        (sha("sure"), "most different"),
        (sha("doubted"), "label doubted"),
    ]
    assert [row["rank"] for row in rows(pipeline, REVIEW_QUEUES, DAY)] == [1, 2, 3]
    assert (report.queued, report.reasons) == (3, {"label doubted": 1, "least certain": 1, "most different": 1})
    assert report.first[2] == (f"landing/{DAY.replace('-', '/')}/doubted.jpg", "label doubted", 0.94, "dog", "cat")


def test_the_files_say_what_the_manifest_says(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_predicted_day(pipeline, tmp_path, ANSWERS, LABELS)
    queue(pipeline)
    assert files(pipeline) == FILES
    ranked = [row["sha256"] for row in rows(pipeline, REVIEW_QUEUES, DAY)]
    tasks = json.loads(pipeline.store.read(FILES[1]).data)
    assert [task["data"]["sha256"] for task in tasks] == ranked
    assert tasks[0]["data"]["image"] == f"/data/local-files/?d=resized/{sha('unsure')}.jpg"
    cells = list(csv.DictReader(io.StringIO(pipeline.store.read(FILES[0]).data.decode("utf-8-sig"))))
    assert [(row["sha256"], row["day"]) for row in cells] == [(sha256, DAY) for sha256 in ranked]


def test_a_queue_has_no_more_images_than_the_setting_says(tmp_path: Path) -> None:
    pipeline = replace(a_pipeline(tmp_path), review=Review(images_per_day=4))
    a_predicted_day(pipeline, tmp_path, {f"{number}": {"cat": 0.5, "dog": 0.5} for number in range(9)})
    assert queue(pipeline).queued == len(rows(pipeline, REVIEW_QUEUES, DAY)) == 4


def test_an_unchanged_day_reads_no_image_and_writes_nothing(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_predicted_day(pipeline, tmp_path, ANSWERS, LABELS)
    first = queue(pipeline)
    store = CountingBlobStore(pipeline.store)
    assert queue(over(pipeline, store)) == first
    assert [path for path in store.reads if not path.startswith("manifests/review_queues/")] == []
    assert store.writes == store.deletes == []


def test_a_changed_day_reads_no_image_either(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_predicted_day(pipeline, tmp_path, ANSWERS, LABELS)
    store = CountingBlobStore(pipeline.store)
    queue(over(pipeline, store))
    assert [path for path in store.reads if not path.startswith(("manifests/", "models/"))] == []


def test_an_image_leaves_the_queue_with_its_label_and_the_files_go_with_the_last(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_predicted_day(pipeline, tmp_path, ANSWERS, LABELS)
    queue(pipeline)
    write_labels(tmp_path, "review.csv", "unsure.jpg,cat\nsure.jpg,cat\ndoubted.jpg,cat\n", hours=1)
    follow_labels(pipeline)
    tag(pipeline)
    report = queue(pipeline)
    assert (report.queued, reasons(pipeline), files(pipeline)) == (0, [], [])
    assert report.nothing_because == "Every image has its label, or a near-duplicate of it has, and the model believes them."
    assert queue(pipeline) == report


@pytest.mark.parametrize(
    ("contents", "published", "told"),
    [
        (["a"], False, "No model has been published yet."),
        (["a"], True, "The model answered about none of the day's images."),
        ([], True, "The day has no usable image."),
    ],
)
def test_an_empty_queue_says_why(tmp_path: Path, contents: list[str], published: bool, told: str) -> None:  # noqa: FBT001
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {f"{content}.jpg": content for content in contents})
    a_predicted_day(pipeline, tmp_path, {content: {} for content in contents})
    if not published:
        pipeline.store.delete("models/published.json")
    assert queue(pipeline).nothing_because == told
    assert files(pipeline) == []


def test_copies_are_asked_about_once_and_broken_answers_not_at_all(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_predicted_day(pipeline, tmp_path, {"unsure": {"cat": 0.5, "dog": 0.5}, "broken": {}})
    a_day(pipeline, {"a.jpg": "unsure", "b.jpg": "unsure", "c.jpg": "broken"})
    tag(pipeline)
    assert queue(pipeline).queued == 1
    assert [row["path"] for row in rows(pipeline, REVIEW_QUEUES, DAY)] == ["landing/2026/03/02/a.jpg"]


def test_a_multilabel_model_is_judged_by_each_tag_alone(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_predicted_day(pipeline, tmp_path, {"both": {"cat": 0.98, "dog": 0.97}, "neither": {"cat": 0.5, "dog": 0.01}})
    Registry(pipeline.store).note("judged", "m1", kind="multilabel")
    queue(pipeline)
    assert reasons(pipeline) == [(sha("neither"), "least certain"), (sha("both"), "most different")]


@pytest.mark.parametrize("changes", [0, 1, 2])
def test_a_killed_run_is_finished_by_the_next(tmp_path: Path, changes: int) -> None:
    pipeline = a_pipeline(tmp_path)
    a_predicted_day(pipeline, tmp_path, ANSWERS, LABELS)
    with pytest.raises(RuntimeError, match="killed"):
        queue(over(pipeline, FailingBlobStore(pipeline.store, changes)))
    assert queue(pipeline).queued == 3
    assert files(pipeline) == FILES


def test_days_do_not_disturb_each_other(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_predicted_day(pipeline, tmp_path, ANSWERS, LABELS)
    a_predicted_day(pipeline, tmp_path, {"other": {"cat": 0.5, "dog": 0.5}}, day=NEXT_DAY)
    queue(pipeline, NEXT_DAY)
    queue(pipeline)
    assert len(files(pipeline)) == 4
    assert reasons(pipeline, NEXT_DAY) == [(sha("other"), "least certain")]


def test_pictures_go_through_the_whole_chain_into_the_queue(tmp_path: Path) -> None:
    pipeline, _, _ = with_models(a_pipeline(tmp_path))
    land(pipeline, {f"{number}.jpg": a_picture(number) for number in range(8)})
    state_labels(pipeline, {f"2026/03/02/{number}.jpg": ("cat", "dog")[number % 2] for number in range(6)})
    run_chain(pipeline)
    gather(pipeline)
    iterate_day(pipeline)
    report = run_chain(pipeline)["review_queues"]
    assert {path.rpartition("/")[2] for path, reason, *_ in report.first if reason != "label doubted"} == {"6.jpg", "7.jpg"}
    assert {label for _, reason, _, label, _ in report.first if reason == "label doubted"} == {"dog"}
