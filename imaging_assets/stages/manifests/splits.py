"""Which image is trained on and which is only scored; once placed, an image never changes sides.

Belongs here: placing new images and the memory of it. Does not: which images there are (`training_sets`).

Near-duplicates, and theirs in turn (a burst drifts), form a group and share a side, so that a test image never has a twin among the
trained ones. A new image near two others on different sides is excluded. The memory is one blob, written with a condition on its etag:
of two runs that place images at once, the second looks at what the first decided and places the rest. Grown long, the blob is put
aside for good under a name of its own, and the one that follows names it.
"""

import io
import json
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from imaging_assets.errors import BlobConflictError, BlobNotFoundError
from imaging_assets.policies import Training
from imaging_assets.stages.digests import DIGEST_LENGTH, Prefixes, first_bits, sha256_of
from imaging_assets.stages.images.hashing import Hashes, as_bits
from imaging_assets.stages.manifests.neighbours import Neighbours
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import SPLITS

Row = dict[str, Any]

_ATTEMPTS = 20
_LONGEST = 100_000
"""Images after which the memory is continued in another blob, so that remembering a few more stays cheap."""
_OLDER = "imaging_assets.older"
_TWO_SIDES = "near-duplicates of it are on two sides of the split"


def place_images(pipeline: Pipeline, images: Sequence[Row]) -> dict[str, Row]:
    """Side and group of these images, by sha256; new ones are placed and remembered.

    Args:
        images: Rows with `sha256`, `phash` and `tags`.
    """
    wanted = pl.Series([image["sha256"] for image in images], dtype=pl.String())
    for _ in range(_ATTEMPTS):
        memory = _Memory.read(pipeline)
        there: dict[str, Row] = {}
        for piece in memory.pieces():
            there |= _by_sha256(pl.scan_parquet(io.BytesIO(piece)).filter(pl.col("sha256").is_in(wanted.implode())).collect())
        new = [image for image in images if image["sha256"] not in there]
        if not new:
            return there
        known = memory.rows("phash", "group", "split", "tag")
        placed = _place(new, known, pipeline.training, pipeline.resize.near_duplicate_bits)
        try:
            memory.add(SPLITS.frame(list(placed.values())))
        except BlobConflictError:
            continue
        return there | placed
    raise BlobConflictError(_memory(pipeline))


def known_sides(pipeline: Pipeline, *columns: str) -> pl.DataFrame:
    """Rows of `SPLITS`, or some columns of them: every image that was ever placed."""
    return _Memory.read(pipeline).rows(*(columns or SPLITS.columns))


def placed_prefixes(pipeline: Pipeline) -> Prefixes:
    """The first 64 bits of the digests of every image that was ever placed, sorted."""
    pieces = _Memory.read(pipeline).pieces()
    found = [first_bits(pl.read_parquet(io.BytesIO(piece), columns=["sha256"])["sha256"]) for piece in pieces]
    return np.sort(np.concatenate(found)) if found else first_bits(pl.Series([], dtype=pl.String()))


@dataclass(frozen=True, slots=True)
class _Memory:
    """What is remembered: a blob that changes and, once that has grown long, the pieces that it was before, which it names."""

    pipeline: Pipeline
    head: bytes
    etag: str | None
    older: tuple[str, ...]

    @classmethod
    def read(cls, pipeline: Pipeline) -> "_Memory":
        try:
            blob = pipeline.store.read(_memory(pipeline))
        except BlobNotFoundError:
            return cls(pipeline, b"", None, ())
        notes = pl.read_parquet_metadata(io.BytesIO(blob.data))
        return cls(pipeline, blob.data, blob.etag, tuple(json.loads(notes.get(_OLDER, "[]"))))

    def pieces(self) -> Iterator[bytes]:
        """Each a Parquet file with rows of `SPLITS`; all together are what is remembered."""
        yield from (self.pipeline.store.read(path).data for path in self.older)
        if self.head:
            yield self.head

    def rows(self, *columns: str) -> pl.DataFrame:
        frames = [pl.read_parquet(io.BytesIO(piece), columns=list(columns)) for piece in self.pieces()]
        return pl.concat([SPLITS.frame([]).select(columns), *frames])

    def add(self, rows: pl.DataFrame) -> None:
        """Remember more.

        Raises:
            BlobConflictError: Another run remembered something since.
        """
        head, older = SPLITS.frame([]), self.older
        if self.head:
            is_long = pl.scan_parquet(io.BytesIO(self.head)).select(pl.len()).collect().item() >= _LONGEST
            if is_long:
                older = (*older, f"{self.pipeline.places.models}/splits/{sha256_of(self.head)[:DIGEST_LENGTH]}.parquet")
                self.pipeline.store.write(older[-1], self.head)
            else:
                head = pl.read_parquet(io.BytesIO(self.head))
        buffer = io.BytesIO()
        pl.concat([head, rows]).write_parquet(buffer, metadata={_OLDER: json.dumps(older)} if older else None)
        self.pipeline.store.write(_memory(self.pipeline), buffer.getvalue(), if_match=self.etag, if_absent=self.etag is None)


def _memory(pipeline: Pipeline) -> str:
    return f"{pipeline.places.models}/splits.parquet"


def _by_sha256(rows: pl.DataFrame) -> dict[str, Row]:
    return {row["sha256"]: row for row in rows.iter_rows(named=True)}


def _place(new: Sequence[Row], known: pl.DataFrame, training: Training, bits: int) -> dict[str, Row]:
    """Rows of `SPLITS` for images that have no place yet."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for tag, split, number in known.group_by("tag", "split").len().iter_rows():
        counts[tag][split] = number
    there = known.filter(pl.col("split") != "excluded")
    # One long text, not a list of a million.
    older = Neighbours(as_bits([there["phash"].str.join("").item()]), bits)
    images = sorted(new, key=lambda row: str(row["sha256"]))
    hashes = as_bits([row["phash"] for row in images])
    newer = Neighbours(hashes, bits)
    near_older = [older.near(phash) for phash in hashes]
    rows: list[Row] = []
    turns: dict[int, int] = {}
    for place in _in_chains(hashes, newer, [len(near) == 0 for near in near_older]):
        image = images[place]
        row: Row = {"sha256": image["sha256"], "phash": image["phash"], "reason": "", "tag": image["tags"][0]}
        near = there[near_older[place]].select("group", "split").to_dicts()
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
