"""One day through Dagster, in process: what is reported, what is repeated, what fails and how."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg
import numpy as np
import numpy.typing as npt
import pytest
from typing_extensions import override

from imaging_assets.defs.tags import CONSENT_TAG
from imaging_assets.embedded.analyzer import GradientEmbedder
from imaging_assets.embedded.predictor import OnnxPredictor
from imaging_assets.embedded.search_index import SqliteSearchIndex
from imaging_assets.records.predictions import Scored
from imaging_assets.records.search import Document, DocumentResult
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import CHAIN, DAY, a_picture, a_pipeline, land, state_labels
from imaging_assets_tests.defs.in_process import EVERYTHING, a_short_history, checks_of, errors_of, metadata_of, run_day
from imaging_assets_tests.doubles import CountingBlobStore, over

EARLIER = "2026-03-01"
TRAINING = ("training_sets", "training_iterations")
TAGS = ("cat", "dog")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with a_short_history() as history:
        yield history


def a_labelled_day(home: Path) -> Pipeline:
    """Sixteen images, half of them cats, half dogs, and one that is broken."""
    pipeline = a_pipeline(home, training={"budget_seconds": 0.5, "min_images_per_tag": 2})
    land(pipeline, {f"{tag}-{n}.jpg": a_picture(10 * n + place, (160, 120)) for place, tag in enumerate(TAGS) for n in range(8)})
    land(pipeline, {"broken.jpg": b"\xff\xd8\xff\xe0 and then nothing"})
    state_labels(pipeline, {f"{DAY.replace('-', '/')}/{tag}-{n}.jpg": tag for tag in TAGS for n in range(8)})
    return pipeline


def test_every_asset_of_a_day_tells_its_numbers(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_labelled_day(tmp_path)
    first = run_day(pipeline, DAY, instance, EVERYTHING)
    assert first.success, errors_of(first)
    told = metadata_of(first)

    assert told.keys() == {*EVERYTHING, "published_model"}
    assert {asset: told[asset]["unchanged"] for asset in EVERYTHING} == dict.fromkeys(EVERYTHING, False)
    pick: dict[str, dict[str, object]] = {
        "raw_images": {"images": 17, "new": 17, "changed": 0, "deleted": 0},
        "resized_images": {"images": 17, "passed": 16, "quarantined": 1, "duplicates": 0, "images_read": 17},
        "image_vectors": {"images": 16, "images_embedded": 16},
        "label_records": {"files": 1, "statements": 16, "bound": 16, "unmatched": 0, "files_read": 1},
        "tagged_manifests": {"images": 17, "labelled": 16, "unlabelled": 1, "conflicts": 0},
        "predictions": {"images": 0, "images_scored": 0, "reason": "No model has been published yet."},
        "review_queues": {"images": 0, "reason": "No model has been published yet."},
        "search_documents": {"documents": 16, "sent": 16, "deleted": 0, "rejected": 0},
        "training_sets": {"images": 16, "excluded": 0, "days": 1, "days_read": 1},
        "training_iterations": {"iterations": 1, "images": 16, "trained": True, "verdict": "published"},
    }
    assert {asset: {name: told[asset][name] for name in facts} for asset, facts in pick.items()} == pick
    assert told["published_model"]["model"] == told["training_iterations"]["model"]


def test_a_day_shows_its_contact_sheet_in_little_space(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    rng = np.random.default_rng(0)
    land(pipeline, {f"{n}.png": _noise(rng) for n in range(60)})  # the worst there is to compress
    told = metadata_of(run_day(pipeline, DAY, instance, ["raw_images", "resized_images"]))

    sheet = told["resized_images"]["contact_sheet"]
    assert sheet.startswith("![contact sheet](data:image/webp;base64,")
    assert len(sheet) <= 32 * 1024
    assert base64.b64decode(sheet.partition("base64,")[2].removesuffix(")"))[8:12] == b"WEBP"


def test_a_training_shows_its_evaluation_in_pictures(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    told = metadata_of(run_day(a_labelled_day(tmp_path), DAY, instance, EVERYTHING))["training_iterations"]
    for name in ("confusion_matrix", "precision_by_recall"):
        assert told[name].startswith(f"![{name.replace('_', ' ')}](data:image/png;base64,")
    assert {"tag", "test_images", "precision", "recall", "average_precision"} == told["per_tag"].records[0].data.keys()


def test_a_second_run_reads_no_image_asks_nobody_and_says_unchanged(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_labelled_day(tmp_path)
    run_day(pipeline, DAY, instance, EVERYTHING)
    assert run_day(pipeline, DAY, instance).success  # by now with the model's predictions

    store = CountingBlobStore(pipeline.store)
    asked: list[str] = []
    idle = replace(
        over(pipeline, store),
        embedder=_AskedEmbedder(asked),
        predictor=_AskedPredictor(asked, pipeline),
        index=_AskedIndex(asked, tmp_path / "search", pipeline),
    )
    again = run_day(idle, DAY, instance, EVERYTHING)
    assert again.success

    assert {asset: facts["unchanged"] for asset, facts in metadata_of(again).items()} == dict.fromkeys(EVERYTHING, True)
    assert asked == []
    assert [path for path in store.reads if not path.startswith(("manifests/", "models/published.json"))] == []
    assert store.writes == store.deletes == []


def test_those_who_are_asked_are_seen_when_there_is_something_to_ask(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_labelled_day(tmp_path)
    run_day(pipeline, DAY, instance, EVERYTHING)
    land(pipeline, {"new.jpg": a_picture(777, (160, 120))})
    asked: list[str] = []
    busy = replace(
        pipeline,
        embedder=_AskedEmbedder(asked),
        predictor=_AskedPredictor(asked, pipeline),
        index=_AskedIndex(asked, tmp_path / "search", pipeline),
    )

    assert run_day(busy, DAY, instance).success
    assert {*asked} == {"embed", "predict", "put"}


def test_a_broken_image_is_a_warning_with_its_reason_not_a_failed_day(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    result = run_day(a_labelled_day(tmp_path), DAY, instance)
    assert result.success

    told = checks_of(result)
    readable, complete = told["resized_images_are_readable"], told["resized_images_are_complete"]
    assert (readable.passed, readable.severity) == (False, dg.AssetCheckSeverity.WARN)
    table = readable.metadata["images"].value
    assert isinstance(table, dg.TableMetadataValue)
    assert [(row.data["path"], row.data["reason"]) for row in table.records] == [("landing/2026/03/02/broken.jpg", "truncated")]
    assert (complete.passed, complete.partition) == (True, DAY)


def test_the_data_version_of_an_asset_is_the_digest_of_its_rows(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_labelled_day(tmp_path)
    result = run_day(pipeline, DAY, instance, EVERYTHING)
    assert result.success, errors_of(result)
    versions = {
        event.materialization.asset_key.to_user_string(): (event.materialization.tags or {})["dagster/data_version"]
        for event in result.get_asset_materialization_events()
    }
    published = versions.pop("published_model")

    rows = {asset: pipeline.manifests.find(asset, "all" if asset == "label_records" else DAY).rows for asset in EVERYTHING}
    assert versions == rows
    assert published == metadata_of(result)["training_iterations"]["model"]


def test_a_step_without_its_upstream_day_says_what_to_materialise_first(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    result = run_day(a_pipeline(tmp_path), DAY, instance, ["predictions"])

    assert not result.success
    said = errors_of(result)["predictions"]
    assert "ManifestMissingError: resized_images has no manifest for 2026-03-02. Materialise resized_images" in said


def test_only_the_newest_day_trains_and_the_others_say_why_they_did_not(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_labelled_day(tmp_path)
    land(pipeline, {"older.jpg": a_picture(500, (160, 120))}, EARLIER)
    for day in (DAY, EARLIER):
        run_day(pipeline, day, instance)

    older = metadata_of(run_day(pipeline, EARLIER, instance, TRAINING))["training_iterations"]
    newest = metadata_of(run_day(pipeline, DAY, instance, TRAINING))["training_iterations"]

    assert (older["trained"], older["reason"]) == (False, f"Only the newest tagged day trains, and {DAY} is newer.")
    assert newest["trained"]


def test_a_mass_deletion_marks_its_run_and_consent_lets_it_through(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {f"{n}.jpg": a_picture(n, (64, 48)) for n in range(25)})
    run_day(pipeline, DAY, instance, ["raw_images"])
    for n in range(22):
        pipeline.store.delete(f"landing/2026/03/02/{n}.jpg")

    refused = run_day(pipeline, DAY, instance)
    marked = instance.get_run_by_id(refused.run_id)
    assert marked is not None
    assert "MassDeletionError" in errors_of(refused)["raw_images"]
    assert marked.tags[CONSENT_TAG] == "yes"

    config = {"ops": {"raw_images": {"config": {"accept_deletions": True}}}}
    agreed = run_day(pipeline, DAY, instance, ["raw_images"], run_config=config)
    assert agreed.success
    assert metadata_of(agreed)["raw_images"]["deleted"] == 22


def test_a_run_that_fails_for_another_reason_does_not_ask_for_consent(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {"one.jpg": a_picture(1, (64, 48))})
    run_day(pipeline, DAY, instance, ["raw_images"])
    pipeline.store.delete("landing/_imaging_assets.json")

    failed = run_day(pipeline, DAY, instance)
    run = instance.get_run_by_id(failed.run_id)
    assert run is not None
    assert "StoreUnavailableError" in errors_of(failed)["raw_images"]
    assert CONSENT_TAG not in run.tags


def test_a_day_with_no_image_at_all_goes_through(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    result = run_day(a_pipeline(tmp_path), DAY, instance, EVERYTHING)

    assert result.success, errors_of(result)
    told = metadata_of(result)
    assert {told[asset]["images"] for asset in CHAIN if asset not in ("label_records", "search_documents", "image_catalog")} == {
        0
    }
    assert "contact_sheet" not in told["resized_images"]


def _noise(rng: np.random.Generator) -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


class _AskedEmbedder(GradientEmbedder):
    def __init__(self, asked: list[str]) -> None:
        super().__init__()
        self._asked = asked

    @override
    def embed(self, images: Sequence[bytes]) -> npt.NDArray[np.float32]:
        self._asked.append("embed")
        return super().embed(images)


class _AskedPredictor(OnnxPredictor):
    def __init__(self, asked: list[str], pipeline: Pipeline) -> None:
        super().__init__(pipeline.store, folder=pipeline.places.models)
        self._asked = asked

    @override
    def predict(self, model_id: str, images: Sequence[bytes]) -> list[Scored]:
        self._asked.append("predict")
        return super().predict(model_id, images)


class _AskedIndex(SqliteSearchIndex):
    def __init__(self, asked: list[str], folder: Path, pipeline: Pipeline) -> None:
        super().__init__(folder, dimensions=pipeline.embedder.dimensions, embedding_id=pipeline.embedder.embedding_id)
        self._asked = asked

    @override
    def put(self, documents: Sequence[Document]) -> list[DocumentResult]:
        self._asked.append("put")
        return super().put(documents)

    @override
    def delete(self, ids: Sequence[str]) -> list[DocumentResult]:
        self._asked.append("delete")
        return super().delete(ids)
