"""What the steps of one deployment share: its ports and the user's choices.

Belongs here: one frozen bundle. Does not: how it is put together (`backends.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from imaging_assets.policies import Deletions, Labels, Landing, Partitions, Places, Resize, Review, Rollout, Training
from imaging_assets.ports.analyzer import ImageEmbedder
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.catalog import Catalog
from imaging_assets.ports.event_queue import EventQueue
from imaging_assets.ports.executor import Executor
from imaging_assets.ports.portal import Portal
from imaging_assets.ports.predictor import Predictor
from imaging_assets.ports.search_index import SearchIndex
from imaging_assets.ports.trainer import Trainer
from imaging_assets.stages.insights.plan import Plan
from imaging_assets.stages.state import Manifests


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Ports and policies; every stage takes this first. `events` is None where landed images are noticed by listing."""

    store: BlobStore
    manifests: Manifests
    executor: Executor
    embedder: ImageEmbedder
    insights: Plan
    trainer: Trainer
    predictor: Predictor
    index: SearchIndex
    catalog: Catalog
    partitions: Partitions
    places: Places
    resize: Resize
    labels: Labels
    training: Training
    rollout: Rollout
    review: Review
    deletions: Deletions
    crop_days: float | None = None
    events: EventQueue | None = None
    portal: Portal | None = None
    landing: Landing = field(default_factory=Landing)

    @cached_property
    def roots(self) -> Mapping[str, str]:
        """Folders that images land in, none inside another, and the name of each source; `places.landing` comes first and needs none."""
        return {self.places.landing: ""} | {source.folder: source.name for source in self.landing.sources}
