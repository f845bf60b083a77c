"""Step `raw_images`: what landed on a day, from a listing alone.

Belongs here: the inventory and the guard against mass deletion. Does not: reading an image (`resized`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import polars as pl

from imaging_assets.errors import MassDeletionError, StoreUnavailableError
from imaging_assets.policies import Deletions
from imaging_assets.records.images import BlobInfo
from imaging_assets.stages.digests import digest
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft
from imaging_assets.stages.tables import RAW_IMAGES

RECIPE = "raw-1"
"""Raised when this step's output changes."""

MARKER = "_imaging_assets.json"
"""A blob that `add` and `demo` leave in the landing place. Once seen, its absence means that the store is not the one it was."""

_MARKER_SEEN = "_landing_marker.json"

_DATED = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2})/.")


@dataclass(frozen=True, slots=True)
class InventoryReport:
    """What changed since the last inventory of the day; `size` is in bytes."""

    images: int
    new: int
    changed: int
    deleted: int
    size: int


def day_folder(pipeline: Pipeline, day: str) -> str:
    """Landing folder of an ISO day, ending in a slash."""
    return f"{pipeline.places.landing}/{day.replace('-', '/')}/"


def day_of_path(pipeline: Pipeline, path: str) -> str | None:
    """ISO day of a landing path, or None when it is not below a dated folder."""
    below = path.removeprefix(f"{pipeline.places.landing}/")
    dated = _DATED.match(below)
    try:
        return date(*(int(part) for part in dated.groups())).isoformat() if dated else None
    except ValueError:
        return None


def landed(pipeline: Pipeline, day: str) -> list[BlobInfo]:
    """Blobs of a day; hidden ones (a name or folder with a dot first) are none of our business."""
    folder = day_folder(pipeline, day)
    return [blob for blob in pipeline.store.list_blobs(folder) if not _hidden(blob.path.removeprefix(folder))]


def landing_days(pipeline: Pipeline) -> list[str]:
    """ISO days that have a landing folder with a blob, oldest first; impossible dates are left out."""
    root = f"{pipeline.places.landing}/"
    store = pipeline.store
    found = [
        day_of_path(pipeline, f"{root}{year}/{month}/{name}/x")
        for year in store.list_folders(root)
        for month in store.list_folders(f"{root}{year}/")
        for name in store.list_folders(f"{root}{year}/{month}/")
    ]
    return sorted({day for day in found if day})


def _hidden(below: str) -> bool:
    """A leading dot hides; an underscore does not, for cameras begin names with one (`_MG_0001.JPG`)."""
    return any(part.startswith(".") for part in below.split("/"))


def raw_inputs(blobs: Iterable[BlobInfo]) -> str:
    """Digest of a day's listing."""
    return digest(RECIPE, [(blob.path, blob.etag, blob.size) for blob in blobs])


def take_inventory(pipeline: Pipeline, day: str, *, accept_deletions: bool = False) -> tuple[Draft, InventoryReport]:
    """List a day.

    Raises:
        MassDeletionError: More is gone than `deletions` allows, and `accept_deletions` is not given.
        StoreUnavailableError: The landing place's marker is gone.
    """
    check_marker(pipeline)
    blobs = landed(pipeline, day)
    work = pipeline.manifests.begin(RAW_IMAGES, day, raw_inputs(blobs))
    size = sum(blob.size for blob in blobs)
    if work.done:
        return work.done, InventoryReport(len(blobs), 0, 0, 0, size)
    before = dict(work.previous().select("path", "etag").iter_rows())
    now = {blob.path: blob.etag for blob in blobs}
    gone = before.keys() - now.keys()
    arrived = now.keys() - before.keys()
    if not accept_deletions:
        # A moved blob is a deletion and an arrival; only what is not made up for counts as lost.
        check_deletions(pipeline.deletions, day, lost=len(gone) - len(arrived), before=len(before))
    changed = sum(before[path] != etag for path, etag in now.items() if path in before)
    rows = pl.DataFrame(
        [(blob.path, blob.size, blob.etag, blob.modified_at) for blob in blobs], list(RAW_IMAGES.columns), orient="row"
    )
    return work.draft(rows if blobs else []), InventoryReport(len(blobs), len(arrived), changed, len(gone), size)


def check_deletions(limits: Deletions, day: str, *, lost: int, before: int) -> None:
    """Stop a day that lost more images than a person is likely to have meant.

    Raises:
        MassDeletionError: Both limits are passed.
    """
    if lost >= limits.max_images and lost > limits.max_share * before:
        raise MassDeletionError(
            f"{lost} of {before} images of {day} are gone from the landing place, so nothing was deleted. If that is meant, run "
            f"`imaging-assets run --day {day} --accept-deletions`; if not, bring them back."
        )


def check_marker(pipeline: Pipeline) -> None:
    """Once the landing marker was seen, it must stay.

    Raises:
        StoreUnavailableError: It is gone.
    """
    seen = f"{pipeline.places.manifests}/{_MARKER_SEEN}"
    if pipeline.store.find(f"{pipeline.places.landing}/{MARKER}"):
        if not pipeline.store.find(seen):
            pipeline.store.write(seen, b"{}")
    elif pipeline.store.find(seen):
        raise StoreUnavailableError(
            f"The marker {pipeline.places.landing}/{MARKER} is gone: this does not look like the store that was there before, so "
            f"nothing was deleted. Bring the store back, or, if it really was emptied, delete {seen} as well."
        )


def leave_marker(pipeline: Pipeline) -> None:
    """Mark the landing place as ours to watch; writes once."""
    path = f"{pipeline.places.landing}/{MARKER}"
    if not pipeline.store.find(path):
        pipeline.store.write(path, b'{"about": "imaging-assets checks that this file is here before it believes any deletion"}\n')
