"""Which image is trained on and which is only scored; once placed, an image never changes sides.

Belongs here: placing new images and the one blob that remembers it. Does not: which images there are (`training_sets`).

Near-duplicates form a group around the first image of its kind (its leader) and share its side, so that a test image never has a twin
among the trained ones. A new image near two groups on different sides is excluded. The memory is written with a condition on its etag:
of two runs that place images at once, the second looks at what the first decided and places the rest.
"""

import io
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from imaging_assets.errors import BlobConflictError, BlobNotFoundError
from imaging_assets.policies import Training
from imaging_assets.stages.images.hashing import as_bits, distances
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import SPLITS

Row = dict[str, Any]

_ATTEMPTS = 20
_TWO_SIDES = "near-duplicates of it are on two sides of the split"


def place_images(pipeline: Pipeline, images: Sequence[Row]) -> dict[str, Row]:
    """Side and group of every image, by sha256; new ones are placed and remembered.

    Args:
        images: Rows with `sha256`, `phash` and `tags`.
    """
    path = f"{pipeline.places.models}/splits.parquet"
    for _ in range(_ATTEMPTS):
        known, etag = _read(pipeline, path)
        new = [image for image in images if image["sha256"] not in known]
        if not new:
            break
        known |= _place(new, known, pipeline.training, pipeline.resize.near_duplicate_bits)
        buffer = io.BytesIO()
        SPLITS.frame(list(known.values())).write_parquet(buffer)
        try:
            pipeline.store.write(path, buffer.getvalue(), if_match=etag, if_absent=etag is None)
        except BlobConflictError:
            continue
        break
    else:
        raise BlobConflictError(path)
    return known


def _read(pipeline: Pipeline, path: str) -> tuple[dict[str, Row], str | None]:
    try:
        blob = pipeline.store.read(path)
    except BlobNotFoundError:
        return {}, None
    return {row["sha256"]: row for row in pl.read_parquet(io.BytesIO(blob.data)).iter_rows(named=True)}, blob.etag


def _place(new: Sequence[Row], known: Mapping[str, Row], training: Training, bits: int) -> dict[str, Row]:
    """Rows of `SPLITS` for images that have no place yet."""
    leaders = [row for row in known.values() if row["group"] == row["sha256"]]
    hashes = as_bits([row["phash"] for row in leaders])
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for old in known.values():
        counts[old["tag"]][old["split"]] += 1
    placed: dict[str, Row] = {}
    # Digest order is as good as random, and the same on every machine.
    for image in sorted(new, key=lambda row: str(row["sha256"])):
        row: Row = {"sha256": image["sha256"], "phash": image["phash"], "reason": "", "tag": image["tags"][0]}
        near = (
            [leaders[place] for place in np.flatnonzero(distances(as_bits([row["phash"]])[0], hashes) <= bits)] if leaders else []
        )
        sides = {leader["split"] for leader in near}
        if len(sides) > 1:
            row |= {"group": near[0]["sha256"], "split": "excluded", "reason": _TWO_SIDES}
        elif near:
            row |= {"group": near[0]["sha256"], "split": near[0]["split"]}
        else:
            row |= {"group": row["sha256"], "split": _needed_side(counts[row["tag"]], training)}
            leaders.append(row)
            hashes = np.append(hashes, as_bits([row["phash"]]))
        counts[row["tag"]][row["split"]] += 1
        placed[row["sha256"]] = row
    return placed


def _needed_side(counts: Counter[str], training: Training) -> str:
    """The side that is furthest below its share of a tag's images."""
    shares = {"train": 1 - training.test_share - training.validation_share, "test": training.test_share}
    shares["validation"] = training.validation_share
    placed = sum(counts[side] for side in shares)
    return max(shares, key=lambda side: shares[side] * (placed + 1) - counts[side])
