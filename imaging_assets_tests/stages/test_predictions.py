"""What the published model sees, never paid for twice."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typing_extensions import override

from imaging_assets.records.predictions import Prediction, Scored
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.predictions import PredictionReport, predict_day, score_images
from imaging_assets.stages.tables import PREDICTIONS, RESIZED_IMAGES
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain
from imaging_assets_tests.doubles import CountingBlobStore, FailingBlobStore, over
from imaging_assets_tests.stages.manifests.days import NEXT_DAY, a_day, rows, sha
from imaging_assets_tests.stages.models.doubles import TablePredictor


def a_model(pipeline: Pipeline, model_id: str, number: int, majority: str) -> None:
    """Publish a model that answers with its majority, or by the lesson of its number."""
    pipeline.store.write(f"models/{model_id}/labels.json", f'{{"majority": "{majority}", "number": {number}}}'.encode())
    Registry(pipeline.store).publish(model_id, "for the test")


def with_a_model(home: Path, broken: Collection[str] = ()) -> tuple[Pipeline, TablePredictor]:
    """A pipeline whose published model `m1` says cat to everything."""
    pipeline = a_pipeline(home)
    a_model(pipeline, "m1", 0, "cat")
    predictor = TablePredictor(pipeline.store, broken=[sha(content) for content in broken])
    return replace(pipeline, predictor=predictor), predictor


def predict(pipeline: Pipeline, day: str = DAY) -> PredictionReport:
    draft, report = predict_day(pipeline, pipeline.manifests.find(RESIZED_IMAGES.asset, day))
    pipeline.manifests.commit(draft)
    return report


def asked(predictor: TablePredictor) -> list[str]:
    """Images asked about since the last look."""
    found = sorted(sha256 for _, sha256 in predictor.asked)
    predictor.asked.clear()
    return found


def first_tags(pipeline: Pipeline, day: str = DAY) -> dict[str, str]:
    """Most probable tag, or the error, by sha256."""
    return {row["sha256"]: row["tag"] or row["error"] for row in rows(pipeline, PREDICTIONS, day) if row["rank"] == 0}


def test_without_a_published_model_there_are_no_rows_and_the_reason(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    report = predict(pipeline)
    assert (report.images, report.model_id, report.reason) == (0, "", "No model has been published yet.")
    assert rows(pipeline, PREDICTIONS, DAY) == []
    assert predict(pipeline) == report


def test_every_usable_image_is_predicted_once_with_all_its_tags_in_order(tmp_path: Path) -> None:
    pipeline, predictor = with_a_model(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two", "twin.jpg": "one", "bad.jpg": "three"}, quarantined=["bad.jpg"])

    report = predict(pipeline)

    assert asked(predictor) == sorted([sha("one"), sha("two")])
    assert (report.images, report.scored, report.failed, report.model_id, report.reason) == (2, 2, 0, "m1", "")
    assert (report.tags, report.mean_probability) == ({"cat": 2}, 0.75)
    told = [(row["sha256"], row["rank"], row["tag"], row["probability"]) for row in rows(pipeline, PREDICTIONS, DAY)]
    assert told == [
        (sha256, rank, tag, probability)
        for sha256 in sorted([sha("one"), sha("two")])
        for rank, (tag, probability) in enumerate([("cat", 0.75), ("something else", 0.25)])
    ]


def test_a_day_without_images_has_no_rows(tmp_path: Path) -> None:
    pipeline, predictor = with_a_model(tmp_path)
    a_day(pipeline, {})
    report = predict(pipeline)
    assert (report.images, report.mean_probability, report.tags, predictor.asked) == (0, 0.0, {}, [])


def test_running_again_asks_nothing(tmp_path: Path) -> None:
    pipeline, predictor = with_a_model(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    first = predict(pipeline)
    asked(predictor)
    assert predict(pipeline) == replace(first, scored=0)
    assert asked(predictor) == []


def test_only_new_images_are_asked_about_and_gone_ones_leave(tmp_path: Path) -> None:
    pipeline, predictor = with_a_model(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    predict(pipeline)
    asked(predictor)
    a_day(pipeline, {"a.jpg": "one", "c.jpg": "three"})
    report = predict(pipeline)
    assert (asked(predictor), report.scored, report.images) == ([sha("three")], 1, 2)
    assert set(first_tags(pipeline)) == {sha("one"), sha("three")}


def test_a_moved_or_doubled_image_is_paid_for_once_per_model(tmp_path: Path) -> None:
    pipeline, predictor = with_a_model(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    predict(pipeline)
    asked(predictor)
    a_day(pipeline, {"renamed.jpg": "one"})
    a_day(pipeline, {"b.jpg": "two", "copy.jpg": "one", "again.jpg": "one"}, NEXT_DAY)
    assert (predict(pipeline).scored, predict(pipeline, NEXT_DAY).scored, asked(predictor)) == (0, 0, [])
    assert first_tags(pipeline, NEXT_DAY) == {sha("one"): "cat", sha("two"): "cat"}

    a_model(pipeline, "m2", 1, "dog")
    assert (predict(pipeline).scored, predict(pipeline, NEXT_DAY).scored) == (1, 1)
    assert asked(predictor) == sorted([sha("one"), sha("two")])


def test_another_model_predicts_again_and_going_back_costs_nothing(tmp_path: Path) -> None:
    pipeline, predictor = with_a_model(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    predict(pipeline)
    a_model(pipeline, "m2", 1, "dog")
    report = predict(pipeline)
    assert (report.model_id, report.scored, first_tags(pipeline)) == ("m2", 1, {sha("one"): "dog"})
    assert {row["model_id"] for row in rows(pipeline, PREDICTIONS, DAY)} == {"m2"}
    asked(predictor)

    Registry(pipeline.store).rollback()
    report = predict(pipeline)
    assert (report.model_id, report.scored, first_tags(pipeline)) == ("m1", 0, {sha("one"): "cat"})
    assert asked(predictor) == []


def test_a_failing_image_has_a_row_with_its_error_and_disturbs_no_other(tmp_path: Path) -> None:
    pipeline, _ = with_a_model(tmp_path, broken=["two"])
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two", "c.jpg": "three"})
    report = predict(pipeline)
    assert first_tags(pipeline) == {sha("one"): "cat", sha("two"): "broken", sha("three"): "cat"}
    assert (report.images, report.failed, report.tags, report.mean_probability) == (3, 1, {"cat": 2}, 0.75)


def test_an_image_whose_resized_bytes_are_gone_fails_alone_too(tmp_path: Path) -> None:
    pipeline, predictor = with_a_model(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    pipeline.store.delete(f"resized/{sha('two')}.jpg")
    report = predict(pipeline)
    assert (report.failed, report.scored, asked(predictor)) == (1, 1, [sha("one")])
    assert first_tags(pipeline)[sha("two")].startswith("There is no blob")


def test_what_failed_is_asked_again_as_soon_as_the_day_changes(tmp_path: Path) -> None:
    pipeline, predictor = with_a_model(tmp_path, broken=["two"])
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    predict(pipeline)
    asked(predictor)
    predictor.broken.clear()
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two", "c.jpg": "three"})
    report = predict(pipeline)
    assert (asked(predictor), report.failed) == (sorted([sha("two"), sha("three")]), 0)
    assert first_tags(pipeline)[sha("two")] == "cat"


def test_an_error_is_not_remembered_as_a_score(tmp_path: Path) -> None:
    pipeline, predictor = with_a_model(tmp_path, broken=["one"])
    blobs = {sha("one"): f"resized/{sha('one')}.jpg"}
    a_day(pipeline, {"a.jpg": "one"})
    assert score_images(pipeline, "m1", blobs)[0][sha("one")].error == "broken"
    predictor.broken.clear()
    assert score_images(pipeline, "m1", blobs)[1] == 1
    assert score_images(pipeline, "m1", blobs)[1] == 0


def test_a_damaged_remembered_score_is_asked_for_again(tmp_path: Path) -> None:
    pipeline, _ = with_a_model(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    blobs = {sha("one"): f"resized/{sha('one')}.jpg"}
    first, _ = score_images(pipeline, "m1", blobs)
    (score,) = pipeline.store.list_blobs("models/m1/scores/")
    pipeline.store.write(score.path, b"{")
    assert score_images(pipeline, "m1", blobs) == (first, 1)


@pytest.mark.parametrize("changes", [0, 7, 21, 43, 47, 52])
def test_a_killed_run_is_resumed_and_pays_twice_at_most_for_what_was_being_asked(tmp_path: Path, changes: int) -> None:
    pipeline, predictor = with_a_model(tmp_path)
    pipeline = replace(pipeline, resize=pipeline.resize.model_copy(update={"batch": 20, "workers": 1}))
    a_day(pipeline, {f"{number}.jpg": f"picture {number}" for number in range(50)})
    with pytest.raises(RuntimeError, match="killed"):
        predict(over(pipeline, FailingBlobStore(pipeline.store, changes)))
    before = asked(predictor)

    report = predict(pipeline)

    again = asked(predictor)
    assert report.images == len(first_tags(pipeline)) == 50
    assert set(before) | set(again) == {sha(f"picture {number}") for number in range(50)}
    assert len(again) == max(0, 50 - changes + changes // 21)  # every 21st change is a journal entry, the others are scores
    assert list(pipeline.store.list_blobs("manifests/predictions/_journal/")) == []


def test_finished_batches_come_from_the_journal(tmp_path: Path) -> None:
    pipeline, _ = with_a_model(tmp_path)
    pipeline = replace(pipeline, resize=pipeline.resize.model_copy(update={"batch": 20}))
    a_day(pipeline, {f"{number}.jpg": f"picture {number}" for number in range(50)})
    with pytest.raises(RuntimeError, match="killed"):
        predict(over(pipeline, FailingBlobStore(pipeline.store, 43)))  # 40 scores, 2 batches, 1 score more
    store = CountingBlobStore(pipeline.store)
    report = predict(over(pipeline, store))
    assert (len(store.reads_below("resized/")), report.scored) == (9, 9)
    assert len(store.reads_below("models/m1/scores/")) == 10


class TalkativePredictor(TablePredictor):
    """Sees thirty things in everything."""

    @override
    def predict(self, model_id: str, images: Sequence[bytes]) -> list[Scored]:
        seen = tuple(Prediction(f"thing {number}", 1 - number / 100) for number in range(30))
        return [Scored(seen) for _ in images]


def test_at_most_twenty_tags_are_kept_for_an_image(tmp_path: Path) -> None:
    pipeline, _ = with_a_model(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    predict(replace(pipeline, predictor=TalkativePredictor(pipeline.store)))
    assert [row["tag"] for row in rows(pipeline, PREDICTIONS, DAY)] == [f"thing {number}" for number in range(20)]


def test_pictures_are_predicted_through_the_whole_chain(tmp_path: Path) -> None:
    pipeline, predictor = with_a_model(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1), "b.jpg": a_picture(2), "broken.jpg": b"nothing"})
    assert run_chain(pipeline)["predictions"].images == 2
    assert len(asked(predictor)) == 2
    run_chain(pipeline)
    assert asked(predictor) == []


def test_what_failed_is_asked_again_though_nothing_changed_and_the_rest_is_not(tmp_path: Path) -> None:
    pipeline, predictor = with_a_model(tmp_path, broken=["two"])
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    predict(pipeline)
    asked(predictor)
    assert (predict(pipeline).failed, asked(predictor)) == (1, [sha("two")])
    predictor.broken.clear()
    assert (predict(pipeline).failed, asked(predictor)) == (0, [sha("two")])
    assert (predict(pipeline).failed, asked(predictor)) == (0, [])
