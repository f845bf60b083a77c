"""Models: every iteration, the champion, and how each did on its test images.

Belongs here: laying out iterations and curves. Does not: computing them (`stages/models`).
"""

from typing import Any

import polars as pl
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from imaging_assets.errors import UsageError
from imaging_assets.stages.models.curves import Curves, Point, read_curves
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RESIZED_IMAGES, TRAINING_ITERATIONS
from imaging_assets.web.gallery.pages import page
from imaging_assets.web.gallery.reader import reader
from imaging_assets.web.site import site_of

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
    curves = read_curves(pipeline, chosen, row["kind"]) if row else None
    facts = {
        "published": published,
        "iterations": iterations,
        "trained": list(reversed(trained.values())),
        "chosen": row,
        "curves": curves,
        "plots": _plots(curves) if curves else {},
        "missed": _missed(pipeline, curves) if curves else [],
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


def _plots(curves: Curves) -> dict[str, str]:
    """Precision over recall as points of an SVG of 100 x 100, by tag."""
    return {tag: _line(points) for tag, points in curves.points.items() if points}


def _line(points: tuple[Point, ...]) -> str:
    first = f"0,{_PLOT * (1 - points[0].precision):.1f}"
    return " ".join([first, *(f"{_PLOT * point.recall:.1f},{_PLOT * (1 - point.precision):.1f}" for point in points)])


def _missed(pipeline: Pipeline, curves: Curves) -> list[dict[str, Any]]:
    """The surest wrong answers, with their pictures where those are still there."""
    wanted = {sha256: (tags, answer, probability) for sha256, tags, answer, probability in curves.missed[:_SHOWN_MISSES]}
    found: dict[str, dict[str, Any]] = {}
    landing, thumbnails = f"{pipeline.places.landing}/", f"{pipeline.places.thumbnails}/"
    for manifest in pipeline.manifests.newest(RESIZED_IMAGES.asset).values():
        rows = pipeline.manifests.read(manifest, RESIZED_IMAGES).filter(pl.col("sha256").is_in(list(wanted)))
        for row in rows.filter(pl.col("status") != "quarantined").iter_rows(named=True):
            tags, answer, probability = wanted[row["sha256"]]
            found[row["sha256"]] = {
                "path": row["path"].removeprefix(landing),
                "thumbnail": row["thumbnail"].removeprefix(thumbnails),
                "tags": tags,
                "answer": answer,
                "probability": probability,
            }
    return [found[sha256] for sha256 in wanted if sha256 in found]
