"""Step `raw_images`: what landed on a day, from a listing alone.

Belongs here: the inventory and the guard against mass deletion. Does not: which day a blob belongs to (`landing`), reading an image
(`resized`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from imaging_assets.errors import BlobNotFoundError, ManifestError, MassDeletionError, StoreUnavailableError
from imaging_assets.policies import Deletions
from imaging_assets.records.images import BlobInfo
from imaging_assets.stages.digests import digest, rows_digest
from imaging_assets.stages.images.landing import MARKER, Landing, below_day, root_of, source_of
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft, Manifest
from imaging_assets.stages.tables import RAW_IMAGES

RECIPE = "raw-1"
"""Raised when this step's output changes."""

NOTHING = rows_digest(RAW_IMAGES.frame([]), RAW_IMAGES.left_out(RAW_IMAGES.frame([])))
"""What an inventory without images is called."""


@dataclass(frozen=True, slots=True)
class InventoryReport:
    """What changed since the last inventory of the day; `size` is in bytes."""

    images: int
    new: int
    changed: int
    deleted: int
    size: int


def raw_inputs(pipeline: Pipeline, blobs: Sequence[BlobInfo]) -> str:
    """Digest of a day's listing, and of the names of its sources where they have any: what had none keeps its digest."""
    listing = [(blob.path, blob.etag, blob.size) for blob in blobs]
    named = {
        root: name for root, name in pipeline.roots.items() if name and any(blob.path.startswith(f"{root}/") for blob in blobs)
    }
    return digest(RECIPE, listing, named) if named else digest(RECIPE, listing)


def take_inventory(pipeline: Pipeline, day: str, *, accept_deletions: bool = False) -> tuple[Draft, InventoryReport]:
    """List a day.

    Raises:
        MassDeletionError: More is gone than `deletions` allows, and `accept_deletions` is not given.
        StoreUnavailableError: The landing place's marker is gone.
    """
    check_marker(pipeline)
    blobs = Landing(pipeline).of_day(day)
    work = pipeline.manifests.begin(RAW_IMAGES, day, raw_inputs(pipeline, blobs))
    size = sum(blob.size for blob in blobs)
    if work.done:
        return work.done, InventoryReport(len(blobs), 0, 0, 0, size)
    before = {row["path"]: row for row in work.previous().iter_rows(named=True)}
    now = {blob.path: blob for blob in blobs}
    gone = before.keys() - now.keys()
    arrived = now.keys() - before.keys()
    if not accept_deletions:
        # A moved blob is a deletion and an arrival; only what is not made up for counts as lost.
        check_deletions(pipeline.deletions, day, lost=len(gone) - len(arrived), before=len(before))
        _check_sources(pipeline, day, {path: row["size"] for path, row in before.items()}, {path: now[path].size for path in now})
    changed = sum(before[path]["etag"] != blob.etag for path, blob in now.items() if path in before)
    rows = pl.DataFrame(
        [(blob.path, blob.size, blob.etag, blob.modified_at, source_of(pipeline, blob.path)) for blob in blobs],
        list(RAW_IMAGES.columns),
        orient="row",
    )
    return work.draft(rows if blobs else []), InventoryReport(len(blobs), len(arrived), changed, len(gone), size)


def lost_a_source(pipeline: Pipeline, raw: Manifest, blobs: Sequence[BlobInfo]) -> bool:
    """Whether a source had images in this inventory and has none in this listing; the inventory is read only if the listing differs."""
    if raw.inputs == raw_inputs(pipeline, blobs):
        return False
    try:
        before = pipeline.manifests.read(raw, RAW_IMAGES)["path"].to_list()
    except (ManifestError, BlobNotFoundError):
        return False  # told by whoever works on the day
    return bool({root_of(pipeline, path) for path in before} - {root_of(pipeline, blob.path) for blob in blobs})


def _check_sources(pipeline: Pipeline, day: str, before: Mapping[str, int], now: Mapping[str, int]) -> None:
    """As `check_deletions` for each source by itself, lest a small one vanishes beside a large one; raises as it.

    Args:
        before: Sizes by path at the last inventory ...
        now: ... and now. What arrived in another source under its old name, with its old size, has moved.
    """
    roots = {path: root_of(pipeline, path) for path in (*before, *now)}
    if len({*roots.values()}) < 2:
        return
    for root in sorted({roots[path] for path in before}):
        gone = [path for path in before if roots[path] == root and path not in now]
        arrived = [path for path in now if path not in before]
        moved = Counter((below_day(pipeline, path), now[path]) for path in arrived if roots[path] != root)
        moved &= Counter((below_day(pipeline, path), before[path]) for path in gone)
        lost = len(gone) - sum(roots[path] == root for path in arrived) - moved.total()
        had = sum(roots[path] == root for path in before)
        where = f"the landing source {root}" if root else "a landing source that the settings no longer name"
        check_deletions(pipeline.deletions, day, lost=lost, before=had, where=where)


def check_deletions(limits: Deletions, day: str, *, lost: int, before: int, where: str = "the landing place") -> None:
    """Stop a day that lost more images than a person is likely to have meant.

    Raises:
        MassDeletionError: Both limits are passed.
    """
    if lost >= limits.max_images and lost > limits.max_share * before:
        raise MassDeletionError(
            f"{lost} of {before} images of {day} are gone from {where}, so nothing was deleted. If that is meant, run "
            f"`imaging-assets run --day {day} --accept-deletions`; if not, bring them back."
        )


def check_marker(pipeline: Pipeline) -> None:
    """Once the marker of a landing place was seen, it must stay; other sources than `places.landing` have one if you put it there.

    Raises:
        StoreUnavailableError: It is gone.
    """
    for root in pipeline.roots:
        of_root = "" if root == pipeline.places.landing else f"-{digest(root)}"
        seen = f"{pipeline.places.manifests}/_landing_marker{of_root}.json"
        if pipeline.store.find(f"{root}/{MARKER}"):
            if not pipeline.store.find(seen):
                pipeline.store.write(seen, b"{}")
        elif pipeline.store.find(seen):
            raise StoreUnavailableError(
                f"The marker {root}/{MARKER} is gone: this does not look like the store that was there before, so "
                f"nothing was deleted. Bring the store back, or, if it really was emptied, delete {seen} as well."
            )


def leave_marker(pipeline: Pipeline) -> None:
    """Mark the landing place as ours to watch; writes once."""
    path = f"{pipeline.places.landing}/{MARKER}"
    if not pipeline.store.find(path):
        pipeline.store.write(path, b'{"about": "imaging-assets checks that this file is here before it believes any deletion"}\n')
