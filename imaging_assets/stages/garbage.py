"""Which stored bytes does nothing refer to any more?

Belongs here: the rule. Does not: deleting (`cli/upkeep.py`). Landing place and labels are never looked at.

Garbage is a resized image or thumbnail that no manifest of any day names, and the journal of a run that never continued; each only
when last written before the given moment, for a run under way writes its blobs before its manifest.
"""

from collections.abc import Iterator
from datetime import datetime

from imaging_assets.records.images import BlobInfo
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RESIZED_IMAGES


def find_garbage(pipeline: Pipeline, before: datetime) -> list[BlobInfo]:
    """Blobs that may go, last written before `before` (UTC)."""
    return [blob for blob in _unreferenced(pipeline) if blob.modified_at < before]


def _unreferenced(pipeline: Pipeline) -> Iterator[BlobInfo]:
    store, places = pipeline.store, pipeline.places
    named: set[str] = set()
    for manifests in pipeline.manifests.standing(RESIZED_IMAGES.asset).values():
        for manifest in manifests:
            rows = pipeline.manifests.read(manifest, RESIZED_IMAGES)
            named |= {*rows["resized"].drop_nulls(), *rows["thumbnail"].drop_nulls()}
    for place in (places.resized, places.thumbnails):
        yield from (blob for blob in store.list_blobs(f"{place}/") if blob.path not in named)
    for asset in store.list_folders(f"{places.manifests}/"):
        yield from store.list_blobs(f"{places.manifests}/{asset}/_journal/")
