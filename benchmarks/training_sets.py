"""What a training set over 1,000 days of 1,000 images costs after one day changed: seconds, and memory of the whole process.

Belongs here: following days. Does not: training (`trainer`). The state before is written as earlier runs would have left it.
"""

import io
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from imaging_assets.stages.manifests.set_parts import rows_digest_of, summaries, write_parts
from imaging_assets.stages.manifests.training_sets import gather_training_set, training_set_inputs
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Manifest
from imaging_assets.stages.tables import SPLITS, TAGGED_MANIFESTS, TRAINING_SETS
from imaging_assets_tests.builders import a_pipeline

Row = dict[str, object]

_DAYS, _IMAGES = 1_000, 1_000
_FIRST = date(2024, 1, 1)
_NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
_TAGS = [f"tag {number:02}" for number in range(20)]


def rows() -> list[Row]:
    """Seconds and megabytes, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        _run(folder, "prepare")  # Not here: a process that is started counts the memory of the one that starts it as its own.
        relabelled = _measured(folder, "relabel")
        added = _measured(folder, "add")
    found = []
    for name, (seconds, megabytes) in {"100 images relabelled": relabelled, "a new day": added}.items():
        found.append(_row(f"training set of {_DAYS} x {_IMAGES} images, {name}", seconds, "s", 5.0))
        found.append(_row(f"... {name}, memory", megabytes, "MB", 500.0))
    return found


def _row(name: str, ours: float, unit: str, goal: float) -> Row:
    return {"name": name, "ours": ours, "peer": None, "unit": unit, "ratio": None, "goal": f"<= {goal:g}", "holds": ours <= goal}


def _measured(folder: str, change: str) -> tuple[float, float]:
    seconds, megabytes = json.loads(_run(folder, change))
    return seconds, megabytes


def _run(folder: str, what: str) -> str:
    command = [sys.executable, "-m", "benchmarks.training_sets", folder, what]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _day(number: int) -> str:
    return (_FIRST + timedelta(days=number)).isoformat()


def _tagged(number: int, rng: random.Random) -> pl.DataFrame:
    folder = f"landing/{_day(number).replace('-', '/')}"
    digests = [rng.randbytes(32).hex() for _ in range(_IMAGES)]
    return TAGGED_MANIFESTS.frame(
        pl.DataFrame(
            {
                "path": [f"{folder}/camera-1/IMG_{place:05}.jpg" for place in range(_IMAGES)],
                "sha256": digests,
                "phash": [rng.randbytes(8).hex() for _ in range(_IMAGES)],
                "status": "passed",
                "width": 4000,
                "height": 3000,
                "resized": [f"resized/{sha256[:2]}/{sha256}-engine1.jpg" for sha256 in digests],
                "tags": [[rng.choice(_TAGS)] for _ in range(_IMAGES)],
                "regions": pl.Series([[] for _ in range(_IMAGES)], dtype=TAGGED_MANIFESTS.columns["regions"]),
                "region_problems": pl.Series([[] for _ in range(_IMAGES)], dtype=TAGGED_MANIFESTS.columns["region_problems"]),
                "conflict": "",
                "label_source": "labels",
                "label_file": "labels/x.csv",
                "label_line": 1,
                "stated_at": _NOON,
            }
        )
    )


def _write_day(pipeline: Pipeline, number: int, frame: pl.DataFrame) -> None:
    work = pipeline.manifests.begin(TAGGED_MANIFESTS, _day(number), f"{random.randrange(16**16):016x}")
    pipeline.manifests.commit(work.draft(frame))


def _prepare(home: Path) -> None:
    pipeline, rng = a_pipeline(home), random.Random(1)
    parts = []
    for number in range(_DAYS):
        frame = _tagged(number, rng)
        _write_day(pipeline, number, frame)
        parts.append(frame.with_columns(day=pl.lit(_day(number))))
    every = pl.concat(parts).with_columns(
        sightings=pl.concat_list(pl.struct("day", "path")),
        group=pl.col("sha256"),
        split=pl.Series([rng.choices(("train", "validation", "test"), (65, 15, 20))[0] for _ in range(_DAYS * _IMAGES)]),
        reason=pl.lit(""),
        tag=pl.col("tags").list.first(),
    )
    buffer = io.BytesIO()
    SPLITS.frame(every).write_parquet(buffer)
    pipeline.store.write("models/splits.parquet", buffer.getvalue())
    tagged = pipeline.manifests.newest(TAGGED_MANIFESTS.asset)
    last = _day(_DAYS - 1)
    work = pipeline.manifests.begin(TRAINING_SETS, last, training_set_inputs(pipeline, tagged))
    notes = {"days": json.dumps({day: manifest.rows for day, manifest in tagged.items()})}
    index = write_parts(pipeline, TRAINING_SETS.frame(every))
    pipeline.manifests.commit(work.draft_of_parts(index, rows_digest_of(summaries(index)), notes))


def _change(pipeline: Pipeline, change: str) -> str:
    """Change a day; returns the day to gather as of."""
    if change == "add":
        _write_day(pipeline, _DAYS, _tagged(_DAYS, random.Random(2)))
        return _day(_DAYS)
    number = _DAYS // 2
    frame = pipeline.manifests.read(pipeline.manifests.find(TAGGED_MANIFESTS.asset, _day(number)), TAGGED_MANIFESTS)
    other = pl.when(pl.int_range(pl.len()) < 100).then(pl.lit(["another"])).otherwise(pl.col("tags"))
    _write_day(pipeline, number, frame.with_columns(tags=other))
    return _day(_DAYS - 1)


def _refresh(pipeline: Pipeline, day: str, tagged: dict[str, Manifest]) -> float:
    started = time.monotonic()
    draft, report = gather_training_set(pipeline, day, tagged)
    pipeline.manifests.commit(draft)
    assert report.days_read == 1
    return time.monotonic() - started


def _measure(folder: str, change: str) -> None:
    if change == "prepare":
        _prepare(Path(folder))
        return
    pipeline = a_pipeline(Path(folder))
    day = _change(pipeline, change)
    seconds = _refresh(pipeline, day, pipeline.manifests.newest(TAGGED_MANIFESTS.asset))
    print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


if __name__ == "__main__":
    _measure(*sys.argv[1:])
