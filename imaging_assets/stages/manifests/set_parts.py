"""The parts of a training set: ten days each, by the day on which an image was first seen.

Belongs here: which row lies in which part, what the index tells of a part. Does not: which rows there are (`training_sets`), files
(`stages/parts.py`).
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from imaging_assets.stages.digests import SUMS, Prefixes, digest, first_bits, rows_sum, texts_sum
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import TRAINING_SET_INDEX, TRAINING_SETS

_TEN_DAYS = len("2026-11-2")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a part holds.

    Attributes:
        rows: Sum of the digests of its rows; without what is nothing to a training.
        days: Sum of the digests of the sides of its images, by each day on which they were seen.
        sides: Images by side of the split.
        tags: Images by tag and side.
        reasons: Images by reason why they are excluded.
    """

    rows: int
    days: Mapping[str, int]
    sides: Mapping[str, int]
    tags: Mapping[str, Mapping[str, int]]
    reasons: Mapping[str, int]


def part_of(sightings: pl.Expr) -> pl.Expr:
    """The part of a row."""
    return sightings.list.first().struct.field("day").str.head(_TEN_DAYS)


def write_parts(pipeline: Pipeline, rows: pl.DataFrame) -> pl.DataFrame:
    """Write rows in parts; returns their index."""
    keyed = rows.with_columns(part=part_of(pl.col("sightings")))
    parts = keyed.partition_by("part", as_dict=True) if rows.height else {}
    return TRAINING_SET_INDEX.frame([_write(pipeline, str(part), TRAINING_SETS.frame(frame)) for (part,), frame in parts.items()])


def summaries(index: pl.DataFrame) -> list[Summary]:
    """Of each part."""
    return [Summary(**json.loads(text)) for text in index["summary"]]


def summary_of(rows: pl.DataFrame) -> Summary:
    """Of any rows of a training set."""
    tags: dict[str, dict[str, int]] = {}
    for tag, split, number in rows.explode("tags").group_by("tags", "split").len().sort("tags", "split").iter_rows():
        tags.setdefault(tag, {})[split] = number
    return Summary(
        rows=rows_sum(rows, TRAINING_SETS.timeless),
        days=_sides_by_day(rows),
        sides=_counted(rows["split"]),
        tags=tags,
        reasons=_counted(rows["reason"].filter(rows["reason"] != "").str.split(":").list.first()),
    )


def rows_digest_of(found: Iterable[Summary]) -> str:
    """Name of what these parts hold together, however it is divided."""
    parts = list(found)
    return digest(sum(sum(part.sides.values()) for part in parts), sum(part.rows for part in parts) % SUMS)


def sides_of_days(found: Iterable[Summary]) -> dict[str, str]:
    """By day, a digest of the sides of its images, wherever they lie."""
    sums: dict[str, int] = {}
    for part in found:
        for day, number in part.days.items():
            sums[day] = (sums.get(day, 0) + number) % SUMS
    return {day: digest(sums[day]) for day in sorted(sums)}


def prefixes(digests: pl.Series) -> Prefixes:
    """First bits of digests, sorted."""
    return np.sort(first_bits(digests))


def kept_prefixes(cell: bytes) -> Prefixes:
    """As they lie in the index."""
    return np.frombuffer(cell, dtype="<u8")


def _write(pipeline: Pipeline, part: str, rows: pl.DataFrame) -> Row:
    in_conflict = rows["conflict"] != ""
    return {
        "part": part,
        "file": pipeline.manifests.parts.write(part, rows, TRAINING_SETS),
        "placed": prefixes(rows["sha256"].filter(~in_conflict)).tobytes(),
        "excluded": prefixes(rows["sha256"].filter(in_conflict)).tobytes(),
        "summary": json.dumps(asdict(summary_of(rows)), ensure_ascii=False),
    }


def _counted(values: pl.Series) -> dict[str, int]:
    return dict(sorted(Counter(values.to_list()).items()))


def _sides_by_day(rows: pl.DataFrame) -> dict[str, int]:
    days = pl.col("sightings").list.eval(pl.element().struct.field("day")).list.unique()
    seen = rows.select(days.alias("day"), pl.format("{} {}", "sha256", "split").alias("side")).explode("day")
    return {str(day): texts_sum(frame["side"]) for (day,), frame in seen.sort("day").group_by("day", maintain_order=True)}
