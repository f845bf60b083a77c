"""Step `raw_images`: what landed on a day, from a listing alone.

Belongs here: the inventory and the guard against mass deletion. Does not: which day a blob belongs to (`landing`), reading an image
(`resized`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from imaging_assets.errors import MassDeletionError, StoreUnavailableError
from imaging_assets.policies import Deletions
from imaging_assets.records.images import BlobInfo
from imaging_assets.stages.digests import digest
from imaging_assets.stages.images.landing import MARKER, Landing
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft
from imaging_assets.stages.tables import RAW_IMAGES

RECIPE = "raw-1"
"""Raised when this step's output changes."""

_MARKER_SEEN = "_landing_marker.json"


@dataclass(frozen=True, slots=True)
class InventoryReport:
    """What changed since the last inventory of the day; `size` is in bytes."""

    images: int
    new: int
    changed: int
    deleted: int
    size: int


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
    blobs = Landing(pipeline).of_day(day)
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
