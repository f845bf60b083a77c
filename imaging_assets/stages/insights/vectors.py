"""Step `image_vectors`: one vector per distinct image, so that look-alikes are found.

Belongs here: which vectors are carried over, which are made. Does not: how one is made (`ports/analyzer.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from imaging_assets.stages.digests import digest
from imaging_assets.stages.images.encode import encode_image
from imaging_assets.stages.insights.plan import VECTORS
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft, Manifest
from imaging_assets.stages.tables import RESIZED_IMAGES, image_vectors

RECIPE = "vectors-1"
"""Raised when this step's output changes for another reason than the embedding."""

_BATCH = 64


@dataclass(frozen=True, slots=True)
class VectorReport:
    """Vectors of a day; `embedded` counts those made now."""

    images: int
    embedded: int
    embedding_id: str


def vector_inputs(pipeline: Pipeline, resized: Manifest) -> str:
    """Digest of what the step would read now."""
    return digest(RECIPE, pipeline.embedder.embedding_id, resized.rows)


def embed_day(pipeline: Pipeline, resized: Manifest) -> tuple[Draft, VectorReport]:
    """Bring a day's vectors up to date with its images."""
    embedder = pipeline.embedder
    table = image_vectors(embedder.dimensions)
    work = pipeline.manifests.begin(table, resized.key, vector_inputs(pipeline, resized))
    if work.done:
        return work.done, VectorReport(work.previous().height, 0, embedder.embedding_id)
    images = pipeline.manifests.read(resized, RESIZED_IMAGES.narrowed("sha256", "status", "thumbnail"))
    images = images.filter(pl.col("status") != "quarantined").unique("sha256").sort("sha256")
    kept = [work.previous_that_fits().filter(pl.col("embedding_id") == embedder.embedding_id), work.journal.read(table)]
    carried = pl.concat(kept).unique(table.key).join(images, on="sha256", how="semi")
    todo = images.join(carried, on="sha256", how="anti").sort("sha256")
    frames = [carried]
    for start in range(0, todo.height, _BATCH):
        batch = todo.slice(start, _BATCH)
        vectors = embedder.embed([pipeline.store.read(path).data for path in batch["thumbnail"]])
        made = batch.select("sha256", pl.lit(embedder.embedding_id).alias("embedding_id"), pl.Series("vector", vectors))
        frames.append(table.frame(made))
        if start + _BATCH < todo.height:  # the last batch goes straight into the manifest
            work.journal.append(table, frames[-1])
    return work.draft(pl.concat(frames)), VectorReport(images.height, todo.height, embedder.embedding_id)


class DayVectors:
    """Vectors of a day, told of some images at a time; of none where the step is off."""

    def __init__(self, pipeline: Pipeline, insights: Mapping[str, Manifest]) -> None:
        table = image_vectors(pipeline.embedder.dimensions)
        self._rows = pipeline.manifests.read(insights[VECTORS], table) if VECTORS in insights else table.frame([])

    def of(self, sha256: pl.Series) -> dict[str, npt.NDArray[np.float32]]:
        """By sha256, the vectors float32 [dimensions] of those of these images that have one."""
        rows = self._rows.filter(pl.col("sha256").is_in(sha256.implode()))
        return dict(zip(rows["sha256"], rows["vector"].to_numpy(), strict=True))


def embed_query(pipeline: Pipeline, data: bytes) -> npt.NDArray[np.float32]:
    """Vector float32 [dimensions] of a picture that need not be in the store, made as a day's vectors are.

    Raises:
        UnreadableImageError: It is not a picture we can read.
    """
    vector: npt.NDArray[np.float32] = pipeline.embedder.embed([encode_image(data, pipeline.resize).looks.thumbnail])[0]
    return vector
