"""Step `search_documents`: the index holds one document for each usable image of every day.

Belongs here: what a document says, and sending only what changed. Does not: how an index works (`ports/search_index.py`).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from imaging_assets.ports.search_index import SearchIndex
from imaging_assets.records.insights import Output
from imaging_assets.records.search import Document
from imaging_assets.stages.day_sources import DaySources
from imaging_assets.stages.digests import digest, sha256_of
from imaging_assets.stages.insights.answers import Answers
from imaging_assets.stages.insights.vectors import DayVectors
from imaging_assets.stages.manifests.training_sets import placed_images, sides_by_day
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft
from imaging_assets.stages.tables import PREDICTIONS, RESIZED_IMAGES, SEARCH_DOCUMENTS, TAGGED_MANIFESTS

RECIPE = "documents-3"
"""Raised when this step's output changes."""

_PART = 5_000
_BATCH = 1_000
_BATCH_FOLDER = re.compile(r"batch-.+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

Row = dict[str, Any]

_SAME = ("sha256", "status", "width", "height", "size", "thumbnail", "resized")
_SHOWN = ("path", "source", "problems", "captured_at", "duplicate_group", *_SAME)
"""Columns of an image that its document is made of."""


@dataclass(frozen=True, slots=True)
class SearchReport:
    """A day's documents; `sent` and `deleted` count what the index was told now, `rejected` what it refused, with reasons."""

    documents: int
    sent: int
    deleted: int
    rejected: int
    generation: str
    errors: tuple[tuple[str, str], ...]


def document_id(path: str) -> str:
    """Key of a landing path's document: hex sha256 of the path."""
    return sha256_of(path.encode())


def document_inputs(pipeline: Pipeline, sources: DaySources, sides: str) -> str:
    """Digest of what the step would read now; another generation of the index needs every document again.

    Args:
        sides: What the newest training set says of the day (`sides_by_day`), or "".
    """
    return digest(RECIPE, pipeline.index.generation, sources.read, sides)


def batch_of(path: str) -> str | None:
    """The batch an image was uploaded with: the first folder of its path that is a GUID or begins with `batch-`; else None."""
    return next((folder for folder in path.split("/")[:-1] if _BATCH_FOLDER.fullmatch(folder)), None)


def index_day(pipeline: Pipeline, sources: DaySources) -> tuple[Draft, SearchReport]:
    """Bring a day's documents up to date in the index."""
    generation = pipeline.index.generation
    sides = sides_by_day(pipeline).get(sources.resized.key, "")
    work = pipeline.manifests.begin(SEARCH_DOCUMENTS, sources.resized.key, document_inputs(pipeline, sources, sides))
    before = work.previous()
    if work.done:
        return work.done, _report(before, 0, 0, generation)
    there = before.filter((pl.col("generation") == generation) & (pl.col("error") == ""))
    outbox = _Outbox(pipeline.index)
    parts = [SEARCH_DOCUMENTS.frame([])]
    for documents in documents_in_parts(pipeline, sources):
        rows = SEARCH_DOCUMENTS.frame([_row(document, generation) for document in documents])
        same = set(there.join(rows, on=["id", "document"], how="semi")["id"])
        outbox.put([document for document in documents if document["id"] not in same])
        parts.append(rows)
    outbox.empty()
    rows = pl.concat(parts)
    gone = before.join(rows, on="id", how="anti")
    errors = outbox.errors | _delete(pipeline, gone["id"].to_list())
    if errors:
        # What could not be deleted stays on the list, so that it is deleted next time.
        rows = pl.concat([rows, gone.filter(pl.col("id").is_in(list(errors)))])
        rows = rows.with_columns(error=pl.col("id").replace_strict(errors, default=""))
    draft = work.draft(rows, complete=not errors)
    assert draft.frame is not None
    return draft, _report(draft.frame, outbox.sent, gone.height, generation)


def documents_in_parts(pipeline: Pipeline, sources: DaySources) -> Iterator[list[Document]]:
    """Documents of a day, some thousand at a time: all together would fill the memory."""
    read = pipeline.manifests.read
    predictions = read(sources.predictions, PREDICTIONS).filter((pl.col("rank") == 0) & (pl.col("error") == ""))
    landed = read(sources.resized, RESIZED_IMAGES.narrowed(*_SHOWN)).filter(pl.col("status") != "quarantined")
    images = (
        landed.join(read(sources.tagged, TAGGED_MANIFESTS.narrowed("path", "tags", "label_source")), on="path", how="left")
        .join(predictions.select("sha256", "tag", "probability", "model_id"), on="sha256", how="left")
        .join(placed_images(pipeline, landed["sha256"]), on="sha256", how="left")
    )
    vectors, answers = DayVectors(pipeline, sources.insights), Answers(pipeline, sources.insights)
    for part in images.iter_slices(_PART):
        looks, said = vectors.of(part["sha256"]), answers.about(part["sha256"])
        yield [
            _with_text_flag(
                {**_document(sources.resized.key, row, looks.get(row["sha256"])), **what_steps_say(said[row["sha256"]])}
            )
            for row in part.iter_rows(named=True)
        ]


class _Outbox:
    """Documents on their way to the index, in full batches; `errors` by key are of those it refused."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index
        self._waiting: list[Document] = []
        self.sent = 0
        self.errors: dict[str, str] = {}

    def put(self, documents: Sequence[Document]) -> None:
        """Send what fills a batch, keep the rest."""
        self._waiting += documents
        while len(self._waiting) >= _BATCH:
            self._send(self._waiting[:_BATCH])
            del self._waiting[:_BATCH]

    def empty(self) -> None:
        """Send the rest."""
        if self._waiting:
            self._send(self._waiting)
        self._waiting = []

    def _send(self, documents: Sequence[Document]) -> None:
        self.sent += len(documents)
        self.errors |= {result.id: result.error for result in self._index.put(documents) if result.error}


def what_steps_say(answers: Mapping[str, Output]) -> Row:
    """What the steps' columns of these names say of an image: `text` and `caption` (joined), `tags` (each once), `faces` (the most).

    Args:
        answers: By step.
    """
    row: Row = {}
    for output in answers.values():
        for column, (field, join) in _SEARCHED.items():
            if (value := output.get(column)) is not None:
                row[field] = join(row[field], value) if field in row else value
    return row


def _joined(before: str, more: str) -> str:
    return f"{before}\n{more}" if before and more else before or more


def _each_once(before: list[str], more: list[str]) -> list[str]:
    return list(dict.fromkeys([*before, *more]))


_SEARCHED: Mapping[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "text": ("text", _joined),
    "caption": ("caption", _joined),
    "tags": ("image_tags", _each_once),
    "faces": ("faces", max),
}
"""A step's column to the field of a document, and how several steps' values become one."""


def _document(day: str, row: Row, vector: np.ndarray[Any, np.dtype[np.float32]] | None) -> Document:
    tags = row["tags"] or []
    document: Row = {
        "id": document_id(row["path"]),
        "path": row["path"],
        "name": row["path"].rpartition("/")[2],
        "source": row["source"] or None,
        "day": day,
        "batch_id": batch_of(row["path"]),
        "tags": tags,
        "label_source": row["label_source"] or None,
        "predicted": row["tag"],
        "probability": row["probability"],
        "model_id": row["model_id"],
        "disagrees": bool(tags and row["tag"] and row["tag"] not in tags),
        "split": row["split"],
        "quality": row["problems"] or [],
        "captured_at": row["captured_at"].isoformat() if row["captured_at"] else None,
        "duplicate_group": row["duplicate_group"] or None,
        "vector": vector if vector is not None and np.any(vector) else None,
    }
    return document | {name: row[name] for name in _SAME}


def _with_text_flag(document: Row) -> Document:
    """A document whose steps looked for text says whether there is any."""
    return {**document, "has_text": bool(document["text"].strip()) if "text" in document else None}


def _vector_digest(document: Document) -> str:
    vector = document["vector"]
    return "" if vector is None else sha256_of(np.asarray(vector, dtype="<f4").tobytes())


def _delete(pipeline: Pipeline, keys: Sequence[str]) -> dict[str, str]:
    return {result.id: result.error for result in pipeline.index.delete(keys) if result.error} if keys else {}


def _row(document: Document, generation: str) -> Row:
    said = digest({**document, "vector": _vector_digest(document)})
    return {"id": document["id"], "path": document["path"], "document": said, "generation": generation, "error": ""}


def _report(rows: pl.DataFrame, sent: int, deleted: int, generation: str) -> SearchReport:
    refused = rows.filter(pl.col("error") != "")
    return SearchReport(
        documents=rows.height - refused.height,
        sent=sent,
        deleted=deleted,
        rejected=refused.height,
        generation=generation,
        errors=tuple(refused.select("path", "error").iter_rows()),
    )
