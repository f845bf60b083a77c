"""A day's `resized_images` as they would be, should every image that was not read yet be a good one.

Belongs here: rows for images nobody read. Does not: the real rows (`stages/images/resized.py`).

What cannot be known without reading: which images are broken, which are copies or near-duplicates of others, which merely moved. All of
those cost less than what is foretold.
"""

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from imaging_assets.errors import BlobNotFoundError, LabelFileError
from imaging_assets.stages.digests import sha256_of
from imaging_assets.stages.images.duplicates import duplicate_groups
from imaging_assets.stages.images.recipe import decoders, recipe
from imaging_assets.stages.images.resized import carry_over, resized_inputs
from imaging_assets.stages.manifests.matching import ImageIndex
from imaging_assets.stages.manifests.sources import label_files, read_source_file
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.rehearsal.store import RehearsalStore
from imaging_assets.stages.state import Draft, Manifest
from imaging_assets.stages.tables import RAW_IMAGES, RESIZED_IMAGES

Row = dict[str, Any]

_SIDE = 1000
"""Width and height of an image that nobody looked at."""


def stated_digests(pipeline: Pipeline) -> dict[str, str]:
    """What label files say the bytes of an image are (those of `add` do), by landing path: labels by digest then find their image."""
    names, found = ImageIndex(tuple(pipeline.roots)), dict[str, str]()
    for file in label_files(pipeline):
        try:
            stated, _ = read_source_file(pipeline, file)
        except (LabelFileError, BlobNotFoundError):
            continue  # `run` tells of it
        digests = ((names.whole_paths(image.path), image.sha256) for image in stated if image.path and image.sha256)
        found |= {path: sha256 for paths, sha256 in digests for path in paths}
    return found


def pretend_resized(
    pipeline: Pipeline, raw: Manifest, store: RehearsalStore, stated: Callable[[], Mapping[str, str]]
) -> tuple[Draft, int, int]:
    """The day's rows, how many images would be read for them, and their bytes.

    Args:
        stated: Gives digests that are known without reading, by landing path; asked only where an image is unread.
    """
    work = pipeline.manifests.begin(RESIZED_IMAGES, raw.key, resized_inputs(pipeline, raw))
    if work.done:
        return work.done, 0, 0
    carried, todo = carry_over(pipeline, pipeline.manifests.read(raw, RAW_IMAGES), work.previous(), work)
    digests = stated() if todo.height else {}
    fresh = [_good(pipeline, landed, digests.get(landed["path"])) for landed in todo.iter_rows(named=True)]
    store.sizes |= {row["resized"]: row["resized_size"] for row in fresh} | {row["thumbnail"]: 1 for row in fresh}
    rows = RESIZED_IMAGES.frame(pl.concat([carried, RESIZED_IMAGES.frame(fresh)]))
    groups = duplicate_groups(rows, pipeline.resize.near_duplicate_bits)
    draft = work.draft(rows.with_columns(groups))
    return draft, todo.height, int(todo["size"].sum())


def _good(pipeline: Pipeline, landed: Row, known: str | None) -> Row:
    sha256 = known or sha256_of(f"rehearsed {landed['path']} {landed['etag']}".encode())
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
