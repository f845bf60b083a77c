"""A data set: the labelled images of all days up to one, with their sides of the split, to be taken elsewhere.

Belongs here: which images, which labels, as of when. Does not: file formats (`exports`), copying (`cli`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import polars as pl

from imaging_assets.errors import UsageError
from imaging_assets.records.manifests import AnnotatedImage, Region
from imaging_assets.stages.digests import digest
from imaging_assets.stages.manifests.regions import upright_regions
from imaging_assets.stages.manifests.splits import known_sides
from imaging_assets.stages.manifests.winners import winners
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import ALL, Manifest
from imaging_assets.stages.tables import LABEL_RECORDS, RESIZED_IMAGES, TAGGED_MANIFESTS

Row = dict[str, Any]

_FROM_TAGGED = ("path", "sha256", "status", "tags", "regions", "conflict", "resized", "width", "height")
_FROM_RESIZED = ("path", "orientation", "resized_width", "resized_height")


@dataclass(frozen=True, slots=True)
class DatasetImage:
    """One image.

    Attributes:
        said: Its name in the data set (landing path below the landing place, with the resized image's extension), size in pixels of
            the resized image, tags, regions as fractions, side of the split.
        blob: Path of the resized image in the store.
    """

    said: AnnotatedImage
    blob: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """Distinct images in the order of their names, and labelled ones that are left out, with the reason."""

    day: str
    images: tuple[DatasetImage, ...]
    left_out: tuple[tuple[str, str], ...]


def gather_dataset(pipeline: Pipeline, as_of: str | None = None, labels_as_of: datetime | None = None) -> Dataset:
    """The data set.

    Args:
        pipeline: Where from.
        as_of: The last day that counts, as ISO date; by default the newest tagged one.
        labels_as_of: Labels as they were known then; by default as they stand.

    Raises:
        UsageError: No day up to then is tagged.
    """
    tagged = pipeline.manifests.newest(TAGGED_MANIFESTS.asset)
    days = sorted(day for day in tagged if as_of is None or day <= as_of)
    if not days:
        raise UsageError(
            f"No day{f' up to {as_of}' if as_of else ''} is tagged. Run `imaging-assets run` first, or give a later day."
        )
    resized = pipeline.manifests.newest(RESIZED_IMAGES.asset)
    frames = pipeline.threads.map(lambda day: _images_of(pipeline, tagged[day], resized.get(day)), days)
    rows = [row for frame in frames for row in frame.iter_rows(named=True)]
    if labels_as_of is not None:
        rows = _relabelled(pipeline, rows, labels_as_of)
    return _dataset(pipeline, days[-1], [row for row in rows if row["tags"]])


def sample(images: Sequence[DatasetImage], max_per_tag: int, seed: int = 0) -> list[DatasetImage]:
    """At most so many images of each tag, chosen by the seed and the bytes: the same on every machine, in the given order."""
    counts: Counter[str] = Counter()
    chosen = set()
    for image in sorted(images, key=lambda image: digest(seed, image.said.sha256)):
        if all(counts[tag] < max_per_tag for tag in image.said.tags):
            counts.update(image.said.tags)
            chosen.add(image.said.sha256)
    return [image for image in images if image.said.sha256 in chosen]


def _images_of(pipeline: Pipeline, tagged: Manifest, resized: Manifest | None) -> pl.DataFrame:
    rows = pipeline.manifests.read(tagged, TAGGED_MANIFESTS).select(_FROM_TAGGED)
    sizes = pipeline.manifests.read(resized, RESIZED_IMAGES) if resized else RESIZED_IMAGES.frame([])
    return rows.join(sizes.select(_FROM_RESIZED), on="path", how="left", maintain_order="left")


def _relabelled(pipeline: Pipeline, rows: list[Row], then: datetime) -> list[Row]:
    """The images with the labels that held at that time."""
    records = pipeline.manifests.look_up(LABEL_RECORDS.asset, ALL)
    if records is None:
        return []
    known = (pl.col("stated_at") <= then) & (pl.col("retracted_at").is_null() | (pl.col("retracted_at") > then))
    statements = pipeline.manifests.read(records, LABEL_RECORDS).filter(known).with_columns(retracted_at=None)
    there = {(row["path"], row["sha256"]) for row in rows}
    held = winners(statements.iter_rows(named=True), lambda *found: found in there, pipeline.labels.priorities)
    relabelled = []
    for row in rows:
        if winner := held.get(row["sha256"]):
            regions, _ = upright_regions(winner.regions, in_pixels=winner.in_pixels, stated=winner.stated_size, image=row)
            told = {"tags": winner.tags, "regions": [asdict(region) for region in regions], "conflict": winner.conflict}
            relabelled.append(row | told)
    return relabelled


def _dataset(pipeline: Pipeline, day: str, rows: Iterable[Row]) -> Dataset:
    sides = {
        sha256: (split, reason) for sha256, split, reason in known_sides(pipeline).select("sha256", "split", "reason").iter_rows()
    }
    images: dict[str, DatasetImage] = {}
    names: set[str] = set()
    left_out: dict[str, str] = {}
    for row in rows:
        if row["sha256"] in images:
            continue  # the same bytes, on an earlier day or under an earlier name
        if reason := _why_not(row, sides):
            left_out[row["path"]] = reason
            continue
        name = _name(row["path"].removeprefix(f"{pipeline.places.landing}/"), row["resized"], row["sha256"], names)
        images[row["sha256"]] = DatasetImage(_said(row, name, sides[row["sha256"]][0]), row["resized"])
    ordered = sorted(images.values(), key=lambda image: image.said.path)
    return Dataset(day, tuple(ordered), tuple(sorted(left_out.items())))


def _why_not(row: Row, sides: Mapping[str, tuple[str, str]]) -> str:
    if row["status"] == "quarantined" or not row["resized"]:
        return "quarantined"
    if row["conflict"]:
        return f"conflict: {row['conflict']}"
    side = sides.get(row["sha256"])
    if side is None:
        return "not placed in a training set yet; run `imaging-assets run`"
    split, why = side
    return f"excluded: {why}" if split == "excluded" else ""


def _said(row: Row, name: str, split: str) -> AnnotatedImage:
    return AnnotatedImage(
        line=0,
        path=name,
        sha256=row["sha256"],
        tags=tuple(row["tags"]),
        regions=tuple(Region(**region) for region in row["regions"] or ()),
        width=row["resized_width"],
        height=row["resized_height"],
        split=split,
    )


def _name(path: str, resized: str, sha256: str, taken: set[str]) -> str:
    """The path with the extension of the resized image; no two differ in their extension or case only, for YOLO and Windows."""
    stem = str(PurePosixPath(path).with_suffix(""))
    if stem.casefold() in taken:
        stem = f"{stem}-{sha256[:8]}"
    taken.add(stem.casefold())
    return stem + PurePosixPath(resized).suffix
