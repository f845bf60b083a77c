"""Trainer and predictor over the local Custom Vision, by the official SDK, in a time that needs no waiting.

Belongs here: how tests open them. Does not: the server (`custom_vision_server`), expectations.
"""

import atexit
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from azure.core.credentials import TokenCredential

from imaging_assets.azure.custom_vision.calls import Clock
from imaging_assets.azure.custom_vision.client import Connection
from imaging_assets.azure.predictor import CustomVisionPredictor
from imaging_assets.azure.trainer import CustomVisionTrainer
from imaging_assets.embedded.blob_store import DirectoryBlobStore
from imaging_assets.policies import CustomVision
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.trainer import ReadImage
from imaging_assets.records.models import TrainedModel, TrainingImage
from imaging_assets.stages.images.encode import smaller_copy
from imaging_assets_tests.azure.custom_vision_server import CustomVisionServer
from imaging_assets_tests.azure.custom_vision_server.service import Project
from imaging_assets_tests.embedded.pictures import Picture, training_images


@dataclass
class SwiftTime:
    """A clock that sleeping moves.

    Attributes:
        slept: Every wait, in seconds.
    """

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        with self._lock:
            self.slept.append(seconds)
            self.seconds += seconds

    def clock(self) -> Clock:
        """As the adapters take it; chance is always the middle."""
        return Clock(now=lambda: self.seconds, sleep=self.sleep, chance=lambda: 0.5)


def a_policy(server: CustomVisionServer, **chosen: Any) -> CustomVision:
    """Settings for the server's resources."""
    given: dict[str, Any] = {
        "endpoint": server.endpoint,
        "training_key": server.training_key,
        "prediction_key": server.prediction_key,
        "prediction_resource_id": server.service.prediction_resource,
    }
    return CustomVision(**(given | chosen))


def no_identity() -> TokenCredential:
    """For tests that give keys."""
    raise AssertionError("an identity was asked for although there are keys")


def a_connection(policy: CustomVision, time: SwiftTime | None = None) -> Connection:
    """An open connection by keys."""
    return Connection(policy, no_identity, clock=(time or SwiftTime()).clock())


class World:
    """A store with images, and trainer and predictor over a server.

    Attributes:
        images: Rows of the training set.
        messages: What the trainer told.
        reads: Blobs the trainer read, in order.
    """

    def __init__(self, server: CustomVisionServer, root: Path, pictures: Sequence[Picture] = (), **policy: Any) -> None:
        self.server = server
        self.store = DirectoryBlobStore.create(root / "store")
        self.images = training_images(self.store, pictures)
        self.time = SwiftTime()
        self.policy = a_policy(server, **policy)
        self.messages: list[str] = []
        self.reads: list[str] = []
        self.open()

    def open(self) -> None:
        """Begin as a new process would."""
        self.connection = a_connection(self.policy, self.time)
        self.trainer = CustomVisionTrainer(self.store, self.connection, self.policy)
        self.predictor = CustomVisionPredictor(self.store, self.connection, self.policy, smaller_copy)

    def train(
        self, images: Sequence[TrainingImage] | None = None, model_id: str = "m1", *, read: ReadImage | None = None
    ) -> TrainedModel:
        """Train on the given images, or on all."""
        return self.trainer.train(model_id, self.images if images is None else images, read or self.read, self.messages.append)

    def read(self, blob: str) -> bytes:
        """The store's bytes."""
        self.reads.append(blob)
        return self.store.read(blob).data

    @property
    def project(self) -> Project:
        """What the server holds."""
        return self.server.only_project()

    def tags_held(self) -> dict[str, list[str]]:
        """Sorted tag names by sha256 of the bytes."""
        names = {tag.id: tag.name for tag in self.project.tags.values()}
        return {image.sha256: sorted(names[tag] for tag in image.tags) for image in self.project.images.values()}


def backend_over(store: BlobStore) -> tuple[CustomVisionTrainer, CustomVisionPredictor]:
    """For contract suites: a project of its own for each store, on one server."""
    assert isinstance(store, DirectoryBlobStore)
    policy = a_policy(_shared_server(), project=str(store.root))
    connection = a_connection(policy)
    return CustomVisionTrainer(store, connection, policy), CustomVisionPredictor(store, connection, policy, smaller_copy)


@cache
def _shared_server() -> CustomVisionServer:
    server = CustomVisionServer().start()
    atexit.register(server.close)
    return server
