"""Step `training_sets`: as of a day, every distinct labelled image of that day and all earlier ones, each on its side of the split.

Belongs here: following the tagged manifests of many days cheaply. Does not: placing an image (`splits`), training (`stages/models`).

A set starts from the newest earlier one (or its own last state) and reads only the days whose tagged manifest changed since. Its rows
lie in parts (`set_parts`), which it shares with that one but for those where something changed.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from imaging_assets.stages.digests import Prefixes, among, digest, first_bits
from imaging_assets.stages.manifests.set_parts import (
    Summary,
    kept_prefixes,
    part_of,
    prefixes,
    rows_digest_of,
    sides_of_days,
    summaries,
    summary_of,
    write_parts,
)
from imaging_assets.stages.manifests.splits import place_images, placed_prefixes
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft, Manifest, Work
from imaging_assets.stages.tables import TAGGED_MANIFESTS, TRAINING_SET_INDEX, TRAINING_SETS

RECIPE = "training-sets-1"
"""Raised when this step's output changes."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrainingSetReport:
    """The set by side; `tags` counts images per tag and side, `days_read` the work done now."""

    images: int
    train: int
    validation: int
    test: int
    excluded: int
    days: int
    days_read: int
    tags: Mapping[str, Mapping[str, int]]
    reasons: Mapping[str, int]


def training_set_inputs(pipeline: Pipeline, tagged: Mapping[str, Manifest]) -> str:
    """Digest of what the step would read now; `tagged` holds every day up to the set's own."""
    shares = (pipeline.training.test_share, pipeline.training.validation_share, pipeline.resize.near_duplicate_bits)
    return digest(RECIPE, shares, {day: manifest.rows for day, manifest in tagged.items()})


def gather_training_set(pipeline: Pipeline, day: str, tagged: Mapping[str, Manifest]) -> tuple[Draft, TrainingSetReport]:
    """Bring the training set as of a day up to date."""
    work = pipeline.manifests.begin(TRAINING_SETS, day, training_set_inputs(pipeline, tagged))
    if work.done:
        return work.done, _report(_summaries(pipeline, work.standing[-1]), len(tagged), 0)
    before, read_before = _start(pipeline, day, work)
    changed = [other for other in tagged if read_before.get(other) != tagged[other].rows]
    gone = [other for other in read_before if other not in tagged]
    frames = list(pipeline.threads.map(lambda key: _labelled(pipeline, tagged[key]), changed))
    index = _renewed(pipeline, before, {*changed, *gone}, dict(zip(changed, frames, strict=True)))
    found = summaries(index)
    read = {other: manifest.rows for other, manifest in tagged.items()}
    return work.draft_of_parts(index, rows_digest_of(found), {"days": json.dumps(read)}), _report(
        found, len(tagged), len(changed)
    )


def sides_by_day(pipeline: Pipeline) -> Mapping[str, str]:
    """By day, a digest of the sides that the newest training set gives to its images; days without any are left out.

    With it, what shows an image's side is behind only on the days where one was placed since.
    """
    newest = _newest(pipeline)
    return sides_of_days(_summaries(pipeline, newest)) if newest else {}


def placed_images(pipeline: Pipeline, wanted: pl.Series) -> pl.DataFrame:
    """`sha256` and `split` of those images that the newest training set holds."""
    newest, table = _newest(pipeline), TRAINING_SETS.narrowed("sha256", "split")
    if newest is None:
        return table.frame([])
    frame, _ = pipeline.manifests.read_index(newest, table)
    if pipeline.manifests.parts.shape_of(frame, table) is not table:
        asked = prefixes(wanted)
        frame = pipeline.manifests.parts.whole(frame.filter([_holds(row, asked) for row in frame.iter_rows(named=True)]), table)
    return frame.filter(pl.col("sha256").is_in(wanted.implode()))


def _newest(pipeline: Pipeline) -> Manifest | None:
    sets = pipeline.manifests.newest(TRAINING_SETS.asset)
    return sets[max(sets)] if sets else None


def _summaries(pipeline: Pipeline, manifest: Manifest) -> list[Summary]:
    frame, _ = pipeline.manifests.read_index(manifest, TRAINING_SETS)
    # A set that release 0.1.0 wrote is one table.
    is_whole = pipeline.manifests.parts.shape_of(frame, TRAINING_SETS) is TRAINING_SETS
    return [summary_of(frame)] if is_whole else summaries(frame)


def _start(pipeline: Pipeline, day: str, work: Work) -> tuple[pl.DataFrame, dict[str, str]]:
    """Index of the parts to start from and, by day, the tagged manifest they were read from."""
    start = work.standing[-1] if work.standing else None
    if start is None:
        earlier = {key: manifest for key, manifest in pipeline.manifests.newest(TRAINING_SETS.asset).items() if key < day}
        start = earlier[max(earlier)] if earlier else None
    if start is None:
        return TRAINING_SET_INDEX.frame([]), {}
    frame, notes = pipeline.manifests.read_index(start, TRAINING_SETS)
    is_whole = pipeline.manifests.parts.shape_of(frame, TRAINING_SETS) is TRAINING_SETS
    return write_parts(pipeline, frame) if is_whole else frame, json.loads(notes.get("days", "{}"))


def _renewed(pipeline: Pipeline, index: pl.DataFrame, days: set[str], read: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The index after these days were read again; parts are opened only where they hold something that may change."""
    seen = pl.concat([frame["sha256"] for frame in read.values()]) if read else pl.Series([], dtype=pl.String())
    sides = placed_prefixes(pipeline)
    is_open = _may_change(index, days, prefixes(seen), sides)
    rows = pipeline.manifests.parts.whole(index.filter(is_open), TRAINING_SETS)
    kept, touched = _touched(rows, days, seen, sides)
    images = {row["sha256"]: row for row in touched}
    _forget(images, days)
    told: set[str] = set()
    for other, frame in read.items():
        for row in frame.iter_rows(named=True):
            _see(images, other, row, first=row["sha256"] not in told)
            told.add(row["sha256"])
    placed = place_images(pipeline, [row for row in images.values() if not row["conflict"]])
    new = TRAINING_SETS.frame([_with_side(row, placed.get(row["sha256"])) for row in images.values()])
    joined = ~is_open & index["part"].is_in(new.select(part_of(pl.col("sightings"))).to_series().implode())
    others = pipeline.manifests.parts.whole(index.filter(joined), TRAINING_SETS)
    renewed = write_parts(pipeline, pl.concat([kept, others, new]))
    return TRAINING_SET_INDEX.frame(pl.concat([index.filter(~is_open & ~joined), renewed]))


def _may_change(index: pl.DataFrame, days: set[str], seen: Prefixes, sides: Prefixes) -> pl.Series:
    """Of each part: do these days, their images, or images whose side was forgotten lie in it?"""
    told = zip(index.iter_rows(named=True), summaries(index), strict=True)
    found = [
        not days.isdisjoint(part.days) or _holds(row, seen) or not among(kept_prefixes(row["placed"]), sides).all()
        for row, part in told
    ]
    return pl.Series(found, dtype=pl.Boolean())


def _holds(part: Row, asked: Prefixes) -> bool:
    return any(bool(among(asked, kept_prefixes(part[name])).any()) for name in ("placed", "excluded"))


def _touched(before: pl.DataFrame, days: set[str], seen: pl.Series, sides: Prefixes) -> tuple[pl.DataFrame, list[Row]]:
    """Rows that stay as they are, and those that days which are read again, or their images, are about; mostly few."""
    stale = pl.col("sightings").list.eval(pl.element().struct.field("day").is_in(list(days))).list.any()
    forgotten = pl.Series(~among(first_bits(before["sha256"]), sides)) & (before["conflict"] == "")
    touched = before.select(stale | pl.col("sha256").is_in(seen.implode()) | forgotten).to_series()
    return before.filter(~touched), before.filter(touched).to_dicts()


def _labelled(pipeline: Pipeline, manifest: Manifest) -> pl.DataFrame:
    rows = pipeline.manifests.read(manifest, TAGGED_MANIFESTS)
    return rows.filter((pl.col("tags").list.len() > 0) & (pl.col("status") != "quarantined"))


def _forget(images: dict[str, Row], days: set[str]) -> None:
    """Take back what was seen on days that are about to be read again."""
    for sha256 in list(images):
        kept = [sighting for sighting in images[sha256]["sightings"] if sighting["day"] not in days]
        if kept:
            images[sha256]["sightings"] = kept
        else:
            del images[sha256]


def _see(images: dict[str, Row], day: str, tagged: Row, *, first: bool) -> None:
    """Note one tagged image.

    Of days read now that tell different tags, the newer statement holds; what was read before may have been withdrawn since.
    """
    sighting = {"day": day, "path": tagged["path"]}
    row = images.setdefault(tagged["sha256"], {"sha256": tagged["sha256"], "sightings": []})
    row["sightings"] = sorted([*row["sightings"], sighting], key=lambda seen: (seen["day"], seen["path"]))
    if first or tagged["stated_at"] >= row["stated_at"]:
        row |= {name: tagged[name] for name in ("resized", "tags", "regions", "stated_at", "conflict", "phash")}


def _with_side(row: Row, placed: Row | None) -> Row:
    if row["conflict"]:
        return row | {"group": row["sha256"], "split": "excluded", "reason": f"conflict: {row['conflict']}"}
    assert placed is not None
    return row | {"group": placed["group"], "split": placed["split"], "reason": placed["reason"]}


def _report(parts: Sequence[Summary], days: int, days_read: int) -> TrainingSetReport:
    sides: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    tags: dict[str, Counter[str]] = {}
    for part in parts:
        sides.update(part.sides)
        reasons.update(part.reasons)
        for tag, counts in part.tags.items():
            tags.setdefault(tag, Counter()).update(counts)
    return TrainingSetReport(
        images=sides.total(),
        train=sides["train"],
        validation=sides["validation"],
        test=sides["test"],
        excluded=sides["excluded"],
        days=days,
        days_read=days_read,
        tags={tag: dict(sorted(tags[tag].items())) for tag in sorted(tags)},
        reasons=dict(reasons),
    )
