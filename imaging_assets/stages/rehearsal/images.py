"""A day's `resized_images` as they would be, should every image that was not read yet be a good one.

Belongs here: rows for images nobody read. Does not: the real rows (`stages/images/resized.py`).

What cannot be known without reading: which images are broken, which are copies or near-duplicates of others, which merely moved. All of
those cost less than what is foretold.
"""

from typing import Any

import polars as pl

from imaging_assets.stages.digests import sha256_of
from imaging_assets.stages.images.duplicates import duplicate_groups
from imaging_assets.stages.images.recipe import decoders, recipe
from imaging_assets.stages.images.resized import carry_over, resized_inputs
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.rehearsal.store import RehearsalStore
from imaging_assets.stages.state import Draft, Manifest
from imaging_assets.stages.tables import RAW_IMAGES, RESIZED_IMAGES

Row = dict[str, Any]

_SIDE = 1000
"""Width and height of an image that nobody looked at."""


def pretend_resized(pipeline: Pipeline, raw: Manifest, store: RehearsalStore) -> tuple[Draft, int, int]:
    """The day's rows, how many images would be read for them, and their bytes."""
    work = pipeline.manifests.begin(RESIZED_IMAGES, raw.key, resized_inputs(pipeline, raw))
    if work.done:
        return work.done, 0, 0
    carried, todo = carry_over(pipeline, pipeline.manifests.read(raw, RAW_IMAGES), work.previous(), work)
    fresh = [_good(pipeline, landed) for landed in todo]
    store.sizes |= {row["resized"]: row["resized_size"] for row in fresh} | {row["thumbnail"]: 1 for row in fresh}
    rows = RESIZED_IMAGES.frame([*carried, *fresh])
    groups = duplicate_groups(rows, pipeline.resize.near_duplicate_bits)
    draft = work.draft(rows.with_columns(pl.Series("duplicate_group", groups, pl.String())))
    return draft, len(todo), sum(row["size"] for row in todo)


def _good(pipeline: Pipeline, landed: Row) -> Row:
    sha256 = sha256_of(f"rehearsed {landed['path']} {landed['etag']}".encode())
    places, name = pipeline.places, f"{sha256[:2]}/{sha256}-{recipe(pipeline.resize)}"
    return dict.fromkeys(RESIZED_IMAGES.columns) | {
        "path": landed["path"],
        "size": landed["size"],
        "etag": landed["etag"],
        "sha256": sha256,
        "phash": sha256[:16],
        "status": "passed",
        "format": "JPEG",
        "width": _SIDE,
        "height": _SIDE,
        "problems": [],
        "resized": f"{places.resized}/{name}.jpg",
        "resized_size": min(landed["size"], pipeline.resize.max_bytes),
        "resized_width": _SIDE,
        "resized_height": _SIDE,
        "thumbnail": f"{places.thumbnails}/{name}.jpg",
        "duplicate_group": "",
        "recipe": recipe(pipeline.resize),
        "decoders": decoders(pipeline.resize),
    }
