"""Which stored bytes does nothing refer to any more?

Belongs here: the rule. Does not: deleting (`cli/upkeep.py`). Landing place and labels are never looked at.

Garbage is a resized image or thumbnail that no manifest of any day names, a crop of an image that no day holds or that is older than
`insights.crop_days`, the journal of a run that never continued, and a training set that neither is one of the newest nor was trained on
(each holds all days before it), and a part of such a set that no standing one names; each only when last written before the given moment,
for a run under way writes its blobs before its manifest.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from imaging_assets.records.images import BlobInfo
from imaging_assets.stages.models.registry import now_utc
from imaging_assets.stages.parts import folder_of_parts
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RESIZED_IMAGES, TRAINING_ITERATIONS, TRAINING_SETS

TRAINING_SETS_KEPT = 7
"""The newest training sets that stay though nothing was trained on them."""


def find_garbage(pipeline: Pipeline, before: datetime) -> list[BlobInfo]:
    """Blobs that may go, last written before `before` (UTC)."""
    found = [*(blob for blob in _unreferenced(pipeline) if blob.modified_at < before), *_expired_crops(pipeline)]
    return list({blob.path: blob for blob in found}.values())


def _expired_crops(pipeline: Pipeline) -> Iterator[BlobInfo]:
    """Crops that are kept no longer, though their images are."""
    days = pipeline.crop_days
    if days is not None:
        oldest = now_utc() - timedelta(days=days)
        yield from (blob for blob in pipeline.store.list_blobs(f"{pipeline.places.crops}/") if blob.modified_at < oldest)


def _unreferenced(pipeline: Pipeline) -> Iterator[BlobInfo]:
    store, places = pipeline.store, pipeline.places
    named: set[str] = set()
    held: set[str] = set()
    for manifests in pipeline.manifests.standing(RESIZED_IMAGES.asset).values():
        for manifest in manifests:
            rows = pipeline.manifests.read(manifest, RESIZED_IMAGES)
            named |= {*rows["resized"].drop_nulls(), *rows["thumbnail"].drop_nulls()}
            held |= {*rows["sha256"]}
    for place in (places.resized, places.thumbnails):
        yield from (blob for blob in store.list_blobs(f"{place}/") if blob.path not in named)
    yield from _old_training_sets(pipeline)
    yield from _parts_of_none(pipeline)
    crops = store.list_blobs(f"{places.crops}/")
    yield from (blob for blob in crops if blob.path.rpartition("/")[2].partition("-")[0] not in held)
    for asset in store.list_folders(f"{places.manifests}/"):
        yield from store.list_blobs(f"{places.manifests}/{asset}/_journal/")


def _parts_of_none(pipeline: Pipeline) -> Iterator[BlobInfo]:
    """Parts that no training set names; those of a set that goes now are left for the next time."""
    parts = list(pipeline.store.list_blobs(folder_of_parts(pipeline.places.manifests, TRAINING_SETS)))
    named: set[str] = set()
    for manifests in pipeline.manifests.standing(TRAINING_SETS.asset).values():
        for manifest in manifests:
            frame, _ = pipeline.manifests.read_index(manifest, TRAINING_SETS)
            named |= {*frame["file"]} if "file" in frame.columns else set()
    yield from (blob for blob in parts if blob.path not in named)


def _old_training_sets(pipeline: Pipeline) -> Iterator[BlobInfo]:
    standing = pipeline.manifests.standing(TRAINING_SETS.asset)
    iterations = pipeline.manifests.newest(TRAINING_ITERATIONS.asset)
    for day in sorted(standing)[:-TRAINING_SETS_KEPT]:
        rows = pipeline.manifests.read(iterations[day], TRAINING_ITERATIONS) if day in iterations else None
        if rows is None or rows.filter(rows["model_id"] != "").is_empty():
            yield from (manifest.blob for manifest in standing[day])
