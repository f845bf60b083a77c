"""`imaging-assets add`: a folder of pictures into the landing place.

Belongs here: what is uploaded, skipped, refused; the label file that goes with it. Does not: what becomes of the images (`stages/`).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

from rich.progress import Progress

from imaging_assets.backends import build, create_store
from imaging_assets.cli.history import check_home
from imaging_assets.cli.output import Session, printable
from imaging_assets.errors import BlobNameError, UsageError
from imaging_assets.ports.blob_store import BlobStore, check_path
from imaging_assets.records.images import BlobInfo
from imaging_assets.records.manifests import AnnotatedImage
from imaging_assets.settings import remember_start
from imaging_assets.stages.digests import digest, sha256_of
from imaging_assets.stages.images.landing import Landing, below_day, day_folder
from imaging_assets.stages.images.raw import leave_marker
from imaging_assets.stages.manifests.formats import clean_tag, csv_file
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RESIZED_IMAGES

_NEVER = {"thumbs.db", "desktop.ini"}


@dataclass
class Upload:
    """What became of the files of a folder."""

    added: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    labelled: list[tuple[str, str, str]] = field(default_factory=list)
    size: int = 0


def add_folder(session: Session, folder: Path, day: date | None, *, labels: bool, again: bool) -> None:
    """The command; without a day it is today.

    Raises:
        UsageError: No such folder, it holds no file, or the day is still to come.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}. Give the folder that holds your pictures.")
    settings = session.settings()
    files = sorted(_files(folder, settings.home.resolve()))
    if not files:
        raise UsageError(f"{folder} holds no file. Give the folder that holds your pictures.")
    zone = settings.partitions.timezone
    today = datetime.now(ZoneInfo(zone)).date()
    if day and day > today:
        raise UsageError(f"{day} is still to come: in {zone} it is {today}. Give today or a day before.")
    day = day or today
    check_home(settings.home)
    settings = remember_start(settings, day)
    create_store(settings)
    pipeline = build(settings)
    leave_marker(pipeline)
    upload = _upload(session, pipeline, folder, files, day.isoformat(), labels=labels, again=again)
    label_file = _write_labels(pipeline, upload, day)
    for name, reason in upload.refused:
        session.say(f"refused {name}: {reason}")
    told = f"{len(upload.added)} added ({upload.size / 1e6:.1f} MB), {len(upload.skipped)} already there, {len(upload.refused)} refused"
    session.say(f"{told}; day {day}, store {settings.home / 'store'}. Next: imaging-assets run")
    session.answer(
        {
            "day": day.isoformat(),
            "added": upload.added,
            "skipped": upload.skipped,
            "refused": [{"file": name, "reason": reason} for name, reason in upload.refused],
            "label_file": label_file,
        }
    )


def _files(folder: Path, home: Path) -> Iterator[Path]:
    """Files below the folder; hidden ones, droppings of file managers and our own state are not pictures anybody means."""
    top = folder.resolve()
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in parts) or path.name.lower() in _NEVER
        if path.is_file() and not hidden and not top.joinpath(*parts).is_relative_to(home):
            yield path


def _upload(
    session: Session, pipeline: Pipeline, folder: Path, files: list[Path], day: str, *, labels: bool, again: bool
) -> Upload:
    there = _Landed(pipeline)
    upload = Upload()
    with Progress(
        console=session.console, transient=True, disable=session.as_json or not session.console.is_terminal
    ) as progress:
        for path in progress.track(files, description="adding"):
            name = PurePosixPath(*path.relative_to(folder).parts).as_posix()
            target = day_folder(pipeline, day) + name
            try:
                data = _read(path, target)
                sha256 = sha256_of(data)
                if not again and there.has(name, len(data), sha256):
                    upload.skipped.append(name)
                    continue
                pipeline.store.write(target, data)
            except (BlobNameError, OSError) as error:
                upload.refused.append((printable(name), getattr(error, "strerror", "") or str(error)))
                continue
            upload.added.append(target)
            upload.size += len(data)
            if labels and "/" in name and (tag := clean_tag(name.partition("/")[0])):
                upload.labelled.append((target.removeprefix(f"{pipeline.places.landing}/"), tag, sha256))
    return upload


def _read(path: Path, target: str) -> bytes:
    """Bytes of a file that may land there; raises BlobNameError and OSError."""
    check_path(target)
    return path.read_bytes()


class _Landed:
    """What the landing place holds already, by the path below the day."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._by_name: dict[str, list[BlobInfo]] = defaultdict(list)
        self._digests: dict[str, dict[str, tuple[str, str]]] = {}
        self._landing = Landing(pipeline)
        for blob in pipeline.store.list_blobs(f"{pipeline.places.landing}/"):
            if self._landing.day_of(blob.path):
                self._by_name[below_day(pipeline, blob.path)].append(blob)

    def has(self, name: str, size: int, sha256: str) -> bool:
        """Whether these bytes are there under this name, on any day."""
        return any(blob.size == size and self._sha256(blob) == sha256 for blob in self._by_name.get(name, []))

    def _sha256(self, blob: BlobInfo) -> str:
        """From the day's manifest where it knows this very blob, else from its bytes."""
        etag, sha256 = self._known(blob.path).get(blob.path, ("", ""))
        return sha256 if etag == blob.etag else sha256_of(self._pipeline.store.read(blob.path).data)

    def _known(self, path: str) -> dict[str, tuple[str, str]]:
        day = self._landing.day_of(path) or ""
        if day not in self._digests:
            manifests = self._pipeline.manifests
            manifest = manifests.look_up(RESIZED_IMAGES.asset, day)
            rows = manifests.read(manifest, RESIZED_IMAGES).select("path", "etag", "sha256").iter_rows() if manifest else ()
            self._digests[day] = {path: (etag, sha256) for path, etag, sha256 in rows}
        return self._digests[day]


def _write_labels(pipeline: Pipeline, upload: Upload, day: date) -> str:
    """The label file of an upload, or "" without labels; equal uploads write the same file."""
    if not upload.labelled:
        return ""
    said = [AnnotatedImage(line, path, sha256, (tag,)) for line, (path, tag, sha256) in enumerate(upload.labelled, 2)]
    path = f"{pipeline.places.labels}/add-{day}-{digest(upload.labelled)[:8]}.csv"
    store: BlobStore = pipeline.store
    if not store.find(path):
        store.write(path, csv_file.write(said, pipeline.labels.separator).encode())
    return path
