"""Which day does a landed blob belong to, and which source?

    landing/2026/11/20/dock/IMG_1.jpg     a folder that names the day (`partitions.folder`)
    landing/IMG_1.jpg                     no such folder: the day of its arrival (`partitions.undated = "arrival"`), or nobody's

Images may land in several folders, a source each (`landing.sources`, `Pipeline.roots`); a day holds those of all sources, and a path tells
its source. "The landing place" means all of them; only `places.landing` is ever written to.

Belongs here: finding days and a day's blobs in the landing place. Does not: what is made of them (`raw`).

A day of arrival is the blob's last change when it is first seen, and is written down: a blob that is changed later stays on its day.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

import polars as pl

from imaging_assets.errors import StoreUnavailableError
from imaging_assets.records.images import BlobInfo
from imaging_assets.stages.digests import digest
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import ALL
from imaging_assets.stages.tables import ARRIVALS

MARKER = "_imaging_assets.json"
"""A blob that `add` and `demo` leave in the landing place. Once seen, its absence means that the store is not the one it was."""

_DATE = {"{yyyy}": r"(?P<yyyy>[0-9]{4})", "{mm}": r"(?P<mm>[0-9]{2})", "{dd}": r"(?P<dd>[0-9]{2})"}


def no_store(pipeline: Pipeline) -> str:
    """Why there is nothing to look at yet, or ""."""
    try:
        pipeline.store.find(pipeline.places.landing)
    except StoreUnavailableError as error:
        return str(error)
    return ""


def root_of(pipeline: Pipeline, path: str) -> str:
    """Folder of the source that a path lies in, or "" when it lies in none."""
    return next((root for root in pipeline.roots if path.startswith(f"{root}/")), "")


def source_of(pipeline: Pipeline, path: str) -> str:
    """Name of the source that a landing path belongs to; "" for the one that needs no name."""
    return pipeline.roots.get(root_of(pipeline, path), "")


def short_path(pipeline: Pipeline, path: str) -> str:
    """A landing path as people see it: below `places.landing`, or whole where it belongs to another source."""
    landing = f"{pipeline.places.landing}/"
    below = path.removeprefix(landing)
    return path if root_of(pipeline, below) else below


def whole_path(pipeline: Pipeline, short: str) -> str:
    """Inverse of `short_path`."""
    return short if root_of(pipeline, short) else f"{pipeline.places.landing}/{short}"


def day_folder(pipeline: Pipeline, day: str, root: str = "") -> str:
    """Landing folder of an ISO day, ending in a slash; by default in `places.landing`."""
    year, month, number = day.split("-")
    folder = pipeline.partitions.folder.replace("{yyyy}", year).replace("{mm}", month).replace("{dd}", number)
    return f"{root or pipeline.places.landing}/{folder}/"


def dated_day(pipeline: Pipeline, path: str) -> str | None:
    """ISO day that a landing path itself names, or None."""
    match = _pattern(pipeline.partitions.folder).match(path.removeprefix(f"{root_of(pipeline, path)}/"))
    return _day(match) if match and match.string[match.end() :][:1] == "/" != match.string[match.end() :] else None


def below_day(pipeline: Pipeline, path: str) -> str:
    """A landing path without landing place and dated folder: what a person calls the image."""
    day, root = dated_day(pipeline, path), root_of(pipeline, path)
    return path.removeprefix(day_folder(pipeline, day, root) if day else f"{root}/")


class Landing:
    """The landing place as of the moment each part is first looked at."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._by_arrival = pipeline.partitions.undated == "arrival"

    def days(self) -> list[str]:
        """ISO days with at least one blob, oldest first."""
        return sorted({day for days, _, _ in self._folders.values() for day in days} | self.undated.keys())

    def of_day(self, day: str) -> list[BlobInfo]:
        """Blobs of a day in path order; hidden ones (a name or folder with a dot first) are none of our business."""
        folders = (day_folder(self.pipeline, day, root) for root in self.pipeline.roots)
        dated = (
            blob
            for folder in folders
            for blob in self.pipeline.store.list_blobs(folder)
            if not _hidden(blob.path.removeprefix(folder))
        )
        return sorted([*dated, *self.undated.get(day, [])], key=lambda blob: blob.path)

    def day_of(self, path: str) -> str | None:
        """ISO day of a path that landed, or None for a stray."""
        return dated_day(self.pipeline, path) or self._arrived.get(path)

    def look_for_arrivals(self) -> None:
        """Write down the days of what arrived since, where those count."""
        _ = self.undated

    def strays(self) -> Iterator[BlobInfo]:
        """Blobs in no dated folder, impossible dates included; dated folders are not listed for it."""
        store = self.pipeline.store
        for root, (_, between, odd) in self._folders.items():
            of_levels = (blob for folder in between for blob in store.list_files(f"{root}/{folder}"))
            of_folders = (blob for folder in odd for blob in store.list_blobs(f"{root}/{folder}"))
            for blob in (*of_levels, *of_folders):
                below = blob.path.removeprefix(f"{root}/")
                if below != MARKER and not _hidden(below):
                    yield blob

    @cached_property
    def undated(self) -> Mapping[str, list[BlobInfo]]:
        """Strays by day of arrival; empty unless `partitions.undated` says so. Days of new ones are written down."""
        found: dict[str, list[BlobInfo]] = {}
        if not self._by_arrival:
            return found
        zone, known, new = ZoneInfo(self.pipeline.partitions.timezone), self._arrived, {}
        for blob in self.strays():
            day = known.get(blob.path)
            if day is None:
                day = new[blob.path] = blob.modified_at.astimezone(zone).date().isoformat()
            found.setdefault(day, []).append(blob)
        if new:
            known |= new
            rows = pl.DataFrame({"path": list(known), "day": list(known.values())})
            work = self.pipeline.manifests.begin(ARRIVALS, ALL, digest(sorted(known.items())))
            self.pipeline.manifests.commit(work.draft(rows))
        return found

    @cached_property
    def _arrived(self) -> dict[str, str]:
        """Days that were written down, by path."""
        manifest = self.pipeline.manifests.look_up(ARRIVALS.asset, ALL) if self._by_arrival else None
        return dict(self.pipeline.manifests.read(manifest, ARRIVALS).iter_rows()) if manifest else {}

    @cached_property
    def _folders(self) -> dict[str, tuple[list[str], list[str], list[str]]]:
        """By source's folder what `_walk` finds there."""
        return {root: self._walk(root) for root in self.pipeline.roots}

    def _walk(self, root: str) -> tuple[list[str], list[str], list[str]]:
        """Days that have a folder, the levels above them, and folders that are neither; by names alone, no blob is listed."""
        segments = self.pipeline.partitions.folder.split("/")
        levels, between, odd = [""], [], []
        for depth in range(1, len(segments) + 1):
            pattern = _pattern("/".join(segments[:depth]))
            between += levels
            below = [folder + name for folder in levels for name in self.pipeline.store.list_folders(f"{root}/{folder}")]
            odd += [f"{folder}/" for folder in below if not pattern.fullmatch(folder)]
            levels = [f"{folder}/" for folder in below if pattern.fullmatch(folder)]
        dated = {folder: _day(_pattern(self.pipeline.partitions.folder).fullmatch(folder.removesuffix("/"))) for folder in levels}
        return [day for day in dated.values() if day], between, odd + [folder for folder, day in dated.items() if not day]


@lru_cache
def _pattern(template: str) -> re.Pattern[str]:
    """Of `partitions.folder` or the beginning of it."""
    text = re.escape(template)
    for name, pattern in _DATE.items():
        text = text.replace(re.escape(name), pattern)
    return re.compile(text)


def _day(match: re.Match[str] | None) -> str | None:
    """The ISO day, or None for no match and for days that no calendar has."""
    try:
        return date(*(int(match[name]) for name in ("yyyy", "mm", "dd"))).isoformat() if match else None
    except ValueError:
        return None


def _hidden(below: str) -> bool:
    """A leading dot hides; an underscore does not, for cameras begin names with one (`_MG_0001.JPG`)."""
    return any(part.startswith(".") for part in below.split("/"))
