"""Which image is trained on and which is only scored; once placed, an image never changes sides.

Belongs here: placing new images and the one blob that remembers it. Does not: which images there are (`training_sets`).

Near-duplicates, and theirs in turn (a burst drifts), form a group and share a side, so that a test image never has a twin among the
trained ones. A new image near two others on different sides is excluded. The memory is written with a condition on its etag:
of two runs that place images at once, the second looks at what the first decided and places the rest.
"""

import io
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
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
    path = _memory(pipeline)
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


def known_sides(pipeline: Pipeline) -> dict[str, Row]:
    """Rows of `SPLITS` by sha256: every image that was ever placed."""
    return _read(pipeline, _memory(pipeline))[0]


def _memory(pipeline: Pipeline) -> str:
    return f"{pipeline.places.models}/splits.parquet"


def _read(pipeline: Pipeline, path: str) -> tuple[dict[str, Row], str | None]:
    try:
        blob = pipeline.store.read(path)
    except BlobNotFoundError:
        return {}, None
    return {row["sha256"]: row for row in pl.read_parquet(io.BytesIO(blob.data)).iter_rows(named=True)}, blob.etag


def _place(new: Sequence[Row], known: Mapping[str, Row], training: Training, bits: int) -> dict[str, Row]:
    """Rows of `SPLITS` for images that have no place yet."""
    there = [row for row in known.values() if row["split"] != "excluded"]
    hashes = as_bits([row["phash"] for row in there])
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for old in known.values():
        counts[old["tag"]][old["split"]] += 1
    placed: dict[str, Row] = {}
    for image, phash in _in_chains(new, hashes, bits):
        row: Row = {"sha256": image["sha256"], "phash": image["phash"], "reason": "", "tag": image["tags"][0]}
        near = [there[place] for place in np.flatnonzero(distances(phash, hashes) <= bits)]
        if len({other["split"] for other in near}) > 1:
            row |= {"group": near[0]["group"], "split": "excluded", "reason": _TWO_SIDES}
        elif near:
            row |= {"group": near[0]["group"], "split": near[0]["split"]}
        else:
            row |= {"group": row["sha256"], "split": _needed_side(counts[row["tag"]], training)}
        if row["split"] != "excluded":
            there.append(row)
            hashes = np.append(hashes, phash)
        counts[row["tag"]][row["split"]] += 1
        placed[row["sha256"]] = row
    return placed


def _in_chains(new: Sequence[Row], known: npt.NDArray[np.uint64], bits: int) -> Iterator[tuple[Row, np.uint64]]:
    """New images and their hashes, each followed by its near-duplicates and theirs, so that a burst finds its side as a whole.

    Chains that begin at a known image (by hash) come first, else those of the smallest digest, which is as good as random and the
    same on every machine.
    """
    images = sorted(new, key=lambda row: str(row["sha256"]))
    hashes = as_bits([row["phash"] for row in images])
    waiting = np.ones(len(images), dtype=bool)
    apart = [not np.any(distances(phash, known) <= bits) for phash in hashes]
    for first in sorted(range(len(images)), key=apart.__getitem__):
        chain: deque[int] = deque([first] if waiting[first] else [])
        waiting[first] = False
        while chain:
            place = chain.popleft()
            yield images[place], hashes[place]
            near = np.flatnonzero(waiting & (distances(hashes[place], hashes) <= bits))
            waiting[near] = False
            chain.extend(near.tolist())


def _needed_side(counts: Counter[str], training: Training) -> str:
    """The side that is furthest below its share of a tag's images; test, while it has none of the second and later ones."""
    shares = {"train": 1 - training.test_share - training.validation_share, "test": training.test_share}
    shares["validation"] = training.validation_share
    placed = sum(counts[side] for side in shares)
    if placed and not counts["test"]:
        return "test"
    return max(shares, key=lambda side: shares[side] * (placed + 1) - counts[side])
