"""`imaging-assets export`: a data set in another tool's format, or one label format into another.

Belongs here: writing files on this machine and telling what was lost. Does not: which images (`datasets`), formats (`formats`, `exports`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from imaging_assets.backends import build_on_store
from imaging_assets.cli.filled_folder import FilledFolder
from imaging_assets.cli.output import Session, counted
from imaging_assets.errors import LabelFileError, UsageError
from imaging_assets.records.manifests import AnnotatedImage, RejectedLine
from imaging_assets.stages.manifests.conversion import ImageSize, convert, size_of
from imaging_assets.stages.manifests.datasets import gather_dataset
from imaging_assets.stages.manifests.exports import EXPORTS, annotation_files, image_places, loss, losses_together
from imaging_assets.stages.manifests.formats import LabelFile, folders, is_companion, read_labels, yolo
from imaging_assets.stages.manifests.sources import NOTHING, apart

_SHOWN = 10
Told = tuple[str, str]
"""What, and what is wrong with it."""


class DataAssets(Protocol):
    """Where folders of this machine are uploaded and registered (Azure ML)."""

    def add_images(self, name: str, folder: Path) -> str:
        """Register a folder of images; returns the address that stands before each image's path."""

    def add_table(self, name: str, folder: Path) -> str:
        """Register a folder with an `MLTable`; returns `name:version`."""


@dataclass(frozen=True)
class Registration:
    """Where an export for Azure ML is registered: the name of its data assets, and whom to tell."""

    name: str
    assets: DataAssets


def export_dataset(
    session: Session,
    folder: Path,
    format_name: str,
    as_of: date | None,
    labels_as_of: str | None,
    *,
    images: bool,
    image_url: str,
    register: Registration | None = None,
) -> None:
    """Fill a folder with the data set as of a day.

    Raises:
        UsageError: An unknown format, nothing to export, or a folder that is not ours to fill.
        DataAssetError: Azure ML refused it.
    """
    check_format(format_name)
    if register and (format_name != "automl" or not images):
        raise UsageError("Only --format automl with its images can be registered. Drop --register, or give that format.")
    pipeline = build_on_store(session.settings())
    dataset = gather_dataset(pipeline, as_of.isoformat() if as_of else None, parse_moment(labels_as_of))
    kept, told = expressible(format_name, [image.said for image in dataset.images])
    if not kept:
        raise UsageError(
            f"Nothing labelled up to {dataset.day} can be said in {format_name}{_first(told)}. Choose another format."
        )
    filled = FilledFolder.open(folder)
    if images or format_name == "folders":
        blobs = {image.said.path: image.blob for image in dataset.images}
        places = [(place, blobs[image.path]) for image in kept for place in image_places(format_name, image)]
        filled.put_blobs(places, pipeline.store, pipeline.threads)
    if register:
        image_url = register.assets.add_images(f"{register.name}-images", folder / "images")
    files = dict(annotation_files(format_name, kept, image_url))
    for name, text in files.items():
        filled.put(name, text.encode())
    filled.finish()
    about: dict[str, object] = {"day": dataset.day, "format": format_name}
    if register:
        sides = sorted(name.partition("/")[0] for name in files if name.endswith("/MLTable"))
        registered = [register.assets.add_table(f"{register.name}-{side}", folder / side) for side in sides]
        session.say(f"registered {', '.join(registered)}")
        about["registered"] = registered
    _tell(session, filled, kept, [*dataset.left_out, *told], about)


def convert_labels(session: Session, source: Path, folder: Path, format_name: str, image_url: str) -> None:
    """Fill a folder with what a label file, or a folder of them, says, in another format; images are not copied.

    Raises:
        UsageError: An unknown format, or nothing that could be read.
    """
    check_format(format_name)
    if format_name == "folders":
        raise UsageError("Folders hold images, and a label file has none. Put the file into the store's labels, then export.")
    if not source.exists():
        raise UsageError(f"There is no {source}. Give a label file, or a folder of label files or of images in class folders.")
    labels = session.settings().labels
    read, rejected, told = _read_all(source, labels.separator)
    said, problems = convert(read, lambda path: _size_beside(source, path))
    kept, lost = expressible(format_name, said)
    told += [*rejected, *problems, *lost]
    if not kept:
        raise UsageError(f"Nothing of {source} can be said in {format_name}{_first(told)}. Mend it, or choose another format.")
    filled = FilledFolder.open(folder)
    for name, text in annotation_files(format_name, kept, image_url):
        filled.put(name, text.encode())
    filled.finish()
    _tell(session, filled, kept, told, {"from": str(source), "format": format_name})


def check_format(format_name: str) -> None:
    """Raises UsageError for a format that is not written here."""
    if format_name not in EXPORTS:
        raise UsageError(f"{format_name!r} is not a format to export to. Give one of {', '.join(EXPORTS)}.")


def parse_moment(text: str | None) -> datetime | None:
    """An ISO day or time, UTC unless it says otherwise; a day means its end. Raises UsageError."""
    if not text:
        return None
    try:
        if len(text) == len("2026-11-19"):
            return datetime.combine(date.fromisoformat(text), datetime.max.time(), UTC)
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time. Write it as 2026-11-19 or 2026-11-19T12:30Z.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def expressible(format_name: str, images: Sequence[AnnotatedImage]) -> tuple[list[AnnotatedImage], list[Told]]:
    """Images that a format can hold, and what is lost."""
    judged = [(image, *loss(format_name, image)) for image in images]
    told = [(image.path, reason) for image, _, reason in judged if reason]
    kept = [image for image, fits, _ in judged if fits]
    return kept, [*told, *losses_together(format_name, kept).items()]


def _read_all(source: Path, separator: str) -> tuple[list[AnnotatedImage], list[Told], list[Told]]:
    """Records, refused lines and files that could not be read."""
    files = sorted(_label_files(source))
    if not files:
        paths = [path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()]
        said, rejected = apart(folders.read(path for path in paths if is_companion(path) and not yolo.is_names_file(path)))
        return said, [_told(str(source), line) for line in rejected], []
    said, refused, unread = [], [], []
    for path in files:
        name = path.relative_to(source).as_posix() if source.is_dir() else path.name
        try:
            file = LabelFile(
                name, path.read_bytes(), separator, classes=_classes(path, source if source.is_dir() else path.parent)
            )
            found, rejected = apart(read_labels(file))
        except (LabelFileError, OSError) as error:
            unread.append((name, str(error)))
            continue
        said += found
        refused += [_told(name, line) for line in rejected or ([] if found else [NOTHING])]
    return said, refused, unread


def _told(name: str, line: RejectedLine) -> Told:
    return f"{name}, line {line.line}", f"{line.reason}{f' ({line.text})' if line.text else ''}"


def _label_files(source: Path) -> Iterator[Path]:
    for path in source.rglob("*") if source.is_dir() else [source]:
        hidden = any(part.startswith(".") for part in path.relative_to(source).parts)
        if path.is_file() and not hidden and not is_companion(path.name):
            yield path


def _classes(path: Path, root: Path) -> tuple[str, ...]:
    """Names of YOLO's classes from the nearest file that lists them, in the file's folder or one above, up to the root."""
    for parent in path.parents if path.suffix.lower() == ".txt" else ():
        for beside in sorted(parent.iterdir()):
            if yolo.is_names_file(beside.name):
                return yolo.read_names(beside.name, beside.read_bytes())
        if parent == root:
            break
    return ()


def _size_beside(source: Path, name: str) -> ImageSize | None:
    """Size of an image that lies beside its labels, as tools put it."""
    root = source if source.is_dir() else source.parent
    for place in (root, root / "images", root.parent / "images", root / "JPEGImages"):
        path = place / name
        if ".." not in Path(name).parts and path.is_file():
            return size_of(path.read_bytes())
    return None


def _first(told: Sequence[Told]) -> str:
    return f" ({told[0][0]}: {told[0][1]})" if told else ""


def _tell(
    session: Session, filled: FilledFolder, kept: Sequence[AnnotatedImage], told: Sequence[Told], about: dict[str, object]
) -> None:
    for what, reason in told[:_SHOWN]:
        session.say(f"note: {what}: {reason}")
    if len(told) > _SHOWN:
        session.say(f"note: … and {len(told) - _SHOWN} more; --json lists them all")
    written = f"{filled.written} files written, {filled.kept} as they were, {filled.removed} removed"
    session.say(f"{counted(len(kept), 'image')} in {filled.root}: {written}; {counted(len(told), 'note')}")
    counts = {"images": len(kept), "written": filled.written, "kept": filled.kept, "removed": filled.removed}
    notes = [{"what": what, "reason": reason} for what, reason in told]
    session.answer({**about, "folder": str(filled.root), **counts, "notes": notes})
