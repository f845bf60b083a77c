"""`imaging-assets add`: a folder of pictures into the landing place.

Belongs here: walking the folder, telling what became of each file. Does not: the rules (`stages/images/uploads.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path, PurePosixPath

from rich.progress import Progress

from imaging_assets.backends import build, create_store
from imaging_assets.cli.history import check_home
from imaging_assets.cli.output import Session, printable
from imaging_assets.errors import BlobNameError, UsageError
from imaging_assets.settings import remember_start
from imaging_assets.stages.images.uploads import Labelled, Uploads, check_landing_day, folder_tag, is_dropping


@dataclass
class Upload:
    """What became of the files of a folder."""

    added: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    labelled: list[Labelled] = field(default_factory=list)
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
    day = check_landing_day(day, settings.partitions.timezone)
    check_home(settings.home)
    settings = remember_start(settings, day)
    create_store(settings)
    landing = f"{settings.places.landing}/"
    place = Uploads(build(settings))
    upload = _upload(session, place, folder, files, day, again=again)
    if not labels:
        upload.labelled.clear()
    label_file = place.write_labels(day, [(path.removeprefix(landing), tag, sha256) for path, tag, sha256 in upload.labelled])
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
    """Files below the folder that somebody may mean; our own state is none of them."""
    top = folder.resolve()
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and not is_dropping("/".join(parts)) and not top.joinpath(*parts).is_relative_to(home):
            yield path


def _upload(session: Session, place: Uploads, folder: Path, files: list[Path], day: date, *, again: bool) -> Upload:
    upload = Upload()
    with Progress(
        console=session.console, transient=True, disable=session.as_json or not session.console.is_terminal
    ) as progress:
        for path in progress.track(files, description="adding"):
            name = PurePosixPath(*path.relative_to(folder).parts).as_posix()
            try:
                place.target(day, name)  # before the file is read: it may be large
                landed = place.add(day, name, path.read_bytes(), again=again)
            except (BlobNameError, OSError) as error:
                upload.refused.append((printable(name), getattr(error, "strerror", "") or str(error)))
                continue
            if not landed.added:
                upload.skipped.append(name)
                continue
            upload.added.append(landed.path)
            upload.size += landed.size
            if tag := folder_tag(name):
                upload.labelled.append((landed.path, tag, landed.sha256))
    return upload
