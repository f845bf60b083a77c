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
    images = pipeline.manifests.read(resized, RESIZED_IMAGES).filter(pl.col("status") != "quarantined").unique("sha256")
    thumbnails = dict(images.select("sha256", "thumbnail").iter_rows())
    kept = [work.previous_that_fits().filter(pl.col("embedding_id") == embedder.embedding_id), work.journal.read(table)]
    carried = pl.concat(kept).unique(table.key).filter(pl.col("sha256").is_in(list(thumbnails)))
    todo = sorted(thumbnails.keys() - set(carried["sha256"]))
    frames = [carried]
    for start in range(0, len(todo), _BATCH):
        batch = todo[start : start + _BATCH]
        vectors = embedder.embed([pipeline.store.read(thumbnails[sha256]).data for sha256 in batch])
        rows = {"sha256": batch, "embedding_id": [embedder.embedding_id] * len(batch), "vector": vectors}
        frames.append(table.frame(pl.DataFrame(rows, schema=dict(table.columns))))
        if start + _BATCH < len(todo):  # the last batch goes straight into the manifest
            work.journal.append(table, frames[-1])
    return work.draft(pl.concat(frames)), VectorReport(len(thumbnails), len(todo), embedder.embedding_id)


def vectors_of(pipeline: Pipeline, insights: Mapping[str, Manifest]) -> dict[str, npt.NDArray[np.float32]]:
    """Vectors of a day by sha256; none where the step is off."""
    if VECTORS not in insights:
        return {}
    rows = pipeline.manifests.read(insights[VECTORS], image_vectors(pipeline.embedder.dimensions))
    return dict(zip(rows["sha256"], rows["vector"].to_numpy(), strict=True))


def embed_query(pipeline: Pipeline, data: bytes) -> npt.NDArray[np.float32]:
    """Vector float32 [dimensions] of a picture that need not be in the store, made as a day's vectors are.

    Raises:
        UnreadableImageError: It is not a picture we can read.
    """
    vector: npt.NDArray[np.float32] = pipeline.embedder.embed([encode_image(data, pipeline.resize).looks.thumbnail])[0]
    return vector
