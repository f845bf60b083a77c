"""Builders that most tests share: a pipeline over embedded backends, pictures of a few lines, a free port.

Belongs here: what three test modules need. Does not: expectations.
"""

import io
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imaging_assets.analyzers import plan
from imaging_assets.backends import build, create_store
from imaging_assets.settings import Settings
from imaging_assets.stages.catalog import catalog_day
from imaging_assets.stages.day_sources import DaySources
from imaging_assets.stages.days import chain
from imaging_assets.stages.images.raw import leave_marker, take_inventory
from imaging_assets.stages.images.resized import resize_day
from imaging_assets.stages.insights.plan import VECTORS
from imaging_assets.stages.insights.steps import StepReport, analyze_day
from imaging_assets.stages.insights.vectors import embed_day
from imaging_assets.stages.manifests.labels import refresh_labels
from imaging_assets.stages.manifests.tagged import tag_day
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.predictions import predict_day
from imaging_assets.stages.review.queues import queue_day
from imaging_assets.stages.search import index_day
from imaging_assets.stages.state import ALL, Draft, Manifest

DAY = "2026-03-02"

CHAIN = chain(plan(Settings()).order)
"""A day's steps as they are without settings."""


def a_pipeline(home: Path, **settings: Any) -> Pipeline:
    """Embedded backends below `home`; groups of settings as keyword dictionaries."""
    chosen = Settings(home=home, **settings)
    create_store(chosen)
    pipeline = build(chosen)
    leave_marker(pipeline)
    return pipeline


def a_picture(seed: int = 0, size: tuple[int, int] = (320, 240), kind: str = "JPEG", **save: Any) -> bytes:
    """An encoded picture of smooth random colours; another seed is another picture, not a near-duplicate."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    coarse.resize(size, Image.Resampling.BICUBIC).save(buffer, kind, **save)
    return buffer.getvalue()


def land(pipeline: Pipeline, pictures: Mapping[str, bytes], day: str = DAY) -> None:
    """Write pictures into a day's landing folder, by name."""
    for name, data in pictures.items():
        pipeline.store.write(f"landing/{day.replace('-', '/')}/{name}", data)


def state_labels(pipeline: Pipeline, lines: Mapping[str, str], file: str = "labels.csv") -> None:
    """Write a label file: image path or name to tags."""
    text = "path,tags\n" + "".join(f"{path},{tags}\n" for path, tags in lines.items())
    pipeline.store.write(f"labels/{file}", text.encode())


def analyze(pipeline: Pipeline, name: str, resized: Manifest, insights: Mapping[str, Manifest]) -> tuple[Draft, StepReport]:
    """Run one step of the group insights."""
    return analyze_day(pipeline, pipeline.insights.steps[name], resized, insights)


def run_chain(pipeline: Pipeline, day: str = DAY, done: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Run a day's steps without Dagster; returns the reports by asset, and tells each as it is `done`."""
    manifests = pipeline.manifests
    reports: dict[str, Any] = {}

    def commit(asset: str, result: tuple[Any, Any]) -> None:
        manifests.commit(result[0])
        reports[asset] = result[1]
        done(asset)

    commit("raw_images", take_inventory(pipeline, day))
    commit("resized_images", resize_day(pipeline, manifests.find("raw_images", day)))
    resized = manifests.find("resized_images", day)
    insights: dict[str, Manifest] = {}
    for name in pipeline.insights.order:
        commit(name, embed_day(pipeline, resized) if name == VECTORS else analyze(pipeline, name, resized, insights))
        insights[name] = manifests.find(name, day)
    commit("label_records", refresh_labels(pipeline, manifests.newest("resized_images")))
    commit("tagged_manifests", tag_day(pipeline, resized, manifests.find("label_records", ALL)))
    commit("predictions", predict_day(pipeline, resized))
    sources = DaySources(
        resized=resized,
        insights=insights,
        tagged=manifests.find("tagged_manifests", day),
        predictions=manifests.find("predictions", day),
    )
    commit("review_queues", queue_day(pipeline, sources))
    commit("search_documents", index_day(pipeline, sources))
    commit("image_catalog", catalog_day(pipeline, sources))
    return reports


def a_free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
