"""What the steps of one deployment share: its ports and the user's choices.

Belongs here: one frozen bundle. Does not: how it is put together (`backends.py`).

A pipeline travels to another process as its origin, so that a task carries names and settings, never a client: whoever unpickles it
builds its own, once. One whose ports were replaced has no origin, so it does not travel and works in threads of its own process.
"""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from typing_extensions import override

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


@dataclass(frozen=True)
class Elsewhere:
    """Processes or machines that work on images.

    Attributes:
        executor: Hands tasks to them.
        origin: Builds the pipeline again in one of them; picklable, and has no secrets in it.
    """

    executor: Executor
    origin: Callable[[], "Pipeline"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Pipeline:
    """Ports and policies; every stage takes this first.

    Attributes:
        threads: Waits for the store side by side, in this process; its tasks may be anything.
        events: None where landed images are noticed by listing.
        elsewhere: Who works on images, where that is not `threads`; `dataclasses.replace` leaves it behind, see above.
    """

    store: BlobStore
    manifests: Manifests
    threads: Executor
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
    elsewhere: Elsewhere | None = field(default=None, init=False)

    @override
    def __reduce__(self) -> tuple[Callable[[Any], Any], tuple[Any]]:
        if not self.elsewhere:
            raise pickle.PicklingError("This pipeline's ports are known to this process only.")
        return _arrived, (self.elsewhere.origin,)

    def worked_on(self, elsewhere: Elsewhere | None) -> "Pipeline":
        """Itself, with its images worked on by others."""
        object.__setattr__(self, "elsewhere", elsewhere)
        return self

    @property
    def executor(self) -> Executor:
        """Works on images; its tasks are picklable and may run on another machine."""
        return self.elsewhere.executor if self.elsewhere else self.threads

    @cached_property
    def roots(self) -> Mapping[str, str]:
        """Folders that images land in, none inside another, and the name of each source; `places.landing` comes first and needs none."""
        return {self.places.landing: ""} | {source.folder: source.name for source in self.landing.sources}


def _arrived(origin: Callable[[], Pipeline]) -> Pipeline:
    return origin()
