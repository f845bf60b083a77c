"""A whole day by stage, and the same day again after one image in a hundred was replaced: what is new is worked on, nothing else.

The day is 1,000 photographs of 1600 x 1200 in a folder, predicted by an earlier day's model. Dagster is not in it (`overhead`).

Belongs here: time by stage, and what a change costs. Does not: a stage against its peer (`resize`, `insights`, `search`).
"""

import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from typing_extensions import override

from imaging_assets.demo.pictures import Shot, photograph
from imaging_assets.demo.scenes import Scene
from imaging_assets.records.images import Blob
from imaging_assets_tests.builders import a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.doubles import ForwardingBlobStore, over

Row = dict[str, object]

_TRAINED, _DAY = "2026-03-01", "2026-03-02"
_IMAGES, _PART = 1_000, 100
_SCENES: tuple[Scene, ...] = ("harbour", "meadow", "desert")
_COMMAND = (sys.executable, "-c", "from imaging_assets.cli import main; main()", "run", "--day", _TRAINED)


def rows() -> list[Row]:
    """Images a second by stage; bytes of originals read, and seconds, of the second run against the first."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / ".imaging"
        pipeline = a_pipeline(home)
        scenes = {f"{seed}.jpg": _SCENES[seed % len(_SCENES)] for seed in range(60)}
        land(pipeline, {name: _photograph(seed, scene) for seed, (name, scene) in enumerate(scenes.items())}, _TRAINED)
        state_labels(pipeline, {f"{_TRAINED.replace('-', '/')}/{name}": scene for name, scene in scenes.items()})
        subprocess.run([*_COMMAND], cwd=folder, check=True, capture_output=True)
        land(pipeline, {f"{seed}.jpg": _photograph(1_000 + seed) for seed in range(_IMAGES)}, _DAY)
        first = _measured(home)
        land(pipeline, {f"{seed}.jpg": _photograph(5_000 + seed) for seed in range(0, _IMAGES, _PART)}, _DAY)
        again = _measured(home)
    stages = [_stage(asset, seconds) for asset, seconds in first.seconds.items()]
    whole = {asset: sum(run.seconds.values()) for asset, run in (("first", first), ("again", again))}
    return [
        *stages,
        _stage("the whole day", whole["first"]),
        _share("one image in a hundred replaced: bytes of originals read", again.megabytes, first.megabytes, "MB", 0.03),
        _share("... time", whole["again"], whole["first"], "s", 0.10),
    ]


class _Run:
    """Seconds by asset, and megabytes of landed images that were read."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.megabytes = 0.0


class _Weighing(ForwardingBlobStore):
    """Adds up what is read of the landed images."""

    landed = 0

    @override
    def read(self, path: str) -> Blob:
        blob = super().read(path)
        self.landed += len(blob.data) * path.startswith("landing/")
        return blob


def _measured(home: Path) -> _Run:
    pipeline = a_pipeline(home)
    store, run, last = _Weighing(pipeline.store), _Run(), time.perf_counter()

    def done(asset: str) -> None:
        nonlocal last
        now = time.perf_counter()
        run.seconds[asset], last = now - last, now

    run_chain(over(pipeline, store), _DAY, done)
    run.megabytes = store.landed / 1e6
    return run


def _photograph(seed: int, scene: Scene | None = None) -> bytes:
    buffer = io.BytesIO()
    photograph(Shot(seed, scene or _SCENES[seed % len(_SCENES)], (1600, 1200), seed)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _stage(asset: str, seconds: float) -> Row:
    return {"name": asset, "ours": _IMAGES / seconds, "peer": None, "unit": "images/s", "ratio": None, "goal": "", "holds": None}


def _share(name: str, again: float, first: float, unit: str, goal: float) -> Row:
    ratio = again / first
    return {
        "name": name,
        "ours": again,
        "peer": first,
        "unit": unit,
        "ratio": ratio,
        "goal": f"<= {goal:g} x",
        "holds": ratio <= goal,
    }
