"""What the steps of one deployment share: its ports and the user's choices.

Belongs here: one frozen bundle. Does not: how it is put together (`backends.py`).

A pipeline travels to another process as its origin, so that a task carries names and settings, never a client: whoever unpickles it
builds its own, once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from typing_extensions import override

from imaging_assets.policies import Deletions, Labels, Partitions, Places, Resize, Review, Rollout, Training
from imaging_assets.ports.analyzer import ImageEmbedder
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.catalog import Catalog
from imaging_assets.ports.executor import Executor
from imaging_assets.ports.predictor import Predictor
from imaging_assets.ports.search_index import SearchIndex
from imaging_assets.ports.trainer import Trainer
from imaging_assets.stages.insights.plan import Plan
from imaging_assets.stages.state import Manifests


@dataclass(frozen=True, kw_only=True, repr=False)
class Pipeline:
    """Ports and policies; every stage takes this first.

    Attributes:
        executor: Works on images; its tasks are picklable and may run on another machine.
        threads: Waits for the store side by side, in this process; its tasks may be anything.
        origin: Builds this pipeline again in another process; has no secrets in it.
    """

    store: BlobStore
    manifests: Manifests
    executor: Executor
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
    origin: Callable[[], "Pipeline"]

    @override
    def __reduce__(self) -> tuple[Callable[[Callable[[], Self]], Self], tuple[Any]]:
        return _arrived, (self.origin,)


def _arrived(origin: Callable[[], Any]) -> Any:
    return origin()
