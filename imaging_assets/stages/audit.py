"""Does the search index hold what the manifests say? Asked outside the days' own runs, which only look at what changed.

Belongs here: comparing and mending. Does not: asking when (`cli/audit.py`, `defs/jobs.py`).

Only days that are up to date are judged; of the others, no document is expected and none is taken for a stray. A document's vector is
not compared, because no index gives it back. Where writes take a while to be seen, a difference counts only when it is found twice.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

import polars as pl

from imaging_assets.ports.search_values import SearchSchema, check_document
from imaging_assets.records.search import FIELDS, Condition, Document, Order, SearchField, SearchQuery
from imaging_assets.stages.days import Days
from imaging_assets.stages.digests import digest
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.search import document_id, documents_in_parts
from imaging_assets.stages.tables import RESIZED_IMAGES, SEARCH_DOCUMENTS

_PAGE = 1000

Where = tuple[str, str]
"""Day and landing path of a document."""


@dataclass(frozen=True)
class Differences:
    """What is not as the manifests say.

    Attributes:
        missing: Documents that the index lacks, by key.
        stale: Documents that say something else than they should, by key.
        strays: Keys that belong to no image.
        days_behind: Days that were not judged.
        documents: How many the index holds.
    """

    missing: Mapping[str, Where] = field(default_factory=dict)
    stale: Mapping[str, Where] = field(default_factory=dict)
    strays: frozenset[str] = frozenset()
    days_behind: tuple[str, ...] = ()
    documents: int = 0

    @property
    def count(self) -> int:
        """How many documents differ."""
        return len(self.missing) + len(self.stale) + len(self.strays)


@dataclass(frozen=True)
class Audit:
    """Differences, faults of the index as a whole, and what mending did: `errors` are pairs of path or key and reason."""

    differences: Differences
    faults: tuple[str, ...]
    mended: int = 0
    errors: tuple[tuple[str, str], ...] = ()

    @property
    def good(self) -> bool:
        """Nothing is wrong (any more)."""
        return self.mended == self.differences.count + len(self.faults)


def audit(pipeline: Pipeline, *, repair: bool = False, wait: Callable[[float], None] = time.sleep) -> Audit:
    """Compare, and mend if asked: send what is missing or stale, delete strays."""
    faults = tuple(pipeline.index.faults(repair=repair))
    found = compare(pipeline)
    if found.count and pipeline.index.settles_within_seconds:
        wait(pipeline.index.settles_within_seconds)
        found = _both(found, compare(pipeline))
    if not repair:
        return Audit(found, faults)
    errors = dict(_mend(pipeline, found))
    return Audit(found, faults, len(faults) + found.count - len(errors), tuple(sorted(errors.items())))


def compare(pipeline: Pipeline) -> Differences:
    """One look at manifests and index."""
    days = Days(pipeline)
    keys = set(pipeline.index.ids())
    missing: dict[str, Where] = {}
    stale: dict[str, Where] = {}
    known: set[str] = set()
    behind = []
    for day in sorted({*days.newest("resized_images"), *days.newest("search_documents")}):
        known |= _known_keys(pipeline, days, day)
        sources = days.sources(day)
        waiting = days.behind_inside(day)
        if sources is None or (waiting and "search_documents" in waiting.steps):
            behind.append(day)
            continue
        there = {document["id"]: digest(_as_compared(document, pipeline)) for document in _documents_in_index(pipeline, day)}
        for document in chain(*documents_in_parts(pipeline, sources)):
            key, where = document["id"], (day, document["path"])
            if key not in keys:
                missing[key] = where
            elif there.get(key) != digest(_as_compared(document, pipeline)):
                stale[key] = where
    return Differences(missing, stale, frozenset(keys - known), tuple(behind), len(keys))


def _both(first: Differences, second: Differences) -> Differences:
    return Differences(
        {key: where for key, where in second.missing.items() if key in first.missing},
        {key: where for key, where in second.stale.items() if key in first.stale},
        first.strays & second.strays,
        second.days_behind,
        second.documents,
    )


def _mend(pipeline: Pipeline, found: Differences) -> Iterator[tuple[str, str]]:
    """Mend, and tell what could not be."""
    days = Days(pipeline)
    wrong = {**found.missing, **found.stale}
    for day in sorted({day for day, _ in wrong.values()}):
        sources = days.sources(day)
        for documents in documents_in_parts(pipeline, sources) if sources else ():
            results = pipeline.index.put([document for document in documents if document["id"] in wrong])
            yield from ((wrong[result.id][1], result.error) for result in results if result.error)
    results = pipeline.index.delete(sorted(found.strays)) if found.strays else []
    yield from ((result.id, result.error) for result in results if result.error)


def _known_keys(pipeline: Pipeline, days: Days, day: str) -> set[str]:
    """Keys that the day's images have, or had at its last run: a run under way may have sent or deleted them."""
    keys: set[str] = set()
    if resized := days.newest("resized_images").get(day):
        images = pipeline.manifests.read(resized, RESIZED_IMAGES).filter(pl.col("status") != "quarantined")
        keys |= {document_id(path) for path in images["path"]}
    if sent := days.newest("search_documents").get(day):
        waiting = days.behind_inside(day)
        keys |= set(pipeline.manifests.read(sent, SEARCH_DOCUMENTS)["id"]) if waiting else set()
    return keys


def _documents_in_index(pipeline: Pipeline, day: str) -> Iterator[Document]:
    """The day's documents in the index that serves."""
    where = (Condition("day", "eq", (day,)),)
    skip = 0
    while hits := pipeline.index.query(SearchQuery(where=where, order=(Order("path"),), top=_PAGE, skip=skip)).hits:
        yield from (hit.document for hit in hits)
        skip += len(hits)


def _as_compared(document: Document, pipeline: Pipeline) -> dict[str, Any]:
    """Values as every index returns them: times to the millisecond, what is missing as None or []."""
    schema = SearchSchema(FIELDS, pipeline.embedder.dimensions)
    values = check_document({**document, "vector": None}, schema).values
    return {each.name: _as_kept(each, values.get(each.name)) for each in FIELDS if each.type != "vector"}


def _as_kept(declared: SearchField, value: Any) -> Any:
    if declared.type == "strings":
        return value or []
    if declared.type == "datetime" and value is not None:
        return datetime.fromisoformat(value).isoformat(timespec="milliseconds")
    return value
