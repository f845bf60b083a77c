"""Vectors of a day: one for each distinct usable image, made once per embedding."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from typing_extensions import override

from imaging_assets.errors import UnreadableImageError
from imaging_assets.ports.analyzer import ImageEmbedder
from imaging_assets.stages.images.raw import take_inventory
from imaging_assets.stages.images.resized import resize_day
from imaging_assets.stages.insights.vectors import VectorReport, embed_day, embed_query, vector_inputs
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import image_vectors
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land
from imaging_assets_tests.doubles import CountingBlobStore, FailingBlobStore, over

FOLDER = f"landing/{DAY.replace('-', '/')}"
PICTURES = {f"{number}.jpg": a_picture(number, (64, 48)) for number in range(4)}


class MeanEmbedder(ImageEmbedder):
    """A real embedding of few numbers: lengths and sums of the bytes; it counts the images it is shown."""

    def __init__(self, embedding_id: str, dimensions: int) -> None:
        self._embedding_id = embedding_id
        self._dimensions = dimensions
        self.shown = 0

    @property
    @override
    def embedding_id(self) -> str:
        return self._embedding_id

    @property
    @override
    def dimensions(self) -> int:
        return self._dimensions

    @override
    def embed(self, images: Sequence[bytes]) -> npt.NDArray[np.float32]:
        self.shown += len(images)
        return np.array([[len(data), sum(data), *range(self._dimensions - 2)] for data in images], np.float32)


def resized(pipeline: Pipeline) -> Pipeline:
    pipeline.manifests.commit(take_inventory(pipeline, DAY)[0])
    pipeline.manifests.commit(resize_day(pipeline, pipeline.manifests.find("raw_images", DAY))[0])
    return pipeline


def a_day(home: Path, pictures: dict[str, bytes]) -> Pipeline:
    pipeline = a_pipeline(home)
    land(pipeline, pictures)
    return resized(pipeline)


def embed(pipeline: Pipeline) -> VectorReport:
    draft, report = embed_day(pipeline, pipeline.manifests.find("resized_images", DAY))
    pipeline.manifests.commit(draft)
    return report


def vectors(pipeline: Pipeline) -> pl.DataFrame:
    return pipeline.manifests.read(pipeline.manifests.find("image_vectors", DAY), image_vectors(pipeline.embedder.dimensions))


def test_each_distinct_usable_image_has_one_vector(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path, PICTURES | {"copy.jpg": PICTURES["0.jpg"], "bad.jpg": b"text"})

    report = embed(pipeline)

    frame = vectors(pipeline)
    assert report == VectorReport(images=4, embedded=4, embedding_id=pipeline.embedder.embedding_id)
    assert frame["sha256"].n_unique() == frame.height == 4
    norms = np.linalg.norm(frame["vector"].to_numpy(), axis=1)
    assert np.allclose(norms, 1, atol=1e-3)


def test_a_day_without_images_has_no_vectors(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path, {})

    assert embed(pipeline).images == 0
    assert vectors(pipeline).height == 0


def test_an_unchanged_day_is_done_and_reads_no_picture(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path, PICTURES)
    embed(pipeline)
    counting = CountingBlobStore(pipeline.store)

    report = embed(over(pipeline, counting))

    assert (report.images, report.embedded) == (4, 0)
    assert counting.reads_below("thumbnails/") == []
    assert counting.writes == []


def test_only_new_bytes_are_embedded_and_gone_ones_forgotten(tmp_path: Path) -> None:
    pipeline = replace(a_day(tmp_path, PICTURES), embedder=(embedder := MeanEmbedder("mean-1", 4)))
    embed(pipeline)
    pipeline.store.copy(f"{FOLDER}/0.jpg", f"{FOLDER}/moved.jpg")
    for name in ("0.jpg", "1.jpg"):
        pipeline.store.delete(f"{FOLDER}/{name}")
    land(pipeline, {"new.jpg": a_picture(50)})
    before = embedder.shown

    report = embed(resized(pipeline))

    assert (report.images, report.embedded) == (4, 1)
    assert embedder.shown == before + 1
    assert vectors(pipeline).height == 4


@pytest.mark.parametrize("dimensions", [4, 7])
def test_another_embedding_replaces_every_vector_whatever_its_length(tmp_path: Path, dimensions: int) -> None:
    first = replace(a_day(tmp_path, PICTURES), embedder=MeanEmbedder("mean-1", 4))
    embed(first)
    second = replace(first, embedder=MeanEmbedder("mean-2", dimensions))
    manifest = first.manifests.find("resized_images", DAY)
    assert vector_inputs(first, manifest) != vector_inputs(second, manifest)

    report = embed(second)

    frame = vectors(second)
    assert report.embedded == 4
    assert set(frame["embedding_id"]) == {"mean-2"}
    assert frame["vector"].to_numpy().shape == (4, dimensions)
    assert len(first.manifests.standing("image_vectors")[DAY]) == 1


def test_a_damaged_manifest_of_vectors_is_made_anew_when_the_day_changes(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path, PICTURES)
    embed(pipeline)
    pipeline.store.write(pipeline.manifests.find("image_vectors", DAY).blob.path, b"damaged")
    land(pipeline, {"new.jpg": a_picture(50)})

    assert embed(resized(pipeline)).embedded == 5
    assert vectors(pipeline).height == 5


def test_a_run_killed_between_batches_repeats_at_most_one(tmp_path: Path) -> None:
    pictures = {f"{number}.jpg": a_picture(number, (16, 16)) for number in range(150)}
    pipeline = replace(a_day(tmp_path, pictures), embedder=(embedder := MeanEmbedder("mean-1", 4)))
    with pytest.raises(RuntimeError, match="killed"):
        embed(over(pipeline, FailingBlobStore(pipeline.store, 2)))
    assert embedder.shown == 150

    report = embed(pipeline)

    assert (report.images, report.embedded) == (150, 150 - 2 * 64)
    assert vectors(pipeline).height == 150
    assert [blob.path for blob in pipeline.store.list_blobs("manifests/image_vectors/_journal/")] == []


def test_the_same_picture_asked_for_has_the_vector_of_the_day(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path, {"a.jpg": PICTURES["0.jpg"]})
    embed(pipeline)

    asked = embed_query(pipeline, PICTURES["0.jpg"])

    assert np.allclose(asked, vectors(pipeline)["vector"].to_numpy()[0], atol=1e-6)


def test_what_is_no_picture_cannot_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match="unsupported format"):
        embed_query(a_pipeline(tmp_path), b"text")
