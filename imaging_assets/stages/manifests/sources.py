"""Label sources: which label files there are, whose they are, and what each says.

Belongs here: folders of the store as the settings name them. Does not: formats (`formats`), following files as they change (`labels`).

The folder `places.labels` is a source by itself, called `labels`. A file belongs to the source whose folder lies nearest above it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from imaging_assets.policies import LabelSource
from imaging_assets.records.images import BlobInfo
from imaging_assets.records.manifests import AnnotatedImage, RejectedLine
from imaging_assets.stages.manifests.formats import LabelFile, is_companion, read_labels, yolo
from imaging_assets.stages.pipeline import Pipeline

DEFAULT = "labels"
"""Name of the source that is always there."""

NOTHING = RejectedLine(0, "", "the file says nothing")
"""What stands for a file without a single record."""

FOLDERS = "folders"
"""Name under which `labels.from_folders` speaks."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A label file, its source, and the file of class names beside it where its format may need one."""

    blob: BlobInfo
    source: LabelSource
    names: BlobInfo | None = None

    @property
    def path(self) -> str:
        """Path of the label file in the store."""
        return self.blob.path

    @property
    def etag(self) -> str:
        """Differs whenever what the file says may differ."""
        return f"{self.blob.etag} {self.names.etag}" if self.names else self.blob.etag


def label_sources(pipeline: Pipeline) -> list[LabelSource]:
    """Every source; the one that is always there comes first."""
    sources = pipeline.labels.sources
    if any(source.folder == pipeline.places.labels for source in sources):
        return list(sources)
    name = DEFAULT if all(source.name != DEFAULT for source in sources) else pipeline.places.labels
    return [LabelSource(name=name, folder=pipeline.places.labels), *sources]


def label_files(pipeline: Pipeline) -> list[SourceFile]:
    """The label files there are, sorted by path; hidden ones (`.` or `_` first), images and lists of class names are none."""
    sources = sorted(label_sources(pipeline), key=lambda source: len(source.folder), reverse=True)
    blobs = {blob.path: blob for source in sources for blob in pipeline.store.list_blobs(f"{source.folder}/")}
    names = {path: blob for path, blob in blobs.items() if yolo.is_names_file(path)}
    found = []
    for path, blob in sorted(blobs.items()):
        if not path.rpartition("/")[2].startswith((".", "_")) and not is_companion(path):
            source = next(source for source in sources if path.startswith(f"{source.folder}/"))
            found.append(SourceFile(blob, source, _names_beside(path, source.folder, names)))
    return found


def read_source_file(pipeline: Pipeline, file: SourceFile) -> tuple[list[AnnotatedImage], list[RejectedLine]]:
    """What a label file says, and what of it cannot be used.

    Raises:
        LabelFileError: The file as a whole cannot be read.
        BlobNotFoundError: It is gone.
    """
    source = file.source
    found = LabelFile(
        path=file.path,
        data=pipeline.store.read(file.path).data,
        separator=source.separator or pipeline.labels.separator,
        encoding=source.encoding,
        header_rows=source.header_rows,
        columns=source.columns,
        classes=yolo.read_names(file.names.path, pipeline.store.read(file.names.path).data) if file.names else (),
    )
    said, rejected = apart(read_labels(found, source.format))
    return said, rejected or ([] if said else [NOTHING])


def apart(read: Iterable[AnnotatedImage | RejectedLine]) -> tuple[list[AnnotatedImage], list[RejectedLine]]:
    """Records and refusals."""
    said: list[AnnotatedImage] = []
    rejected: list[RejectedLine] = []
    for item in read:
        if isinstance(item, AnnotatedImage):
            said.append(item)
        else:
            rejected.append(item)
    return said, rejected


def _names_beside(path: str, root: str, names: dict[str, BlobInfo]) -> BlobInfo | None:
    """The list of class names that is nearest: in the file's folder or one above, inside the source."""
    if not names or not path.lower().endswith(".txt"):
        return None
    for folder in PurePosixPath(path).parents:
        if beside := sorted(name for name in names if PurePosixPath(name).parent == folder):
            return names[beside[0]]
        if str(folder) == root:
            break
    return None
