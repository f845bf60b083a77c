"""Uploads into the landing place: the rules that `imaging-assets add` and the gallery's upload share.

Belongs here: what is taken, what is there already, which label a folder gives. Does not: where files come from (`cli/add.py`,
`web/gallery`), what becomes of them (`raw`, `resized`), which day a blob is of (`landing`). Nothing else that landed is touched; a new
file of an old name on the same day replaces it as it would in a folder, because that is what its owner asked for.
"""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from imaging_assets.errors import EventQueueError, UsageError
from imaging_assets.ports.blob_store import check_path
from imaging_assets.records.images import BlobInfo
from imaging_assets.records.manifests import AnnotatedImage
from imaging_assets.stages.digests import digest, sha256_of
from imaging_assets.stages.images.landing import Landing, below_day, day_folder
from imaging_assets.stages.images.raw import leave_marker
from imaging_assets.stages.manifests.formats import clean_tag, csv_file
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RESIZED_IMAGES

_NEVER = {"thumbs.db", "desktop.ini"}

Labelled = tuple[str, str, str]
"""Path below the landing place, tag, sha256."""


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of one file; `added` is False when the same bytes lie there under that name already, on any day."""

    path: str
    sha256: str
    size: int
    added: bool


def is_dropping(name: str) -> bool:
    """Whether a path below the added folder is hidden, or left by a file manager: nothing anybody means to add."""
    parts = name.split("/")
    return any(part.startswith(".") for part in parts) or parts[-1].lower() in _NEVER


def check_landing_day(day: date | None, zone: str) -> date:
    """The day that files land on, by default today.

    Raises:
        UsageError: It is still to come.
    """
    today = datetime.now(ZoneInfo(zone)).date()
    if day and day > today:
        raise UsageError(f"{day} is still to come: in {zone} it is {today}. Give today or a day before.")
    return day or today


def folder_tag(name: str) -> str:
    """The tag that a file's first folder gives it, or ""."""
    folder, slash, _ = name.partition("/")
    return clean_tag(folder) if slash else ""


class Uploads:
    """The landing place of a pipeline, as it was when this was made and by what was added through it since."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._by_name: dict[str, list[BlobInfo]] = defaultdict(list)
        self._digests: dict[str, dict[str, tuple[str, str]]] = {}
        self._landing = Landing(pipeline)
        leave_marker(pipeline)
        for blob in pipeline.store.list_blobs(f"{pipeline.places.landing}/"):
            if self._landing.day_of(blob.path):
                self._by_name[below_day(pipeline, blob.path)].append(blob)

    def target(self, day: date, name: str) -> str:
        """Where a file lands.

        Raises:
            BlobNameError: No store may hold that path.
        """
        return check_path(day_folder(self._pipeline, day.isoformat()) + name)

    def add(self, day: date, name: str, data: bytes, *, again: bool = False) -> Landed:
        """Let a file land, unless the same bytes lie there under this name already (`again`: even then).

        Raises:
            BlobNameError: The store cannot hold that path.
        """
        target, sha256 = self.target(day, name), sha256_of(data)
        if not again and self._has(name, len(data), sha256):
            return Landed(target, sha256, len(data), added=False)
        self._by_name[name].append(self._pipeline.store.write(target, data))
        if self._pipeline.events:
            with suppress(EventQueueError):  # the file is there; the next listing finds it
                self._pipeline.events.tell(target)
        return Landed(target, sha256, len(data), added=True)

    def write_labels(self, day: date, labelled: Sequence[Labelled]) -> str:
        """The label file of what was added, or "" without labels; equal ones write the same file."""
        if not labelled:
            return ""
        path = f"{self._pipeline.places.labels}/add-{day}-{digest(labelled)[:8]}.csv"
        if not self._pipeline.store.find(path):
            said = [AnnotatedImage(line, path, sha256, (tag,)) for line, (path, tag, sha256) in enumerate(labelled, 2)]
            self._pipeline.store.write(path, csv_file.write(said, self._pipeline.labels.separator).encode())
        return path

    def _has(self, name: str, size: int, sha256: str) -> bool:
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
