"""The queues of many days, and the suspects of the newest training set, as one list for people.

Belongs here: merging, and leaving out what was settled since. Does not: a day's queue (`queues`), the files (`tasks`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from imaging_assets.records.models import ClassificationKind
from imaging_assets.stages.manifests.confirmed import confirmed, statements_about
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.review.ranking import REASONS, Question, interleave
from imaging_assets.stages.state import ALL
from imaging_assets.stages.tables import RESIZED_IMAGES, REVIEW_QUEUES, TRAINING_SETS, label_suspects

Row = dict[str, Any]

_SECOND_OPINION = "second opinion"
"""In place of a model's id: formed before any training."""


@dataclass(frozen=True, slots=True)
class ReviewList:
    """What to look at.

    Attributes:
        rows: Of `review_queues`, with their `day`; ranked anew.
        days: Days whose queue was looked at.
        settled: Images left out, because a label was stated or confirmed since.
        more: Images left out, because there are more than were asked for.
        tags: Every tag a person may want to choose.
        kind: Whether an image has one tag or several.
    """

    rows: tuple[Row, ...]
    days: int
    settled: int
    more: int
    tags: tuple[str, ...]
    kind: ClassificationKind


def merge_queues(pipeline: Pipeline, *, since: str = "", until: str = "", top: int | None = None) -> ReviewList:
    """The best questions of all days, each image once, as of the newest labels.

    Args:
        since, until: ISO days, both included; "" for no limit.
        top: At most so many.
    """
    manifests = pipeline.manifests.newest(REVIEW_QUEUES.asset)
    days = [day for day in sorted(manifests, reverse=True) if day >= since and (not until or day <= until)]
    asked = {row["sha256"]: row for row in _suspects(pipeline, since, until)}
    for day in days:  # newest first: an image that lies on several days is asked about as of the newest
        for row in pipeline.manifests.read(manifests[day], REVIEW_QUEUES).iter_rows(named=True):
            asked.setdefault(row["sha256"], row | {"day": day})
    rows = _still_open(pipeline, asked)
    ranked = [row | {"rank": rank} for rank, row in enumerate(_in_order(rows), 1)]
    return ReviewList(
        rows=tuple(ranked[:top]),
        days=len(days),
        settled=len(asked) - len(rows),
        more=len(ranked) - len(ranked[:top]),
        tags=_tags(pipeline, rows),
        kind="multilabel" if any(row["kind"] == "multilabel" for row in rows) else "multiclass",
    )


def _suspects(pipeline: Pipeline, since: str, until: str) -> Iterator[Row]:
    """Suspect labels of the newest training set, as rows of a queue."""
    table = label_suspects(pipeline.embedder.dimensions)
    manifest = pipeline.manifests.look_up(table.asset, ALL)
    if manifest is None:
        return
    looked_at = pipeline.manifests.read(manifest, table)
    suspects = looked_at.filter(pl.col("suspect") & (pl.col("day") >= since) & ((pl.col("day") <= until) if until else True))
    kind = "multilabel" if looked_at.filter(pl.col("tags").list.len() > 1).height else "multiclass"
    resized = pipeline.manifests.newest(RESIZED_IMAGES.asset)
    for (day,), of_day in suspects.group_by("day", maintain_order=True):
        if day not in resized:
            continue
        images = {row["sha256"]: row for row in pipeline.manifests.read(resized[day], RESIZED_IMAGES).iter_rows(named=True)}
        for row in of_day.filter(pl.col("sha256").is_in(list(images))).iter_rows(named=True):
            image = images[row["sha256"]]
            yield {
                **{name: row[name] for name in ("sha256", "path", "day", "tags")},
                "resized": image["resized"],
                "width": image["resized_width"],
                "height": image["resized_height"],
                "reason": "label doubted",
                "score": row["lead"],
                "predictions": [{"tag": tag, "probability": row["probability"], "box": None} for tag in row["looks_like"]],
                "kind": kind,
                "model_id": _SECOND_OPINION,
            }


def _still_open(pipeline: Pipeline, asked: dict[str, Row]) -> list[Row]:
    """Without images that got a label since, and without doubted labels that were corrected or confirmed since."""
    statements = statements_about(pipeline, asked)
    settled = confirmed(statements)
    labels = {sha256: {tuple(sorted(tags)) for tags in said["tags"]} for (sha256,), said in statements.group_by("sha256")}

    def is_open(row: Row) -> bool:
        tags = tuple(sorted(row["tags"]))
        return labels.get(row["sha256"], set()) <= {tags} and (row["sha256"], tags) not in settled

    return [row for row in asked.values() if is_open(row)]


def _in_order(rows: Iterable[Row]) -> list[Row]:
    """Reasons take turns, as within a day."""
    by_digest = {row["sha256"]: row for row in rows}
    best = sorted(by_digest.values(), key=lambda row: (-row["score"], row["sha256"]))
    queues = ([Question(row["sha256"], reason, row["score"]) for row in best if row["reason"] == reason] for reason in REASONS)
    return [by_digest[question.sha256] for question in interleave(*queues)]


def _tags(pipeline: Pipeline, rows: Iterable[Row]) -> tuple[str, ...]:
    """Those of the newest training set and those the models know."""
    known = {prediction["tag"] for row in rows for prediction in row["predictions"]}
    newest = pipeline.manifests.newest(TRAINING_SETS.asset)
    if newest:
        trained = pipeline.manifests.read(newest[max(newest)], TRAINING_SETS.narrowed("tags"))
        known |= set(trained["tags"].explode().drop_nulls())
    return tuple(sorted(known))
