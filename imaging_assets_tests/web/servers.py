"""Servers over small stores, and the calls of an indexer.

Belongs here: what the modules of this folder share. Does not: expectations.
"""

import base64
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from typing_extensions import override

from imaging_assets.ports.predictor import Predictor
from imaging_assets.records.predictions import Scored
from imaging_assets.settings import Settings
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.web.app import create_app
from imaging_assets_tests.builders import a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.embedded.pictures import plain, training_images
from imaging_assets_tests.stages.manifests.days import gather
from imaging_assets_tests.stages.models.doubles import iterate_day, with_models

COLOURS = ["red", "green", "blue"]
KEY = "k3y"
HEADERS = {"Ocp-Apim-Subscription-Key": KEY}


def a_trained_pipeline(home: Path, *, models: Sequence[str] = ("m1",)) -> Pipeline:
    """A store with models that tell red, green and blue pictures apart; the first one is published."""
    pipeline = a_pipeline(home, training={"budget_seconds": 0.001})
    images = training_images(pipeline.store, plain(COLOURS, 6))
    for model in models:
        pipeline.trainer.train(model, images, lambda blob: pipeline.store.read(blob).data, lambda _: None)
    Registry(pipeline.store).publish(models[0], "the first")
    return pipeline


@contextmanager
def a_server(pipeline: Pipeline, home: Path, **serve: Any) -> Iterator[TestClient]:
    """A running server; settings of `serve` as keywords."""
    settings = Settings(home=home, serve={"key": KEY, **serve})
    client = TestClient(create_app(settings, pipeline), base_url="http://localhost", raise_server_exceptions=False)
    with client:
        yield client


def a_call(*images: Any, name: str = "image") -> dict[str, Any]:
    """A call with a record per image, numbered from 0."""
    return {"values": [{"recordId": str(number), "data": {name: image}} for number, image in enumerate(images)]}


def text_of(image: bytes) -> str:
    """Base64, as it stands in a call."""
    return base64.b64encode(image).decode()


@dataclass
class Waiting(Predictor):
    """Takes its time over every question."""

    inner: Predictor
    seconds: float

    @override
    def predict(self, model_id: str, images: Sequence[bytes]) -> list[Scored]:
        time.sleep(self.seconds)
        return self.inner.predict(model_id, images)


PICTURES = {f"cam/{seed}.jpg": a_picture(seed, (64, 48)) for seed in range(8)}
UNLABELLED = {f"new/{seed}.jpg": a_picture(seed, (64, 48)) for seed in range(20, 23)}


def a_shown_pipeline(home: Path) -> Pipeline:
    """A day of eight labelled pictures (cats and dogs by turns), three without a label, a copy, one that is no picture.

    Its model predicts "cat" for all.
    """
    pipeline = a_pipeline(home)
    land(pipeline, {**PICTURES, **UNLABELLED, "copy of 7.jpg": PICTURES["cam/7.jpg"], "broken.jpg": b"nothing"})
    state_labels(pipeline, {f"cam/{seed}.jpg": ("cat", "dog")[seed % 2] for seed in range(8)} | {"nobody.jpg": "cat"})
    run_chain(pipeline)
    gather(pipeline)
    pipeline, _, _ = with_models(pipeline)
    iterate_day(pipeline)
    run_chain(pipeline)
    return pipeline
