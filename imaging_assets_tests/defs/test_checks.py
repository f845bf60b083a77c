"""Checks beside the assets: each passes when all is well, and says what is wrong when it is not."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from typing_extensions import override

from imaging_assets.embedded.search_index import SqliteSearchIndex
from imaging_assets.errors import AnalysisError
from imaging_assets.ports.analyzer import FunctionAnalyzer
from imaging_assets.records.insights import ImageToAnalyze, Output
from imaging_assets.records.search import Document, DocumentResult
from imaging_assets.stages.days import Days
from imaging_assets.stages.images.resized import resized_inputs
from imaging_assets.stages.manifests.training_sets import training_set_inputs
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RESIZED_IMAGES, TRAINING_SETS
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.defs.in_process import EVERYTHING, a_short_history, checks_of, metadata_of, run_day
from imaging_assets_tests.embedded.pictures import plain

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with a_short_history() as history:
        yield history


def a_good_day(home: Path) -> Pipeline:
    """Eight images each of two colours, all labelled; the pictures of a colour are alike, but no near-duplicates."""
    pipeline = a_pipeline(home)
    pictures = {f"{picture.tags[0]}-{n}.jpg": picture.data for n, picture in enumerate(plain(["red", "blue"], 8))}
    land(pipeline, pictures)
    state_labels(pipeline, {f"2026/03/02/{name}": name.partition("-")[0] for name in pictures})
    return pipeline


def three_images(home: Path) -> Pipeline:
    """A day with three images and no labels."""
    pipeline = a_pipeline(home)
    land(pipeline, {f"{name}.jpg": a_picture(number, (64, 48)) for number, name in enumerate("abc")})
    return pipeline


def rows_of(evaluation: dg.AssetCheckEvaluation, name: str) -> list[dict[str, object]]:
    """Rows of a table in a check's metadata."""
    table = evaluation.metadata[name].value
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def test_blobs_without_a_day_are_listed(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = three_images(tmp_path)
    for path in ("landing/loose.jpg", "landing/2026/02/30/a.jpg", "landing/1999/01/01/a.jpg"):
        pipeline.store.write(path, b"x")

    check = checks_of(run_day(pipeline, DAY, instance, ["raw_images"]))["raw_images_all_have_a_day"]

    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert [row["path or day"] for row in rows_of(check, "left_alone")] == [
        "1999-01-01", "landing/loose.jpg", "landing/2026/02/30/a.jpg",
    ]  # fmt: skip


def test_a_good_day_passes_every_check(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    told = checks_of(run_day(a_good_day(tmp_path), DAY, instance, [*EVERYTHING[:-1]]))

    assert {name: evaluation.passed for name, evaluation in told.items()} == {
        "raw_images_all_have_a_day": True,
        "raw_images_are_fresh": True,
        "resized_images_are_complete": True,
        "resized_images_are_readable": True,
        "image_tags_are_answered": True,
        "label_records_find_their_images": True,
        "label_records_do_not_conflict": True,
        "label_tags_are_spelt_one_way": True,
        "label_sources_say_something": True,
        "tagged_regions_lie_inside": True,
        "training_sets_are_ready": True,
        "training_sets_do_not_leak": True,
        "training_sets_have_no_suspects": True,
        "search_documents_are_accepted": True,
    }
    assert told["resized_images_are_complete"].metadata["landed"].value == 16
    assert told["training_sets_are_ready"].metadata["imbalance"].value == 1.0
    assert told["training_sets_have_no_suspects"].metadata["labels_looked_at"].value == 16


def test_an_image_without_an_answer_warns_with_the_reason(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    def no_answer(_image: ImageToAnalyze) -> Output:
        raise AnalysisError("lens covered.")

    pipeline = three_images(tmp_path)
    tags = pipeline.insights.steps["image_tags"]
    failing = replace(tags, analyzer=FunctionAnalyzer(no_answer, tags.analyzer.columns, version="1", reads="thumbnail"))
    plan = replace(pipeline.insights, steps={**pipeline.insights.steps, "image_tags": failing})

    result = run_day(replace(pipeline, insights=plan), DAY, instance, ["raw_images", "resized_images", "image_tags"])

    check = checks_of(result)["image_tags_are_answered"]
    assert (result.success, check.passed, check.severity, check.partition) == (True, False, WARN, DAY)
    assert (check.metadata["images"].value, check.metadata["failed"].value) == (3, 3)
    assert {row["reason"] for row in rows_of(check, "failed_because")} == {"lens covered."}


def test_a_training_set_that_is_not_ready_warns_with_what_each_tag_needs(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = three_images(tmp_path)
    state_labels(pipeline, {"2026/03/02/a.jpg": "cat", "2026/03/02/b.jpg": "dog"})

    result = run_day(pipeline, DAY, instance, EVERYTHING)

    check = checks_of(result)["training_sets_are_ready"]
    assert result.success
    assert (check.passed, check.severity) == (False, WARN)
    assert [(row["tag"], row["have"], row["need"], row["problem"]) for row in rows_of(check, "readiness")] == [
        ("cat", 1, 5, "has 1 of 5 images; no test image"),
        ("dog", 1, 5, "has 1 of 5 images; no test image"),
    ]
    assert metadata_of(result)["training_sets"]["ready"] is False


def test_a_label_that_looks_wrong_warns_with_the_image(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_good_day(tmp_path)
    state_labels(pipeline, {"2026/03/02/red-0.jpg": "blue"}, "wrong.csv")

    result = run_day(pipeline, DAY, instance, [*EVERYTHING[:-1]])

    check = checks_of(result)["training_sets_have_no_suspects"]
    assert (check.passed, check.severity, check.metadata["suspects"].value) == (False, WARN, 1)
    (row,) = rows_of(check, "suspect_labels")
    assert (row["path"], row["label"], row["looks_like"]) == ("landing/2026/03/02/red-0.jpg", "blue", "red")
    assert metadata_of(result)["training_sets"]["suspects"] == 1


def test_resized_images_that_lack_a_landed_one_stop_the_day(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = three_images(tmp_path)
    run_chain(pipeline)
    raw = pipeline.manifests.find("raw_images", DAY)
    complete = pipeline.manifests.read(pipeline.manifests.find("resized_images", DAY), RESIZED_IMAGES)
    work = pipeline.manifests.begin(RESIZED_IMAGES, DAY, resized_inputs(pipeline, raw))
    pipeline.manifests.commit(work.draft(complete.filter(complete["path"] != "landing/2026/03/02/b.jpg")))

    result = run_day(pipeline, DAY, instance)

    check = checks_of(result)["resized_images_are_complete"]
    assert (check.passed, check.severity, check.partition) == (False, ERROR, DAY)
    assert check.metadata["missing"].value == ["landing/2026/03/02/b.jpg"]
    assert not result.success
    assert metadata_of(result).keys() == {"raw_images", "resized_images"}


def test_a_quarantined_image_without_a_reason_stops_the_day(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = three_images(tmp_path)
    run_chain(pipeline)
    raw = pipeline.manifests.find("raw_images", DAY)
    rows = pipeline.manifests.read(pipeline.manifests.find("resized_images", DAY), RESIZED_IMAGES).to_dicts()
    rows[0] |= {"status": "quarantined", "reason": None}
    work = pipeline.manifests.begin(RESIZED_IMAGES, DAY, resized_inputs(pipeline, raw))
    pipeline.manifests.commit(work.draft(rows))

    check = checks_of(run_day(pipeline, DAY, instance, ["raw_images", "resized_images"]))["resized_images_are_complete"]

    assert not check.passed
    assert check.metadata["unexplained"].value == 1


def test_label_lines_without_an_image_are_listed_with_file_and_line(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = three_images(tmp_path)
    state_labels(pipeline, {"2026/03/02/a.jpg": "cat", "2026/03/02/nowhere.jpg": "dog"}, "said.csv")

    result = run_day(pipeline, DAY, instance)

    check = checks_of(result)["label_records_find_their_images"]
    assert result.success
    assert (check.passed, check.severity, check.metadata["open"].value) == (False, WARN, 1)
    assert [(row["file"], row["line"], row["names"]) for row in rows_of(check, "lines")] == [
        ("labels/said.csv", 3, "2026/03/02/nowhere.jpg")
    ]


def test_labels_that_contradict_each_other_or_lie_outside_are_listed(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path, labels={"sources": [{"name": "forgotten", "folder": "nowhere"}]})
    same = a_picture(1, (64, 48))
    land(pipeline, {"a.jpg": same, "b.jpg": same, "c.jpg": a_picture(2, (64, 48)), "d.jpg": a_picture(3, (64, 48))})
    state_labels(pipeline, {"a.jpg": "cat", "b.jpg": "dog", "d.jpg": "Cat"})
    boxes = "path,tags,xmin,ymin,xmax,ymax\nc.jpg,cat,60,40,90,90\nc.jpg,cat,100,100,110,110\n"
    pipeline.store.write("labels/boxes.csv", boxes.encode())

    told = checks_of(run_day(pipeline, DAY, instance))

    conflicts, spelt = (
        rows_of(told["label_records_do_not_conflict"], "lines"),
        rows_of(told["label_tags_are_spelt_one_way"], "lines"),
    )
    assert [(row["file"], row["line"], row["names"]) for row in conflicts] == [
        ("labels/labels.csv", 2, "a.jpg"),
        ("labels/labels.csv", 3, "b.jpg"),
    ]
    assert [(row["line"], row["reason"]) for row in spelt] == [(4, "case: tag 'Cat' is mostly written 'cat'")]
    outside = rows_of(told["tagged_regions_lie_inside"], "lines")
    assert [(row["file"], row["line"], row["names"]) for row in outside] == [
        ("labels/boxes.csv", 2, "landing/2026/03/02/c.jpg")
    ] * 2
    assert [str(row["reason"]).rpartition(": ")[2] for row in outside] == ["cut to it", "left out"]
    silent = told["label_sources_say_something"]
    assert (silent.passed, silent.severity, silent.metadata["silent"].value) == (False, ERROR, ["forgotten"])


def test_a_training_set_that_leaks_is_not_trained_on(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = three_images(tmp_path)
    state_labels(pipeline, {f"2026/03/02/{name}.jpg": "cat" for name in "abc"})
    run_day(pipeline, DAY, instance, [*EVERYTHING[:-1]])
    rows = pipeline.manifests.read(pipeline.manifests.find("training_sets", DAY), TRAINING_SETS).to_dicts()
    rows[0] |= {"group": "twins", "split": "train"}
    rows[1] |= {"group": "twins", "split": "test"}
    tagged = Days(pipeline).newest("tagged_manifests")
    work = pipeline.manifests.begin(TRAINING_SETS, DAY, training_set_inputs(pipeline, tagged))
    pipeline.manifests.commit(work.draft(rows))

    result = run_day(pipeline, DAY, instance, ["training_sets", "training_iterations"])

    check = checks_of(result)["training_sets_do_not_leak"]
    assert (check.passed, check.severity, check.metadata["torn"].value) == (False, ERROR, ["twins"])
    assert not result.success
    assert "training_iterations" not in metadata_of(result)


def test_a_document_that_the_index_refuses_is_listed_with_its_reason(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = three_images(tmp_path)
    choosy = replace(pipeline, index=_ChoosyIndex(tmp_path / "search", pipeline))

    result = run_day(choosy, DAY, instance)

    check = checks_of(result)["search_documents_are_accepted"]
    assert not check.passed
    assert rows_of(check, "documents") == [{"path": "landing/2026/03/02/b.jpg", "reason": "no b here"}]
    assert metadata_of(result)["search_documents"]["rejected"] == 1


class _ChoosyIndex(SqliteSearchIndex):
    """Refuses `b.jpg`."""

    def __init__(self, folder: Path, pipeline: Pipeline) -> None:
        super().__init__(folder, dimensions=pipeline.embedder.dimensions, embedding_id=pipeline.embedder.embedding_id)

    @override
    def put(self, documents: Sequence[Document]) -> list[DocumentResult]:
        results = super().put([document for document in documents if document["name"] != "b.jpg"])
        return results + [DocumentResult(document["id"], "no b here") for document in documents if document["name"] == "b.jpg"]
