"""Step `review_queues`: the images of a day that a person should look at next, in order, each with its reason.

Belongs here: gathering what is known of a day's images, keeping the queue and its files. Does not: the choice (`ranking`), the files'
formats (`tasks`).

Beside the manifest stand `review/<day>.json` (Label Studio tasks) and `review/<day>.csv`; a day that asks nothing has neither.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from imaging_assets.records.manifests import Region
from imaging_assets.records.models import ClassificationKind
from imaging_assets.records.predictions import Prediction
from imaging_assets.stages.day_sources import DaySources
from imaging_assets.stages.digests import digest
from imaging_assets.stages.insights.plan import VECTORS
from imaging_assets.stages.insights.vectors import DayVectors
from imaging_assets.stages.manifests.confirmed import confirmed, statements_about
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.review.ranking import Reviewable, choose, doubt, uncertainty
from imaging_assets.stages.review.tasks import csv_text, label_studio_tasks
from imaging_assets.stages.state import Draft
from imaging_assets.stages.tables import PREDICTIONS, RESIZED_IMAGES, REVIEW_QUEUES, TAGGED_MANIFESTS

RECIPE = "review-1"
"""Raised when this step's output changes."""

_PART = 5_000

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReviewReport:
    """A day's queue.

    Attributes:
        queued: Images in it.
        reasons: Of these, by reason.
        first: Path, reason, score, label and most probable tag of the images in it, in order.
        nothing_because: Why it is empty, or "".
    """

    queued: int
    reasons: Mapping[str, int]
    first: tuple[tuple[str, str, float, str, str], ...]
    nothing_because: str


def review_inputs(pipeline: Pipeline, sources: DaySources) -> str:
    """Digest of what the step would read now."""
    vectors = sources.insights.get(VECTORS)
    read = (sources.resized, sources.tagged, sources.predictions, *((vectors,) if vectors else ()))
    return digest(RECIPE, pipeline.review.model_dump(), [manifest.rows for manifest in read])


def queue_day(pipeline: Pipeline, sources: DaySources) -> tuple[Draft, ReviewReport]:
    """Bring a day's queue and its files up to date with labels and predictions."""
    day = sources.resized.key
    work = pipeline.manifests.begin(REVIEW_QUEUES, day, review_inputs(pipeline, sources))
    if work.done:
        before, notes = work.previous_with_notes()
        return work.done, _report(before, notes["nothing_because"])
    images = _images(pipeline, sources)
    labelled = images.filter(pl.col("tags").list.len() > 0)["sha256"]
    settled = confirmed(statements_about(pipeline, labelled.to_list()))
    model_id = images["model_id"][0] if images.height else ""
    kind = _kind(pipeline, model_id)
    # Before the first model there is nothing to choose from, and the vectors need not be read.
    vectors = DayVectors(pipeline, sources.insights if images.height else {})
    chosen = choose([*_reviewable(images, kind, vectors)], pipeline.review.images_per_day, settled)
    asked = pl.Series([question.sha256 for question in chosen], dtype=pl.String())
    shown = {row["sha256"]: row for row in images.filter(pl.col("sha256").is_in(asked.implode())).iter_rows(named=True)}
    rows = [
        {name: shown[question.sha256][name] for name in ("sha256", "path", "resized", "width", "height", "tags", "predictions")}
        | {"rank": rank, "reason": question.reason, "score": question.score, "kind": kind, "model_id": model_id}
        for rank, question in enumerate(chosen, 1)
    ]
    why_not = "" if rows else _nothing_because(pipeline, sources, predicted=images.height > 0)
    draft = work.draft(rows, {"nothing_because": why_not})
    assert draft.frame is not None
    _write_files(pipeline, day, draft.frame)
    return draft, _report(draft.frame, why_not)


def _images(pipeline: Pipeline, sources: DaySources) -> pl.DataFrame:
    """The distinct images that the model answered about, of their first path; `width` and `height` are of the resized image."""
    read = pipeline.manifests.read
    answers = (
        read(sources.predictions, PREDICTIONS)
        .filter(pl.col("error") == "")
        .sort("sha256", "rank")
        .group_by("sha256", "model_id", maintain_order=True)
        .agg(pl.struct("tag", "probability", "box").alias("predictions"))
    )
    columns = ("path", "sha256", "status", "duplicate_group", "resized", "resized_width", "resized_height")
    return (
        read(sources.resized, RESIZED_IMAGES.narrowed(*columns))
        .filter(pl.col("status") != "quarantined")
        .unique("sha256", keep="first", maintain_order=True)  # rows are sorted by path
        .join(answers, on="sha256")
        .join(read(sources.tagged, TAGGED_MANIFESTS.narrowed("path", "tags")), on="path", how="left")
        .with_columns(pl.col("tags").fill_null([]))
        .rename({"resized_width": "width", "resized_height": "height"})
    )


def _reviewable(images: pl.DataFrame, kind: ClassificationKind, vectors: DayVectors) -> Iterator[Reviewable]:
    for part in images.iter_slices(_PART):
        by_bytes = vectors.of(part["sha256"])
        for row in part.iter_rows(named=True):
            predictions = [_prediction(item) for item in row["predictions"]]
            vector = by_bytes.get(row["sha256"])
            tags = tuple(sorted(row["tags"]))
            yield Reviewable(
                sha256=row["sha256"],
                tags=tags,
                uncertainty=uncertainty(predictions, kind),
                doubt=doubt(tags, predictions, kind) if tags else 0.0,
                vector=vector if vector is not None and vector.any() else None,
                group=row["duplicate_group"] or "",
            )


def _prediction(item: Row) -> Prediction:
    return Prediction(item["tag"], item["probability"], Region(**item["box"]) if item["box"] else None)


def _kind(pipeline: Pipeline, model_id: str) -> ClassificationKind:
    """What the ledger tells of the model."""
    ledger = Registry(pipeline.store, pipeline.places.models).ledger() if model_id else []
    kinds = {entry.get("kind") for entry in ledger if entry["event"] == "judged" and entry["model_id"] == model_id}
    return "multilabel" if "multilabel" in kinds else "multiclass"


def _nothing_because(pipeline: Pipeline, sources: DaySources, *, predicted: bool) -> str:
    if predicted:
        return "Every image has its label, or a near-duplicate of it has, and the model believes them."
    if Registry(pipeline.store, pipeline.places.models).published() is None:
        return "No model has been published yet."
    usable = pipeline.manifests.read(sources.resized, RESIZED_IMAGES).filter(pl.col("status") != "quarantined")
    return "The day has no usable image." if usable.is_empty() else "The model answered about none of the day's images."


def _write_files(pipeline: Pipeline, day: str, rows: pl.DataFrame) -> None:
    """The files beside the manifest; none for a day that asks nothing."""
    folder = pipeline.places.review
    if rows.is_empty():
        for kind in ("json", "csv"):
            pipeline.store.delete(f"{folder}/{day}.{kind}")
        return
    dated = rows.with_columns(pl.lit(day).alias("day")).to_dicts()
    tasks = json.dumps(label_studio_tasks(dated, pipeline.review.image_url), ensure_ascii=False, indent=1)
    pipeline.store.write(f"{folder}/{day}.json", tasks.encode())
    pipeline.store.write(f"{folder}/{day}.csv", csv_text(dated, pipeline.review.image_url).encode("utf-8-sig"))


def _report(rows: pl.DataFrame, nothing_because: str) -> ReviewReport:
    shown = (
        (row["path"], row["reason"], round(row["score"], 3), ", ".join(row["tags"]), row["predictions"][0]["tag"])
        for row in rows.iter_rows(named=True)
    )
    return ReviewReport(
        queued=rows.height,
        reasons=dict(rows.group_by("reason").len().sort("reason").iter_rows()),
        first=tuple(shown),
        nothing_because=nothing_because,
    )
