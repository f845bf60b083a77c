"""Step `training_sets`: as of a day, every distinct labelled image of that day and all earlier ones, each on its side of the split.

Belongs here: following the tagged manifests of many days cheaply. Does not: placing an image (`splits`), training (`stages/models`).

A set starts from the newest earlier one (or its own last state) and reads only the days whose tagged manifest changed since.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from imaging_assets.stages.digests import digest
from imaging_assets.stages.manifests.splits import known_sides, place_images
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft, Manifest, Work
from imaging_assets.stages.tables import TAGGED_MANIFESTS, TRAINING_SETS

RECIPE = "training-sets-1"
"""Raised when this step's output changes."""

_SIDES = "sides"
"""Note of a set: by day, a digest of its images' sides."""

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
        return work.done, _report(work.previous(), len(tagged), 0)
    before, read_before = _start(pipeline, day, work)
    changed = [other for other in tagged if read_before.get(other) != tagged[other].rows]
    gone = [other for other in read_before if other not in tagged]
    frames = list(pipeline.threads.map(lambda key: _labelled(pipeline, tagged[key]), changed))
    kept, touched = _touched(pipeline, before, {*changed, *gone}, frames)
    images = {row["sha256"]: row for row in touched}
    _forget(images, {*changed, *gone})
    seen: set[str] = set()
    for other, frame in zip(changed, frames, strict=True):
        for row in frame.iter_rows(named=True):
            _see(images, other, row, first=row["sha256"] not in seen)
            seen.add(row["sha256"])
    placed = place_images(pipeline, [row for row in images.values() if not row["conflict"]])
    finished = pl.concat([kept, TRAINING_SETS.frame([_with_side(row, placed.get(row["sha256"])) for row in images.values()])])
    read = {other: manifest.rows for other, manifest in tagged.items()}
    notes = {"days": json.dumps(read), _SIDES: json.dumps(_sides(finished))}
    draft = work.draft(finished, notes)
    assert draft.frame is not None
    return draft, _report(draft.frame, len(tagged), len(changed))


def sides_by_day(pipeline: Pipeline) -> Mapping[str, str]:
    """By day, a digest of the sides that the newest training set gives to its images; days without any are left out.

    With it, what shows an image's side is behind only on the days where one was placed since.
    """
    newest = _newest(pipeline)
    if newest is None:
        return {}
    rows, notes = _read(pipeline, newest)
    # A set written before there was the note tells them by its rows.
    sides: dict[str, str] = json.loads(notes[_SIDES]) if _SIDES in notes else _sides(rows)
    return sides


def placed_images(pipeline: Pipeline) -> pl.DataFrame:
    """`sha256` and `split` of every image of the newest training set."""
    newest = _newest(pipeline)
    return (_read(pipeline, newest)[0] if newest else TRAINING_SETS.frame([])).select("sha256", "split")


def _newest(pipeline: Pipeline) -> Manifest | None:
    sets = pipeline.manifests.newest(TRAINING_SETS.asset)
    return sets[max(sets)] if sets else None


def _read(pipeline: Pipeline, manifest: Manifest) -> tuple[pl.DataFrame, dict[str, str]]:
    return pipeline.manifests.read_with_notes(manifest, TRAINING_SETS)


def _sides(rows: pl.DataFrame) -> dict[str, str]:
    seen = rows.select("sha256", "split", day=pl.col("sightings").list.eval(pl.element().struct.field("day")).list.unique())
    days = seen.explode("day").sort("day", "sha256").group_by("day", maintain_order=True)
    return {str(day): digest(frame.select("sha256", "split").rows()) for (day,), frame in days}


def _start(pipeline: Pipeline, day: str, work: Work) -> tuple[pl.DataFrame, dict[str, str]]:
    """Rows to start from and, by day, the tagged manifest they were read from."""
    frame, notes = work.previous_with_notes()
    if not work.standing:
        earlier = {key: manifest for key, manifest in pipeline.manifests.newest(TRAINING_SETS.asset).items() if key < day}
        if earlier:
            frame, notes = pipeline.manifests.read_with_notes(earlier[max(earlier)], TRAINING_SETS)
    return frame, json.loads(notes.get("days", "{}"))


def _touched(
    pipeline: Pipeline, before: pl.DataFrame, days: set[str], frames: Sequence[pl.DataFrame]
) -> tuple[pl.DataFrame, list[Row]]:
    """Rows that stay as they are, and those that days which are read again, or their images, are about; mostly few."""
    stale = pl.col("sightings").list.eval(pl.element().struct.field("day").is_in(list(days))).list.any()
    read = pl.concat([frame["sha256"] for frame in frames]) if frames else pl.Series([], dtype=pl.String())
    forgotten = before["sha256"].is_in(known_sides(pipeline)["sha256"].implode()).not_() & (before["conflict"] == "")
    touched = before.select(stale | pl.col("sha256").is_in(read.implode()) | forgotten).to_series()
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


def _report(rows: pl.DataFrame, days: int, days_read: int) -> TrainingSetReport:
    sides: Counter[str] = Counter(rows["split"].to_list())
    tags: dict[str, dict[str, int]] = {}
    for tag, split, number in rows.explode("tags").group_by("tags", "split").len().sort("tags", "split").iter_rows():
        tags.setdefault(tag, {})[split] = number
    reasons = Counter(reason.partition(":")[0] for reason in rows["reason"].to_list() if reason)
    return TrainingSetReport(
        images=rows.height,
        train=sides["train"],
        validation=sides["validation"],
        test=sides["test"],
        excluded=sides["excluded"],
        days=days,
        days_read=days_read,
        tags=tags,
        reasons=dict(reasons),
    )
