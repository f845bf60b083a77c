"""Step `search_documents`: the index holds one document for each usable image of every day.

Belongs here: what a document says, and sending only what changed. Does not: how an index works (`ports/search_index.py`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from imaging_assets.records.search import Document
from imaging_assets.stages.day_sources import DaySources
from imaging_assets.stages.digests import digest, sha256_of
from imaging_assets.stages.insights.steps import outputs
from imaging_assets.stages.insights.vectors import vectors_of
from imaging_assets.stages.manifests.training_sets import placed_images, sides_by_day
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft, Manifest
from imaging_assets.stages.tables import PREDICTIONS, RESIZED_IMAGES, SEARCH_DOCUMENTS, TAGGED_MANIFESTS

RECIPE = "documents-3"
"""Raised when this step's output changes."""

_BATCH = 1000
_BATCH_FOLDER = re.compile(r"batch-.+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

Row = dict[str, Any]


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
    documents = documents_of_day(pipeline, sources)
    digests = {key: digest({**document, "vector": _vector_digest(document)}) for key, document in documents.items()}
    there = before.filter((pl.col("generation") == generation) & (pl.col("error") == ""))
    known = dict(there.select("id", "document").iter_rows())
    changed = [key for key in documents if known.get(key) != digests[key]]
    gone = sorted(set(before["id"]) - documents.keys())
    errors = _send(pipeline, [documents[key] for key in changed]) | _delete(pipeline, gone)
    rows = [_row(key, documents, digests, generation, errors) for key in documents]
    # What could not be deleted stays on the list, so that it is deleted next time.
    rows += [
        row | {"error": errors[row["id"]]} for row in before.iter_rows(named=True) if row["id"] in gone and row["id"] in errors
    ]
    draft = work.draft(rows, complete=not errors)
    assert draft.frame is not None
    return draft, _report(draft.frame, len(changed), len(gone), generation)


def documents_of_day(pipeline: Pipeline, sources: DaySources) -> dict[str, Document]:
    """Documents of a day by key."""
    read = pipeline.manifests.read
    predictions = read(sources.predictions, PREDICTIONS).filter((pl.col("rank") == 0) & (pl.col("error") == ""))
    landed = read(sources.resized, RESIZED_IMAGES).filter(pl.col("status") != "quarantined")
    images = (
        landed.join(read(sources.tagged, TAGGED_MANIFESTS).select("path", "tags", "label_source"), on="path", how="left")
        .join(predictions.select("sha256", "tag", "probability", "model_id"), on="sha256", how="left")
        .join(placed_images(pipeline, landed["sha256"]), on="sha256", how="left")
    )
    vectors, said = vectors_of(pipeline, sources.insights), what_steps_say(pipeline, sources.insights)
    documents = (
        _with_text_flag({**_document(sources.resized.key, row, vectors.get(row["sha256"])), **said.get(row["sha256"], {})})
        for row in images.iter_rows(named=True)
    )
    return {document["id"]: document for document in documents}


def what_steps_say(pipeline: Pipeline, insights: Mapping[str, Manifest]) -> dict[str, Row]:
    """By sha256, what the steps' columns of these names say: `text` and `caption` (joined), `tags` (each once), `faces` (the most)."""
    said: dict[str, Row] = {}
    for name, step in pipeline.insights.steps.items():
        for sha256, output in outputs(pipeline, step, insights[name]).items() if name in insights else ():
            row = said.setdefault(sha256, {})
            for column, (field, join) in _SEARCHED.items():
                if (value := output.get(column)) is not None:
                    row[field] = join(row[field], value) if field in row else value
    return said


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
    same = ("sha256", "status", "width", "height", "size", "thumbnail", "resized")
    return document | {name: row[name] for name in same}


def _with_text_flag(document: Row) -> Document:
    """A document whose steps looked for text says whether there is any."""
    return {**document, "has_text": bool(document["text"].strip()) if "text" in document else None}


def _vector_digest(document: Document) -> str:
    vector = document["vector"]
    return "" if vector is None else sha256_of(np.asarray(vector, dtype="<f4").tobytes())


def _send(pipeline: Pipeline, documents: Sequence[Document]) -> dict[str, str]:
    """Errors by key."""
    errors: dict[str, str] = {}
    for start in range(0, len(documents), _BATCH):
        results = pipeline.index.put(documents[start : start + _BATCH])
        errors |= {result.id: result.error for result in results if result.error}
    return errors


def _delete(pipeline: Pipeline, keys: Sequence[str]) -> dict[str, str]:
    return {result.id: result.error for result in pipeline.index.delete(keys) if result.error} if keys else {}


def _row(
    key: str, documents: Mapping[str, Document], digests: Mapping[str, str], generation: str, errors: Mapping[str, str]
) -> Row:
    return {
        "id": key,
        "path": documents[key]["path"],
        "document": digests[key],
        "generation": generation,
        "error": errors.get(key, ""),
    }


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
