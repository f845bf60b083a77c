"""A fuse in the ports: every effect of a run is counted by its kind, and the n-th of a chosen kind kills the process.

Belongs here: ports that report what they are about to do and have done. Does not: what is run (`story.py`), what is compared (`state.py`).
The seam is in the tests alone: a child process builds its pipeline as always, and wraps its ports before the first step.
"""

import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from typing_extensions import override

from imaging_assets.analyzers import plan
from imaging_assets.backends import build, store_folder, trainers
from imaging_assets.embedded.blob_store import DirectoryBlobStore
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.catalog import Catalog
from imaging_assets.ports.predictor import Predictor
from imaging_assets.ports.search_index import SearchIndex
from imaging_assets.ports.trainer import Heartbeat, ReadImage, Trainer
from imaging_assets.records.catalog import CatalogRow
from imaging_assets.records.images import Blob, BlobInfo
from imaging_assets.records.models import TrainedModel, TrainingImage
from imaging_assets.records.predictions import Scored
from imaging_assets.records.search import Document, DocumentResult
from imaging_assets.settings import Settings
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Manifests
from imaging_assets_tests.doubles import ForwardingBlobStore, ForwardingCatalog, ForwardingSearchIndex

_KINDS = (
    (r"manifests/(\w+)/_journal/.*", r"journal of \1"),
    (r"manifests/(\w+)/.*", r"manifest of \1"),
    (r"models/ledger/.*", "ledger"),
    (r"models/published.json", "published model"),
    (r"models/custom_vision/[^/]+/journal/.*", "memory's journal"),
    (r"models/custom_vision/.*", "memory"),
    (r"models/.*/scores/.*", "score"),
    (r"models/[^/]+/([^/]+)", r"\1 of a model"),
    (r"(resized|thumbnails|crops)/.*", r"\1"),
)


@dataclass
class Fuse:
    """Kills this process at the n-th event of a kind, counted from 1; without a kind it only counts.

    Attributes:
        events: How often each kind happened.
        log: Where each event, and each read of an original, is written before anything else happens.
    """

    kind: str = ""
    number: int = 1
    log: Path | None = None
    events: Counter[str] = field(default_factory=Counter)

    def burn(self, kind: str) -> None:
        """An event."""
        self.events[kind] += 1
        self.tell(kind)
        if kind == self.kind and self.events[kind] == self.number:
            os.kill(os.getpid(), signal.SIGKILL)

    def tell(self, line: str) -> None:
        """Write a line of the log."""
        if self.log:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")

    @contextmanager
    def around(self, what: str) -> Iterator[None]:
        """Before and after an effect."""
        self.burn(f"before {what}")
        yield
        self.burn(f"after {what}")


def fused(settings: Settings, fuse: Fuse) -> Pipeline:
    """The pipeline of these settings over ports with the fuse."""
    pipeline = build(settings)
    store = FusedBlobStore(_FusedDirectory(store_folder(settings), fuse), fuse)
    trainer, predictor = trainers(settings, store)["embedded"]
    return replace(
        pipeline,
        store=store,
        manifests=Manifests(store, pipeline.places.manifests),
        insights=plan(settings, store),
        index=FusedIndex(pipeline.index, fuse),
        catalog=FusedCatalog(pipeline.catalog, fuse),
        trainer=FusedTrainer(trainer, fuse),
        predictor=FusedPredictor(predictor, fuse),
    )


def kind_of(path: str) -> str:
    """What a blob is, by its path."""
    return next((re.sub(pattern, name, path) for pattern, name in _KINDS if re.fullmatch(pattern, path)), "other")


class _FusedDirectory(DirectoryBlobStore):
    """Burns when a file is written and not yet in its place."""

    def __init__(self, root: Path, fuse: Fuse) -> None:
        super().__init__(root)
        self.fuse = fuse

    @override
    def _place(self, path: str, fill: Callable[[Path], None]) -> BlobInfo:
        def filled(temporary: Path) -> None:
            fill(temporary)
            self.fuse.burn(f"during write {kind_of(path)}")

        return super()._place(path, filled)


class FusedBlobStore(ForwardingBlobStore):
    """Burns around writes, copies and deletions; tells of reads of originals."""

    def __init__(self, inner: BlobStore, fuse: Fuse) -> None:
        super().__init__(inner)
        self.fuse = fuse

    @override
    def read(self, path: str) -> Blob:
        if path.startswith("landing/"):
            self.fuse.tell(f"read {path}")
        return self.inner.read(path)

    @override
    def write(self, path: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> BlobInfo:
        with self.fuse.around(f"write {kind_of(path)}"):
            return self.inner.write(path, data, if_match=if_match, if_absent=if_absent)

    @override
    def copy(self, source: str, target: str, *, if_match: str | None = None) -> BlobInfo:
        with self.fuse.around(f"copy {kind_of(target)}"):
            return self.inner.copy(source, target, if_match=if_match)

    @override
    def delete(self, path: str) -> bool:
        with self.fuse.around(f"drop {kind_of(path)}"):
            return self.inner.delete(path)


class FusedIndex(ForwardingSearchIndex):
    """Burns around documents sent and deleted."""

    def __init__(self, inner: SearchIndex, fuse: Fuse) -> None:
        super().__init__(inner)
        self.fuse = fuse

    @override
    def put(self, documents: Sequence[Document]) -> list[DocumentResult]:
        with self.fuse.around("put documents"):
            return self.inner.put(documents)

    @override
    def delete(self, ids: Sequence[str]) -> list[DocumentResult]:
        with self.fuse.around("delete documents"):
            return self.inner.delete(ids)

    @override
    def rebuild(self) -> str:
        with self.fuse.around("rebuild index"):
            return self.inner.rebuild()

    @override
    def promote(self) -> None:
        with self.fuse.around("promote index"):
            self.inner.promote()


class FusedCatalog(ForwardingCatalog):
    """Burns around rows written."""

    def __init__(self, inner: Catalog, fuse: Fuse) -> None:
        super().__init__(inner)
        self.fuse = fuse

    @override
    def write(self, rows: Sequence[CatalogRow], gone: Sequence[str]) -> None:
        with self.fuse.around("write catalogue"):
            self.inner.write(rows, gone)


class FusedTrainer(Trainer):
    """Burns around a training and a publication, and at every sign of life between."""

    def __init__(self, inner: Trainer, fuse: Fuse) -> None:
        self.inner = inner
        self.fuse = fuse

    @property
    @override
    def recipe(self) -> str:
        return self.inner.recipe

    @override
    def refusal(self, images: Sequence[TrainingImage]) -> str:
        return self.inner.refusal(images)

    @override
    def train(self, model_id: str, images: Sequence[TrainingImage], read: ReadImage, heartbeat: Heartbeat) -> TrainedModel:
        def beat(message: str) -> None:
            self.fuse.burn("during training")
            heartbeat(message)

        with self.fuse.around("training"):
            return self.inner.train(model_id, images, read, beat)

    @override
    def publish(self, model_id: str) -> None:
        with self.fuse.around("publication"):
            self.inner.publish(model_id)

    @override
    def delete(self, model_id: str) -> None:
        self.inner.delete(model_id)


class FusedPredictor(Predictor):
    """Burns around questions."""

    def __init__(self, inner: Predictor, fuse: Fuse) -> None:
        self.inner = inner
        self.fuse = fuse

    @override
    def predict(self, model_id: str, images: Sequence[bytes]) -> list[Scored]:
        with self.fuse.around("prediction"):
            return self.inner.predict(model_id, images)
