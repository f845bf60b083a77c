"""An idle tick of each sensor over many days of many blobs: seconds, and the memory of the process that ticks.

Belongs here: the cost of looking. Does not: the runs that follow (`overhead`).

Blobs are empty, so that a million files can be made in a minute or two: their days are quarantined whole and everything after is done
for real. `BLOBS=1000000 make bench ONLY=sensors` is the size of the goals. Where Azurite is installed, profile azure is asked about a
hundredth of that: it is slower by call than the real service, so what counts is the time per blob listed.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from imaging_assets.embedded.event_queue import DirectoryEventQueue
from imaging_assets.stages.images.raw import take_inventory
from imaging_assets.stages.images.resized import resized_inputs
from imaging_assets.stages.manifests.training_sets import gather_training_set
from imaging_assets.stages.models.iterations import iterate
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RAW_IMAGES, RESIZED_IMAGES, TAGGED_MANIFESTS, TRAINING_SETS
from imaging_assets_tests.azure.azurite import PROGRAM
from imaging_assets_tests.azure.deployment import a_deployment
from imaging_assets_tests.builders import a_pipeline, run_chain

Row = dict[str, object]

_DAYS = 1000
_EVENTS = 100
_AZURE_DAYS, _AZURE_BLOBS = 100, 10_000
_SENSORS = ("new_images", "label_changes", "training", "model_rollout")

_TICK = """
import json, os, resource, sys, time
import dagster as dg
from imaging_assets.backends import build
from imaging_assets.defs import sensors
from imaging_assets.settings import load_settings
pipeline = build(load_settings())
told = {}
with dg.DagsterInstance.local_temp(overrides={"telemetry": {"enabled": False}}) as instance:
    for name in sys.argv[1:]:
        context = dg.build_sensor_context(instance=instance, cursor=os.environ.get("CURSOR"), resources={"pipeline": pipeline})
        started, worked = time.monotonic(), time.process_time()
        result = getattr(sensors, name)(context)
        seconds = (time.monotonic() - started, time.process_time() - worked)
        told[name] = (*seconds, len(getattr(result, "run_requests", None) or []))
told["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(told))
"""


def rows() -> list[Row]:
    """Wall seconds of the first tick of a fresh process, and its peak memory."""
    blobs = int(os.environ.get("BLOBS", "100000"))
    with tempfile.TemporaryDirectory() as folder:
        pipeline = a_pipeline(Path(folder) / ".imaging")
        _prepare(Path(folder), pipeline, _DAYS, partial(_touch, Path(folder), blobs // _DAYS))
        told = _ticks(folder, *_SENSORS)
        by_events = {"IMAGING_SENSORS__SOURCE": "events", "CURSOR": json.dumps({"listed": time.time()})}
        idle = _ticks(folder, "new_images", **by_events)
        _tell(Path(folder), _EVENTS)
        busy = _ticks(folder, "new_images", **by_events)
    size = f"{blobs:,} blobs of {_DAYS:,} days"
    return [
        *_over_azurite(),
        *(_row(f"{name}, idle tick, {size}", told[name][0], "s", 2.0) for name in _SENSORS),
        *(_row(f"{name}, the same, processor time", told[name][1], "s", 2.0) for name in _SENSORS),
        _row("peak memory of the process that ticks", told["memory"], "MB", 200.0),
        _row("new_images by events, idle tick", idle["new_images"][0], "s", 2.0),
        _row(f"new_images by events, {_EVENTS} events of 10 days that are up to date", busy["new_images"][0], "s", 2.0),
        _row("peak memory of that process", busy["memory"], "MB", 200.0),
    ]


def _ticks(folder: str, *sensors: str, **variables: str) -> dict[str, Any]:
    """A fresh process: seconds and requests of the first tick of each sensor, and peak memory."""
    done = subprocess.run(
        (sys.executable, "-c", _TICK, *sensors),
        cwd=folder,
        env=os.environ | variables,
        check=True,
        capture_output=True,
        text=True,
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert all(told[name][2] == 0 for name in sensors), told
    return told


def _tell(folder: Path, events: int) -> None:
    queue = DirectoryEventQueue(folder / ".imaging" / "events", hidden_seconds=60)
    today = datetime.now(UTC).date()
    for number in range(events):
        queue.tell(f"landing/{today - timedelta(days=number % 10 * 50):%Y/%m/%d}/{number:06}.jpg")


def _over_azurite() -> list[Row]:
    """Idle ticks of profile azure; none where Azurite is not installed."""
    if not PROGRAM.exists():
        print("Azurite is not installed: profile azure is not measured")
        return []
    with (
        tempfile.TemporaryDirectory() as folder,
        dg.DagsterInstance.local_temp() as instance,
        pytest.MonkeyPatch.context() as patch,
        a_deployment(Path(folder), patch, instance) as deployed,
    ):
        pipeline = deployed.pipeline
        with ThreadPoolExecutor(8) as pool:
            _prepare(Path(folder), pipeline, _AZURE_DAYS, partial(_upload, pipeline, pool, _AZURE_BLOBS // _AZURE_DAYS))
        told = _ticks(folder, *_SENSORS)
    size = f"{_AZURE_BLOBS:,} blobs of {_AZURE_DAYS:,} days in Azurite"
    return [_row(f"{name}, idle tick, {size}", told[name][0], "s", 2.0) for name in _SENSORS]


def _prepare(folder: Path, pipeline: Pipeline, days: int, land: Callable[[date], None]) -> None:
    Registry(pipeline.store, pipeline.places.models).publish(
        "20260101-benchmark", "so that the rollout has something to look for"
    )
    first = datetime.now(UTC).date() - timedelta(days=days - 1)
    (folder / "imaging.toml").write_text(f"[partitions]\nstart = {first}\n", encoding="utf-8")
    for number in range(days):
        day = first + timedelta(days=number)
        land(day)
        _quarantine(pipeline, day.isoformat())
        run_chain(pipeline, day.isoformat())
    tagged = pipeline.manifests.newest(TAGGED_MANIFESTS.asset)
    pipeline.manifests.commit(gather_training_set(pipeline, max(tagged), tagged)[0])
    training_set = pipeline.manifests.find(TRAINING_SETS.asset, max(tagged))
    pipeline.manifests.commit(iterate(pipeline, training_set, max(tagged), lambda _: None)[0])


def _touch(folder: Path, blobs: int, day: date) -> None:
    landing = folder / ".imaging" / "store" / "landing" / f"{day:%Y/%m/%d}"
    landing.mkdir(parents=True)
    for place in range(blobs):
        (landing / f"{place:06}.jpg").touch()


def _upload(pipeline: Pipeline, pool: ThreadPoolExecutor, blobs: int, day: date) -> None:
    list(pool.map(lambda place: pipeline.store.write(f"landing/{day:%Y/%m/%d}/{place:06}.jpg", b""), range(blobs)))


def _quarantine(pipeline: Pipeline, day: str) -> None:
    """What `resized_images` would write of empty files, without reading a thousand times a thousand of them."""
    pipeline.manifests.commit(take_inventory(pipeline, day)[0])
    raw = pipeline.manifests.find(RAW_IMAGES.asset, day)
    row = dict.fromkeys(RESIZED_IMAGES.columns) | {
        "sha256": "",
        "status": "quarantined",
        "reason": "empty",
        "duplicate_group": "",
    }
    landed = pipeline.manifests.read(raw, RAW_IMAGES).select("path", "size", "etag").to_dicts()
    work = pipeline.manifests.begin(RESIZED_IMAGES, day, resized_inputs(pipeline, raw))
    pipeline.manifests.commit(work.draft([row | blob for blob in landed], {"contact_sheet": ""}))


def _row(name: str, ours: float, unit: str, goal: float) -> Row:
    return {"name": name, "ours": ours, "peer": None, "unit": unit, "ratio": None, "goal": f"<= {goal:g}", "holds": ours <= goal}
