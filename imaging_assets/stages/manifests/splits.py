"""Which image is trained on and which is only scored; once placed, an image never changes sides.

Belongs here: placing new images and the one blob that remembers it. Does not: which images there are (`training_sets`).

Near-duplicates, and theirs in turn (a burst drifts), form a group and share a side, so that a test image never has a twin among the
trained ones. A new image near two others on different sides is excluded. The memory is written with a condition on its etag:
of two runs that place images at once, the second looks at what the first decided and places the rest.
"""

import io
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from imaging_assets.errors import BlobConflictError, BlobNotFoundError
from imaging_assets.policies import Training
from imaging_assets.stages.images.hashing import Hashes, as_bits
from imaging_assets.stages.manifests.neighbours import Neighbours
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import SPLITS

Row = dict[str, Any]

_ATTEMPTS = 20
_TWO_SIDES = "near-duplicates of it are on two sides of the split"


def place_images(pipeline: Pipeline, images: Sequence[Row]) -> dict[str, Row]:
    """Side and group of these images, by sha256; new ones are placed and remembered.

    Args:
        images: Rows with `sha256`, `phash` and `tags`.
    """
    path = _memory(pipeline)
    wanted = pl.Series([image["sha256"] for image in images], dtype=pl.String())
    for _ in range(_ATTEMPTS):
        known, etag = _read(pipeline, path)
        there = _by_sha256(known.filter(pl.col("sha256").is_in(wanted.implode())))
        new = [image for image in images if image["sha256"] not in there]
        if not new:
            return there
        placed = _place(new, known, pipeline.training, pipeline.resize.near_duplicate_bits)
        buffer = io.BytesIO()
        pl.concat([known, SPLITS.frame(list(placed.values()))]).write_parquet(buffer)
        try:
            pipeline.store.write(path, buffer.getvalue(), if_match=etag, if_absent=etag is None)
        except BlobConflictError:
            continue
        return there | placed
    raise BlobConflictError(path)


def known_sides(pipeline: Pipeline) -> pl.DataFrame:
    """Rows of `SPLITS`: every image that was ever placed."""
    return _read(pipeline, _memory(pipeline))[0]


def _memory(pipeline: Pipeline) -> str:
    return f"{pipeline.places.models}/splits.parquet"


def _read(pipeline: Pipeline, path: str) -> tuple[pl.DataFrame, str | None]:
    try:
        blob = pipeline.store.read(path)
    except BlobNotFoundError:
        return SPLITS.frame([]), None
    return pl.read_parquet(io.BytesIO(blob.data)), blob.etag


def _by_sha256(rows: pl.DataFrame) -> dict[str, Row]:
    return {row["sha256"]: row for row in rows.iter_rows(named=True)}


def _place(new: Sequence[Row], known: pl.DataFrame, training: Training, bits: int) -> dict[str, Row]:
    """Rows of `SPLITS` for images that have no place yet."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for tag, split, number in known.group_by("tag", "split").len().iter_rows():
        counts[tag][split] = number
    there = known.filter(pl.col("split") != "excluded").select("group", "split")
    older = Neighbours(as_bits(known.filter(pl.col("split") != "excluded")["phash"].to_list()), bits)
    images = sorted(new, key=lambda row: str(row["sha256"]))
    hashes = as_bits([row["phash"] for row in images])
    newer = Neighbours(hashes, bits)
    near_older = [older.near(phash) for phash in hashes]
    rows: list[Row] = []
    turns: dict[int, int] = {}
    for place in _in_chains(hashes, newer, [len(near) == 0 for near in near_older]):
        image = images[place]
        row: Row = {"sha256": image["sha256"], "phash": image["phash"], "reason": "", "tag": image["tags"][0]}
        near = there[near_older[place]].to_dicts()
        before = sorted(turns[at] for at in newer.near(hashes[place]).tolist() if at in turns)
        near += [rows[turn] for turn in before if rows[turn]["split"] != "excluded"]
        if len({other["split"] for other in near}) > 1:
            row |= {"group": near[0]["group"], "split": "excluded", "reason": _TWO_SIDES}
        elif near:
            row |= {"group": near[0]["group"], "split": near[0]["split"]}
        else:
            row |= {"group": row["sha256"], "split": _needed_side(counts[row["tag"]], training)}
        counts[row["tag"]][row["split"]] += 1
        turns[place] = len(rows)
        rows.append(row)
    return {row["sha256"]: row for row in rows}


def _in_chains(hashes: Hashes, alike: Neighbours, apart: Sequence[bool]) -> Iterator[int]:
    """Places of new images, each followed by its near-duplicates and theirs, so that a burst finds its side as a whole.

    Chains that begin at a known image (by hash) come first, else those of the smallest digest, which is as good as random and the
    same on every machine.
    """
    waiting = np.ones(len(hashes), dtype=bool)
    for first in sorted(range(len(hashes)), key=apart.__getitem__):
        chain: deque[int] = deque([first] if waiting[first] else [])
        waiting[first] = False
        while chain:
            place = chain.popleft()
            yield place
            near = alike.near(hashes[place])
            near = near[waiting[near]]
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
