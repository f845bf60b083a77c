"""A labelled day over Custom Vision, AI Search and a store: opened as a new process would, worked, and looked at as a whole.

Belongs here: the day, and all that it comes to as values that can be compared. Does not: faults, expectations.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from azure.core.credentials import AzureKeyCredential, TokenCredential

from imaging_assets.azure.custom_vision.client import Connection
from imaging_assets.azure.predictor import CustomVisionPredictor
from imaging_assets.azure.search_index import AzureAISearchIndex
from imaging_assets.azure.trainer import CustomVisionTrainer
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.stages.days import Days
from imaging_assets.stages.images.encode import smaller_copy
from imaging_assets.stages.images.raw import leave_marker
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.azure.certificate import Certificate
from imaging_assets_tests.azure.custom_vision import SwiftTime, a_policy, no_identity
from imaging_assets_tests.azure.custom_vision_server import CustomVisionServer
from imaging_assets_tests.azure.custom_vision_server.service import Project
from imaging_assets_tests.azure.search_server.server import ADMIN_KEY, SearchServer, a_search_server
from imaging_assets_tests.azure.test_search_faults import QUICK
from imaging_assets_tests.builders import DAY, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.chaos.state import content_of, differences, timeless
from imaging_assets_tests.doubles import over
from imaging_assets_tests.embedded.pictures import plain
from imaging_assets_tests.stages.manifests.days import gather
from imaging_assets_tests.stages.models.doubles import iterate_day

IMAGES = 24
ALIAS = "images"
POINTER = "manifests/_search_index.json"

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAMES = ("generation", "catalog_id", "file")
"""Columns of manifests that hold what an index, a catalogue or a manifest is called."""

_OF_A_RUN = ("details", "seconds", "before")
"""Of a model's record: what the run that made it met on its way."""


@dataclass(frozen=True)
class WholeDay:
    """A landed and labelled day, and the services it is worked over.

    Attributes:
        store: Where it lies; faults may stand in the way of what `open` is given instead.
    """

    home: Path
    store: BlobStore
    vision: CustomVisionServer
    search: SearchServer

    def open(
        self,
        *,
        store: BlobStore | None = None,
        vision: TokenCredential | None = None,
        search: AzureKeyCredential | TokenCredential | None = None,
        **policy: Any,
    ) -> Pipeline:
        """As a new process would.

        Args:
            store: Another way to the store.
            vision: Who signs in to Custom Vision, instead of its keys.
            search: Who signs in to AI Search, instead of its key.
            policy: Settings of Custom Vision.
        """
        way = store or self.store
        pipeline = over(a_pipeline(self.home), way)
        keyless = {"training_key": None, "prediction_key": None} if vision else {}
        settings = a_policy(self.vision, **(keyless | policy))
        connection = Connection(settings, (lambda: vision) if vision else no_identity, clock=SwiftTime().clock())
        index = AzureAISearchIndex(
            self.search.endpoint,
            search or AzureKeyCredential(ADMIN_KEY),
            alias=ALIAS,
            store=way,
            pointer=POINTER,
            dimensions=pipeline.embedder.dimensions,
            embedding_id=pipeline.embedder.embedding_id,
            patience=QUICK,
        )
        return replace(
            pipeline,
            trainer=CustomVisionTrainer(way, connection, settings),
            predictor=CustomVisionPredictor(way, connection, settings, smaller_copy),
            index=index,
        )

    def original(self, number: int) -> bytes:
        """The bytes of a picture that landed."""
        return self.store.read(f"landing/{DAY.replace('-', '/')}/{number:02}.jpg").data

    def state(self) -> dict[str, Any]:
        """All of it: blobs, ledger, catalogue, project, indexes and aliases, and whether anything is behind."""
        pipeline = self.open()
        columns = pipeline.catalog.query("select * from image_catalog order by id")
        return {
            **_blobs(self.store),
            "catalogue": [timeless(dict(zip(columns.columns, row, strict=True))) for row in columns.rows],
            "projects": [_project(project) for project in self.vision.service.projects.values()],
            "indexes": [index.documents for index in self.search.service.indexes.values()],
            "alias leads to the index": [alias["indexes"] for alias in self.search.service.aliases.values()]
            == [list(self.search.service.indexes)],
            "behind": Days(pipeline).behind(DAY),
        }

    def differences(self) -> list[str]:
        """What is not as an undisturbed day leaves it."""
        return differences(undisturbed(), self.state())


@contextmanager
def a_whole_day(home: Path, *, store: BlobStore | None = None, certificate: Certificate | None = None) -> Iterator[WholeDay]:
    """A day of plain pictures in two colours, all of them labelled, and services that know nothing of it.

    Args:
        store: Where it is to lie instead of a folder.
        certificate: Search speaks HTTPS with it.
    """
    with CustomVisionServer() as vision, a_search_server(certificate) as search:
        embedded = a_pipeline(home)
        pipeline = over(embedded, store or embedded.store)
        leave_marker(pipeline)
        pictures = {f"{place:02}.jpg": picture for place, picture in enumerate(plain(["red", "blue"], IMAGES // 2))}
        land(pipeline, {name: picture.data for name, picture in pictures.items()})
        state_labels(pipeline, {name: picture.tags[0] for name, picture in pictures.items()})
        yield WholeDay(home, pipeline.store, vision, search)
        assert search.broken_contract == []


@cache
def undisturbed() -> dict[str, Any]:
    """The state of a day that nothing befell; the run after it asks no service anything."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as home, a_whole_day(Path(home)) as day:
        work(day.open())
        state = day.state()
        calls = day.vision.total, len(day.search.calls)
        work(day.open())
        assert (day.vision.total, len(day.search.calls)) == calls
        assert len(day.vision.only_project().images) < IMAGES  # test rows stay here
    return state


def cases(table: Mapping[str, Any], *quick: str) -> list[Any]:
    """Parameters by name. Each costs a second or more, so only the `quick` ones are among the default tests, the others among the slow."""
    assert {*quick} <= table.keys()
    return [pytest.param(value, id=name, marks=() if name in quick else pytest.mark.slow) for name, value in table.items()]


def work(pipeline: Pipeline, done: Callable[[str], None] = lambda _: None) -> None:
    """A day, a training, and the day again for the new model; tells each step of the last as it is `done`."""
    run_chain(pipeline)
    gather(pipeline)
    iterate_day(pipeline)
    run_chain(pipeline, done=done)


def _blobs(store: BlobStore) -> dict[str, Any]:
    """Contents by path, manifests by asset and day; without what each account, index and project calls its things."""
    found: dict[str, list[Any]] = defaultdict(list)
    for blob in store.list_blobs():
        path = _ID.sub("id", blob.path)
        data = store.read(blob.path).data
        if path == POINTER:
            found[path] = ["serves" if len({*json.loads(data).values()}) == 1 else data.decode()]
        elif path.startswith("models/ledger/"):
            found["ledger"].append(timeless(json.loads(data)))
        elif path.endswith("custom_vision.json"):
            found[path].append({name: value for name, value in _read(data).items() if name not in _OF_A_RUN})
        elif path.startswith("models/custom_vision/"):
            found[path].append(_ID.sub("id", data.decode()))
        else:
            name = path.partition(".")[0] if path.startswith("manifests/") else path
            found[name].append(content_of(path, data, without=_NAMES))
    found["ledger"].sort(key=lambda entry: (entry["event"], entry["model_id"]))
    return dict(found)


def _read(data: bytes) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(_ID.sub("id", data.decode()))
    return said


def _project(project: Project) -> dict[str, Any]:
    names = {tag.id: tag.name for tag in project.tags.values()}
    return {
        "name": project.name,
        "tags": sorted(names.values()),
        "images": Counter((image.sha256, *sorted(names[tag] for tag in image.tags)) for image in project.images.values()),
        "iterations": [(each.name, each.status, each.publish_name, each.images) for each in project.iterations.values()],
        "stored predictions": project.stored_predictions,
    }
