"""Step `predictions`: what the published model sees in each image of a day.

Belongs here: asking a model about images, never twice about the same bytes. Does not: which model serves (`models/registry.py`).

A score is remembered as `models/<model id>/scores/<aa>/<sha256>.json`, so an image that moves, is doubled, or also stands in a test set
is paid for once per model.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from typing import Any

import polars as pl

from imaging_assets.errors import BlobNotFoundError
from imaging_assets.records.manifests import Region
from imaging_assets.records.predictions import Prediction, Scored
from imaging_assets.stages.digests import digest
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft, Journal, Manifest
from imaging_assets.stages.tables import PREDICTIONS, RESIZED_IMAGES

RECIPE = "predictions-1"
"""Raised when this step's output changes."""

KEPT_TAGS = 20
"""Rows kept per image, most probable first."""

_BATCH = 16

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PredictionReport:
    """A day's predictions; `scored` counts images the model was asked about now, `tags` the most probable tag of each image.

    `reason` says why there are none, or is "".
    """

    images: int
    scored: int
    failed: int
    model_id: str
    mean_probability: float
    tags: Mapping[str, int]
    reason: str


def prediction_inputs(resized: Manifest, model_id: str | None) -> str:
    """Digest of what the step would read now."""
    return digest(RECIPE, resized.rows, model_id)


def predict_day(pipeline: Pipeline, resized: Manifest) -> tuple[Draft, PredictionReport]:
    """Bring a day's predictions up to date with its images and the published model."""
    published = Registry(pipeline.store, pipeline.places.models).published()
    model_id = published.model_id if published else None
    work = pipeline.manifests.begin(PREDICTIONS, resized.key, prediction_inputs(resized, model_id))
    if work.done:
        return work.done, _report(work.previous(), model_id, 0)
    if model_id is None:
        return work.draft([]), _report(PREDICTIONS.frame([]), None, 0)
    images = pipeline.manifests.read(resized, RESIZED_IMAGES.narrowed("sha256", "status", "resized"))
    images = images.filter(pl.col("status") != "quarantined").unique("sha256", keep="last", maintain_order=True)
    kept = [work.previous().filter(pl.col("model_id") == model_id), work.journal.read(PREDICTIONS)]
    # What failed is asked again: it may have been the service's bad day.
    good = pl.concat(kept).filter(pl.col("error") == "")
    carried = good.unique(PREDICTIONS.key).join(images, on="sha256", how="semi")
    todo = images.join(carried, on="sha256", how="anti")
    fresh = _score_in_batches(pipeline, model_id, todo, work.journal)
    rows = pl.concat([carried, *(frame for frame, _ in fresh)])
    failed = rows.filter(pl.col("error") != "").height
    draft = work.draft(rows, complete=not failed)
    return draft, _report(_frame(draft), model_id, sum(asked for _, asked in fresh))


def score_images(pipeline: Pipeline, model_id: str, blobs: Mapping[str, str]) -> tuple[dict[str, Scored], int]:
    """A model's answers by sha256, remembered or asked for, and how many had to be asked for.

    Args:
        blobs: Resized blob by sha256.
    """
    batches = _batches(list(blobs.items()))
    answers: dict[str, Scored] = {}
    asked = 0
    for part, number in pipeline.executor.map(partial(_score_batch, pipeline, model_id), batches):
        answers |= part
        asked += number
    return answers, asked


def remembered_scores(pipeline: Pipeline, model_id: str, sha256s: Iterable[str]) -> dict[str, Scored]:
    """A model's answers by sha256 where it was asked before; nobody is asked now."""
    found = {sha256: _remembered(pipeline, model_id, sha256) for sha256 in sha256s}
    return {sha256: scored for sha256, scored in found.items() if scored}


def _score_in_batches(pipeline: Pipeline, model_id: str, todo: pl.DataFrame, journal: Journal) -> list[tuple[pl.DataFrame, int]]:
    done: list[tuple[pl.DataFrame, int]] = []
    step = pipeline.resize.batch
    for start in range(0, todo.height, step):
        blobs = dict(todo.slice(start, step).select("sha256", "resized").iter_rows())
        answers, asked = score_images(pipeline, model_id, blobs)
        frame = PREDICTIONS.frame([row for sha256, scored in answers.items() for row in _rows(sha256, model_id, scored)])
        done.append((frame, asked))
        if start + step < todo.height:  # the last batch goes straight into the manifest
            journal.append(PREDICTIONS, frame)
    return done or [(PREDICTIONS.frame([]), 0)]


def _batches(items: Sequence[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _score_batch(pipeline: Pipeline, model_id: str, batch: Sequence[tuple[str, str]]) -> tuple[dict[str, Scored], int]:
    answers = {sha256: known for sha256, _ in batch if (known := _remembered(pipeline, model_id, sha256))}
    images: dict[str, bytes] = {}
    for sha256, blob in batch:
        if sha256 not in answers:
            try:
                images[sha256] = pipeline.store.read(blob).data
            except BlobNotFoundError as error:
                answers[sha256] = Scored((), error=str(error))
    scored = pipeline.predictor.predict(model_id, list(images.values())) if images else []
    for sha256, answer in zip(images, scored, strict=True):
        answers[sha256] = answer
        if not answer.error:
            pipeline.store.write(_score_path(pipeline, model_id, sha256), json.dumps(asdict(answer)).encode())
    return answers, len(images)


def _remembered(pipeline: Pipeline, model_id: str, sha256: str) -> Scored | None:
    try:
        kept = json.loads(pipeline.store.read(_score_path(pipeline, model_id, sha256)).data)
    except (BlobNotFoundError, json.JSONDecodeError):
        return None
    predictions = (
        Prediction(item["tag"], item["probability"], Region(**item["box"]) if item["box"] else None)
        for item in kept["predictions"]
    )
    return Scored(tuple(predictions))


def _score_path(pipeline: Pipeline, model_id: str, sha256: str) -> str:
    return f"{pipeline.places.models}/{model_id}/scores/{sha256[:2]}/{sha256}.json"


def _rows(sha256: str, model_id: str, scored: Scored) -> list[Row]:
    if scored.error or not scored.predictions:
        error = scored.error or "the model gave no prediction"
        return [{"sha256": sha256, "rank": 0, "tag": "", "probability": 0.0, "box": None, "model_id": model_id, "error": error}]
    return [
        {
            "sha256": sha256,
            "rank": rank,
            "tag": prediction.tag,
            "probability": prediction.probability,
            "box": asdict(prediction.box) if prediction.box else None,
            "model_id": model_id,
            "error": "",
        }
        for rank, prediction in enumerate(scored.predictions[:KEPT_TAGS])
    ]


def _frame(draft: Draft) -> pl.DataFrame:
    assert draft.frame is not None
    return draft.frame


def _report(rows: pl.DataFrame, model_id: str | None, scored: int) -> PredictionReport:
    first = rows.filter((pl.col("rank") == 0) & (pl.col("error") == ""))
    return PredictionReport(
        images=rows["sha256"].n_unique(),
        scored=scored,
        failed=rows.filter(pl.col("error") != "").height,
        model_id=model_id or "",
        mean_probability=float(first.select(pl.col("probability").mean()).item() or 0.0),
        tags=dict(first.group_by("tag").len().sort("tag").iter_rows()),
        reason="" if model_id else "No model has been published yet.",
    )
