"""Models: every iteration, the champion, and how each did on its test images.

Belongs here: laying out iterations and evaluations. Does not: computing them (`stages/models`).
"""

from collections.abc import Sequence
from typing import Any

import polars as pl
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from imaging_assets.errors import UsageError
from imaging_assets.records.models import Evaluation
from imaging_assets.stages.images.landing import short_path
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.models.remembered import WrongAnswer, remembered_evaluation
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RESIZED_IMAGES, TRAINING_ITERATIONS
from imaging_assets.web.gallery.pages import page
from imaging_assets.web.site import reader, site_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(reader)])

_PLOT = 100.0
_SHOWN_MISSES = 24


@router.get("/models")
def models(request: Request, model: str = "") -> Response:
    """The page; `model` names the one shown in detail, by default the champion."""
    pipeline = site_of(request).pipeline
    published = Registry(pipeline.store, pipeline.places.models).published()
    iterations = _iterations(pipeline)
    trained = {row["model_id"]: row for row in iterations if row["accuracy"] is not None}
    chosen = model or (published.model_id if published else next(iter(trained), ""))
    if model and model not in trained:
        raise UsageError(f"There is no trained model {model[:80]!r}. Choose one of the list.")
    row = trained.get(chosen)
    found = remembered_evaluation(pipeline, chosen, row["kind"]) if row else None
    facts = {
        "published": published,
        "iterations": iterations,
        "trained": list(reversed(trained.values())),
        "chosen": row,
        "evaluation": found[0] if found else None,
        "confusion": _confusion(found[0]) if found else (),
        "plots": {tag: _line(points) for tag, points in found[0].curves.items() if points} if found else {},
        "missed": _missed(pipeline, found[1][:_SHOWN_MISSES]) if found else [],
    }
    return page(request, "models.html", facts)


def _iterations(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Rows of all days, newest first; days that only say why they did not train are left out but for the newest."""
    rows: list[dict[str, Any]] = []
    for day, manifest in sorted(pipeline.manifests.newest(TRAINING_ITERATIONS.asset).items(), reverse=True):
        for row in reversed(pipeline.manifests.read(manifest, TRAINING_ITERATIONS).to_dicts()):
            if row["accuracy"] is not None or not rows:
                rows.append({**row, "day": day})
    return rows


def _confusion(evaluation: Evaluation) -> list[tuple[str, list[tuple[str, int]]]]:
    """A row per tag that images have: how often each tag was the answer; "" is no answer."""
    tags = sorted({tag for tag, _ in evaluation.confusion})
    answers = sorted({*tags, *(answer for _, answer in evaluation.confusion)})
    return [(tag, [(answer, evaluation.confusion.get((tag, answer), 0)) for answer in answers]) for tag in tags]


def _line(points: Sequence[tuple[float, float]]) -> str:
    """Precision over recall as points of an SVG of 100 x 100."""
    begun = [(0.0, points[0][1]), *points]
    return " ".join(f"{_PLOT * recall:.1f},{_PLOT * (1 - precision):.1f}" for recall, precision in begun)


def _missed(pipeline: Pipeline, wrong: Sequence[WrongAnswer]) -> list[dict[str, Any]]:
    """Wrong answers with their pictures, where those are still there."""
    wanted = {sha256: (tags, answer, probability) for sha256, tags, answer, probability in wrong}
    found: dict[str, dict[str, Any]] = {}
    thumbnails = f"{pipeline.places.thumbnails}/"
    for manifest in pipeline.manifests.newest(RESIZED_IMAGES.asset).values():
        rows = pipeline.manifests.read(manifest, RESIZED_IMAGES).filter(pl.col("sha256").is_in(list(wanted)))
        for row in rows.filter(pl.col("status") != "quarantined").iter_rows(named=True):
            tags, answer, probability = wanted[row["sha256"]]
            found[row["sha256"]] = {
                "path": short_path(pipeline, row["path"]),
                "thumbnail": row["thumbnail"].removeprefix(thumbnails),
                "tags": tags,
                "answer": answer,
                "probability": probability,
            }
    return [found[sha256] for sha256 in wanted if sha256 in found]
