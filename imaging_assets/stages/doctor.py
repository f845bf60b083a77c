"""Checks of `imaging-assets doctor` that hold for every profile: this machine, what is installed, the days, the labels.

Belongs here: a small function per row. Does not: calls of services (`azure/doctor.py`), printing (`cli/doctor.py`), checks of assets
(`defs/assets`).
"""

import platform
import shutil
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from uuid import uuid4

from PIL import features

from imaging_assets.ports.doctor import Finding, judged
from imaging_assets.ports.event_queue import EventQueue
from imaging_assets.stages.days import Days
from imaging_assets.stages.events import why_aside
from imaging_assets.stages.manifests.label_report import open_lines
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import ALL
from imaging_assets.stages.tables import LABEL_RECORDS

_LEAST_FREE = 2_000_000_000
_OLDEST_PYTHON = (3, 11)
_DAGSTER = ("dagster", "dagster-webserver", "dagster-graphql", "dagster-shared", "dagster-pipes")
_EXTRAS = {
    "aml": "azure-ai-ml",
    "deploy": "dagster-k8s",
    "faces": "opencv-python-headless",
    "heic": "pi-heif",
    "ocr": "rapidocr",
    "tesseract": "tesserocr",
    "postgres": "psycopg",
    "torch": "torch",
}
"""Extras, and the package that tells whether one is there."""

_DAGSTER_LIBRARIES = ("dagster-azure", "dagster-postgres")


def machine(home: Path) -> list[Finding]:
    """This machine and what is installed on it."""
    return [
        _writable(home),
        disk(_free_bytes(home)),
        python(sys.version_info[:3]),
        dagster({name: number for name in (*_DAGSTER, *_DAGSTER_LIBRARIES) if (number := _version(name))}),
        _decoders(),
        _installed("onnxruntime", "pip install onnxruntime"),
        _full_text(),
        _extras(),
    ]


def project(pipeline: Pipeline) -> list[Finding]:
    """The store, its days, the labels and the insights."""
    rows = [judged("store", lambda: _store(pipeline))]
    if rows[0].state != "fail":
        rows += [judged("partitions.start", lambda: _start(pipeline)), judged("labels", lambda: _labels(pipeline))]
    if queue := pipeline.events:
        rows.append(judged("events", lambda: _set_aside(queue)))
    return [*rows, *(Finding(f"insights.steps.{name}", "warn", "off", reason) for name, reason in pipeline.insights.off.items())]


def _writable(home: Path) -> Finding:
    probe = home / f".doctor-{uuid4().hex}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return Finding("state folder", "fail", f"{home}: {error.strerror}", "Mend its rights, or name another with IMAGING_HOME.")
    return Finding("state folder", "ok", f"{home} can be written")


def disk(free: int) -> Finding:
    """Whether so many bytes are enough for the state folder."""
    told = f"{free / 1e9:.1f} GB free"
    if free < _LEAST_FREE:
        return Finding("disk", "warn", told, f"Free space: {_LEAST_FREE / 1e9:.0f} GB are wanted for a day under way.")
    return Finding("disk", "ok", told)


def python(release: tuple[int, ...]) -> Finding:
    """Whether this release of Python will do."""
    told = f"{'.'.join(map(str, release))} on {platform.system()}"
    if release < _OLDEST_PYTHON:
        return Finding("python", "fail", told, "Use Python 3.11 or newer.")
    return Finding("python", "ok", told)


def dagster(found: Mapping[str, str]) -> Finding:
    """Whether packages (name to version) are of one release; the libraries are numbered apart and must agree in the last part."""
    core = {number for name, number in found.items() if name in _DAGSTER}
    patches = {number.rpartition(".")[2] for number in found.values()}
    told = ", ".join(f"{name} {number}" for name, number in found.items())
    if len(core) != 1 or len(patches) != 1:
        return Finding(
            "dagster", "fail", told, "Install all of them of one release: pip install -c constraints.txt imaging-assets"
        )
    return Finding("dagster", "ok", told)


def _decoders() -> Finding:
    turbo = bool(features.check_feature("libjpeg_turbo"))
    told = f"Pillow {_version('pillow')}, {'libjpeg-turbo' if turbo else 'plain libjpeg'} {features.version_codec('jpg')}"
    told += "".join(f", {name} {number}" for name in ("simplejpeg", "pi-heif") if (number := _version(name)))
    if not turbo:
        return Finding("decoders", "warn", told, "Install Pillow's own wheel: pip install --force-reinstall pillow")
    return Finding("decoders", "ok", told)


def _installed(package: str, remedy: str) -> Finding:
    number = _version(package)
    return Finding(package, "ok", number) if number else Finding(package, "fail", "not installed", remedy)


def _full_text() -> Finding:
    with closing(sqlite3.connect(":memory:")) as database:
        return full_text(database)


def full_text(database: sqlite3.Connection) -> Finding:
    """Whether an index can be kept in such a database."""
    try:
        database.execute("create virtual table probe using fts5(text)")
    except sqlite3.Error as error:
        return Finding(
            "sqlite", "fail", f"{sqlite3.sqlite_version}: {error}", "Use a Python whose SQLite has FTS5 (python.org's)."
        )
    return Finding("sqlite", "ok", f"{sqlite3.sqlite_version} with FTS5")


def _extras() -> Finding:
    there = {extra: _version(package) for extra, package in _EXTRAS.items()}
    told = ", ".join(f"{extra} ({number})" for extra, number in there.items() if number)
    missing = ", ".join(extra for extra, number in there.items() if not number)
    return Finding("extras", "ok", f"{told or 'none'} installed; not installed: {missing or 'none'}")


def _free_bytes(home: Path) -> int:
    """On the disk that the state folder is on, or will be."""
    folder = next((place for place in (home, *home.absolute().parents) if place.exists()), Path())
    return shutil.disk_usage(folder).free


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _store(pipeline: Pipeline) -> str:
    places = pipeline.store.list_folders()
    return ", ".join(places) or "empty"


def _set_aside(queue: EventQueue) -> str | Finding:
    count, shown = queue.aside()
    if not count:
        return f"none set aside from {queue.name}"
    told = f"{count} set aside from {queue.name}, the first: {'; '.join(map(why_aside, shown[:3]))}"
    remedy = "Their images are found by listing; correct whoever sends them, then delete what was set aside."
    return Finding("events", "warn", told, remedy)


def _start(pipeline: Pipeline) -> str | Finding:
    days = (
        Days(pipeline).landing.days() if pipeline.partitions.undated != "arrival" else list(Days(pipeline).newest("raw_images"))
    )
    start = pipeline.partitions.start
    early = [day for day in days if date.fromisoformat(day) < start]
    if early:
        told = f"{start}; {len(early)} days with images are before it, the first {early[0]}"
        return Finding("partitions.start", "fail", told, f"Set partitions.start to {early[0]} in imaging.toml.")
    return f"{start}; images from {days[0]} to {days[-1]}" if days else f"{start}; no dated image yet"


def _labels(pipeline: Pipeline) -> str | Finding:
    manifest = pipeline.manifests.look_up(LABEL_RECORDS.asset, ALL)
    if manifest is None:
        return "none read yet"
    rows = pipeline.manifests.read(manifest, LABEL_RECORDS)
    lines = open_lines(rows)
    if not lines:
        return f"{rows.height} statements, each bound to its image"
    file, line, names, reason = lines[0]
    told = f"{len(lines)} of {rows.height} statements match no image, the first {file}:{line} {names!r} ({reason})"
    return Finding("labels", "warn", told, "Correct the lines; `label_records` in the UI lists them all.")
