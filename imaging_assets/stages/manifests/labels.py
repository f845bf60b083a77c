"""Step `label_records`: every statement of every label file, bound to the bytes it means.

Belongs here: following label files and images as they change. Does not: which files there are (`sources`), formats (`formats`), the
matching rule (`matching`), what a new row looks like (`statement_rows`), what is odd about it (`remarks`), reading days (`day_images`).

Statements are only ever added. A line that goes is retracted, not removed; a first match binds a statement to the image's sha256
for ever, so a label follows moved bytes; only bytes that nobody could open give way to those that come in their place. Beside the rows
the manifest notes, per day, a digest of the labels that concern that day: the days whose tagged manifest must be made again are those
whose digest changed, and no other.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from imaging_assets.errors import BlobNotFoundError, LabelFileError
from imaging_assets.records.manifests import AnnotatedImage, RejectedLine
from imaging_assets.stages.digests import digest
from imaging_assets.stages.images.landing import Landing, below_day, day_folder
from imaging_assets.stages.manifests.day_images import DayImages
from imaging_assets.stages.manifests.formats import clean_tag
from imaging_assets.stages.manifests.label_report import LabelReport, label_report
from imaging_assets.stages.manifests.matching import ImageIndex, Match
from imaging_assets.stages.manifests.remarks import remark
from imaging_assets.stages.manifests.sources import FOLDERS, SourceFile, label_files, label_sources, read_source_file
from imaging_assets.stages.manifests.statement_rows import rows_by_statement
from imaging_assets.stages.manifests.winners import Winner, winners
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import ALL, Draft, Manifest
from imaging_assets.stages.tables import LABEL_RECORDS

RECIPE = "labels-2"
"""Raised when this step's output changes."""

Row = dict[str, Any]


def label_inputs(pipeline: Pipeline, files: Iterable[SourceFile], resized: Mapping[str, Manifest]) -> str:
    """Digest of what the step would read now."""
    listing = [(file.path, file.etag) for file in files]
    return digest(RECIPE, pipeline.labels.model_dump(), listing, {day: manifest.rows for day, manifest in resized.items()})


def label_digests(pipeline: Pipeline, manifest: Manifest | None) -> dict[str, str]:
    """By day, the digest of the labels that concern it; days without labels are absent."""
    if manifest is None:
        return {}
    _, notes = pipeline.manifests.read_with_notes(manifest, LABEL_RECORDS)
    digests: dict[str, str] = json.loads(notes["label_digests"])
    return digests


def refresh_labels(pipeline: Pipeline, resized: Mapping[str, Manifest]) -> tuple[Draft, LabelReport]:
    """Bring the statements up to date with the label files and the images of all days."""
    files = label_files(pipeline)
    work = pipeline.manifests.begin(LABEL_RECORDS, ALL, label_inputs(pipeline, files, resized))
    before, notes = work.previous_with_notes()
    if work.done:
        return work.done, label_report(before, len(files), expected_sources(pipeline, files), 0, 0)
    refresh = _Refresh(pipeline, resized, before.to_dicts(), {name: json.loads(text) for name, text in notes.items()})
    rows = refresh.run(files)
    draft = work.draft(rows, {name: json.dumps(value) for name, value in refresh.notes.items()})
    assert draft.frame is not None
    expected = expected_sources(pipeline, files)
    return draft, label_report(draft.frame, len(files), expected, refresh.files_read, len(refresh.images.by_day))


def expected_sources(pipeline: Pipeline, files: Iterable[SourceFile]) -> set[str]:
    """Names of the sources that should say something: those with files, and those that the settings name."""
    return {source.name for source in pipeline.labels.sources} | {file.source.name for file in files}


class _Refresh:
    """One pass over what changed."""

    def __init__(self, pipeline: Pipeline, resized: Mapping[str, Manifest], rows: list[Row], notes: Mapping[str, Any]) -> None:
        self.pipeline = pipeline
        self.landing = Landing(pipeline)
        self.resized = resized
        self.rows = {row["statement"]: row for row in rows}
        self.said_by: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            self.said_by[row["file"]].add(row["statement"])
        self.policy = digest(RECIPE, pipeline.labels.model_dump())
        same_policy = notes.get("policy") == self.policy  # else every file and day is looked at again
        self.etags: dict[str, str] = {path: etag if same_policy else "" for path, etag in notes.get("etags", {}).items()}
        self.seen: dict[str, str] = notes.get("days", {}) if same_policy else {}
        self.label_digests: dict[str, str] = notes.get("label_digests", {})
        self.contested: dict[str, str] = notes.get("contested", {})  # what held for bytes that people disagree on
        self.rivals: dict[str, list[str]] = notes.get("rivals", {})  # days of the images an ambiguous statement may mean
        self.sources = {source.name: source for source in label_sources(pipeline)}
        self.unusable: set[str] = set(notes.get("unusable", ()))  # statements bound to bytes that nobody could open
        self.images = DayImages(pipeline, resized, self.landing)
        self.files_read = 0

    def run(self, files: list[SourceFile]) -> list[Row]:
        changed = [day for day, manifest in self.resized.items() if self.seen.get(day) != manifest.rows]
        before = winners(self.rows.values(), lambda *_: False, self.pipeline.labels.priorities)
        unmatched = [row for row in self._active() if row["status"] == "unmatched"]
        reopened = [row for row in self._active() if not set(changed).isdisjoint(self.rivals.get(row["statement"], ()))]
        self.images.read(changed)
        self._follow_mended(changed)
        added = self._follow_files(files) + self._follow_folders(changed)
        self._bind(unmatched, self.images.by_day.keys())
        fresh = [row for row in added if row["status"] == "unmatched"] + reopened
        named = [self._day_named(row) for row in fresh]
        # A bare name may mean an image of any day.
        self.images.read(self.resized if reopened or None in named else {str(day) for day in named})
        self._bind(fresh, self.images.by_day.keys())
        self._note_digests(before, changed)
        self.seen = {day: manifest.rows for day, manifest in self.resized.items()}
        return list(self.rows.values())

    @property
    def notes(self) -> dict[str, Any]:
        ambiguous = {row["statement"] for row in self._active() if row["status"] == "ambiguous"}
        return {
            "policy": self.policy,
            "etags": self.etags,
            "days": self.seen,
            "label_digests": self.label_digests,
            "contested": self.contested,
            "rivals": {statement: days for statement, days in self.rivals.items() if statement in ambiguous},
            "unusable": sorted(self.unusable),
        }

    def _active(self) -> Iterator[Row]:
        return (row for row in self.rows.values() if row["retracted_at"] is None)

    def _follow_mended(self, changed: Iterable[str]) -> None:
        """What was bound to a file half-written or damaged means the picture that came in its place."""
        changed = set(changed)
        for row in [self.rows[statement] for statement in sorted(self.unusable)]:
            day = self.landing.day_of(row["path"])
            if day in changed and (sha256 := self.images.by_day[day].get(row["path"])):
                row["sha256"] = sha256
                if row["path"] not in self.images.quarantined:
                    self.unusable.remove(row["statement"])

    def _follow_files(self, files: list[SourceFile]) -> list[Row]:
        """Read changed files; returns the rows they add."""
        added = []
        for file in files:
            if self.etags.get(file.path) != file.etag:
                self.files_read += 1
                added += self._follow_file(file)
        for path in self.etags.keys() - {file.path for file in files}:
            self._follow("", path, _latest(self.rows.values()), [], [])
        self.etags = {file.path: file.etag for file in files}
        return added

    def _follow_file(self, file: SourceFile) -> list[Row]:
        """As `_follow`; what a file said before still holds while it cannot be read."""
        when = file.blob.modified_at
        try:
            said, rejected = read_source_file(self.pipeline, file)
        except (LabelFileError, BlobNotFoundError) as error:
            return self._follow(file.source.name, file.path, when, [], [RejectedLine(0, "", str(error))], readable=False)
        return self._follow(file.source.name, file.path, when, said, rejected)

    def _follow_folders(self, days: Iterable[str]) -> list[Row]:
        """With `labels.from_folders`, the first folder below the day is a statement about each image in it."""
        added = []
        for day in days:
            folder = day_folder(self.pipeline, day)
            when = self.resized[day].blob.modified_at
            images = sorted(self.images.by_day[day].items()) if self.pipeline.labels.from_folders else []
            stated = []
            for line, (path, sha256) in enumerate(images, 1):
                first, slash, _ = below_day(self.pipeline, path).partition("/")
                if slash and (tag := clean_tag(first)):
                    stated.append(AnnotatedImage(line, path, sha256, (tag,)))
            added += self._follow(FOLDERS, folder, when, stated, [])
        return added

    def _follow(
        self,
        source: str,
        file: str,
        when: datetime,
        said: list[AnnotatedImage],
        rejected: list[RejectedLine],
        *,
        readable: bool = True,
    ) -> list[Row]:
        """Add what the file says newly, retract what it no longer says; returns the added rows."""
        now = rows_by_statement(source, file, when, said, rejected)
        for row in now.values():
            row["path"] = row["path"] and self._index("").whole_paths(row["path"])[0]
        for key in self.said_by[file] - now.keys() if readable else ():
            self.rows[key]["retracted_at"] = self.rows[key]["retracted_at"] or when
        self.said_by[file] |= now.keys()
        added = []
        for key, row in now.items():
            old = self.rows.get(key)
            if old is None or old["retracted_at"] is not None:
                bound = {name: old[name] for name in ("sha256", "path", "status")} if old and old["status"] == "bound" else {}
                self.rows[key] = row | bound
                added.append(self.rows[key])
            else:
                old |= {"line": row["line"], "source": row["source"]}
        return added

    def _bind(self, rows: Iterable[Row], days: Iterable[str]) -> None:
        by_source: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_source[row["source"]].append(row)
        days = list(days)
        for source, group in by_source.items():
            index = self._index(source, [row["selector"] for row in group])
            for day in days:
                index.add(self.images.by_day[day].items())
            for row in group:
                match: Match = index.match(row["selector"])
                row.update(path=match.path, sha256=match.sha256, status=match.status, reason=match.reason)
                if match.path in self.images.quarantined:
                    self.unusable.add(row["statement"])
                self.rivals[row["statement"]] = sorted({str(self.landing.day_of(path)) for path in match.rivals})

    def _index(self, source: str, selectors: Iterable[str] | None = None) -> ImageIndex:
        """An empty index that names images as the source does, for these selectors or for all."""
        roots, known = tuple(self.pipeline.roots), self.sources.get(source)
        return ImageIndex(roots, known.images, known.rewrite, selectors) if known else ImageIndex(roots, selectors=selectors)

    def _day_named(self, row: Row) -> str | None:
        """The day a statement's selector names, or None when it may mean an image of any day."""
        index = self._index(row["source"])
        if index.rewrite:
            return None
        for paths in (index.whole_paths(row["selector"]), index.inner_paths(row["selector"])):
            days = {day for path in paths if (day := self.landing.day_of(path))}
            if days:
                return days.pop() if len(days) == 1 else None
        return None

    def _note_digests(self, before: Mapping[str, Winner], changed: list[str]) -> None:
        contested: set[str] = set()

        def exists(path: str, sha256: str) -> bool:
            contested.add(sha256)
            return self.images.exist(path, sha256)

        after = winners(self.rows.values(), exists, self.pipeline.labels.priorities)
        remark(self.rows.values(), after)
        moved = any(self._moved(before, after, sha256) for sha256 in before.keys() | after.keys())
        self.contested = {sha256: digest(after[sha256].content) for sha256 in sorted(contested)}
        if moved:
            self.images.read(self.resized)  # the same bytes may lie on any day
        for day in [*self.images.by_day, *changed]:
            labelled = sorted({sha256 for sha256 in self.images.by_day[day].values() if sha256 in after})
            content = [(sha256, after[sha256].content) for sha256 in labelled]
            self.label_digests[day] = digest(content) if content else ""
        self.label_digests = {day: text for day, text in self.label_digests.items() if text and day in self.resized}

    def _moved(self, before: Mapping[str, Winner], after: Mapping[str, Winner], sha256: str) -> bool:
        """Whether something else holds for these bytes now; where people disagree it also depends on which images stand."""
        if sha256 in self.contested:
            return self.contested[sha256] != digest(_content(after, sha256))
        return _content(before, sha256) != _content(after, sha256)


def _content(found: Mapping[str, Winner], sha256: str) -> object:
    return found[sha256].content if sha256 in found else None


def _latest(rows: Iterable[Row]) -> datetime:
    """A retraction by a vanished file has no time of its own: it follows everything said so far."""
    return max((row["stated_at"] for row in rows), default=datetime.min.replace(tzinfo=UTC))
