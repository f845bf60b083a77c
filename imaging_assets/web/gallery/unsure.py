"""Unsure: the images the model is least sure of, to be accepted or corrected with one key.

Belongs here: choosing them, taking the answer. Does not: writing label files (`stages/manifests/spoken_labels.py`).
"""

from datetime import UTC, datetime
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import JSONResponse, Response

from imaging_assets.stages.manifests.spoken_labels import said_here, say_label
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import PREDICTIONS, TAGGED_MANIFESTS
from imaging_assets.stages.trace import find_image
from imaging_assets.web.gallery.pages import image_link, page
from imaging_assets.web.gallery.reader import editor, reader
from imaging_assets.web.site import site_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(reader)])

_MOST = 100
_CHOICES = 9


@router.get("/unsure")
def unsure(request: Request) -> Response:
    """The page."""
    pipeline = site_of(request).pipeline
    said = said_here(pipeline, datetime.now(UTC).date())
    queue = [row for row in least_certain(pipeline) if row["sha256"] not in said]
    return page(request, "unsure.html", {"queue": queue[:_MOST], "count": len(queue), "tags": _known_tags(pipeline)})


@router.post("/unsure", dependencies=[Depends(editor)])
def label(request: Request, path: Annotated[str, Form(max_length=1024)], tags: Annotated[list[str], Form()]) -> Response:
    """Take a label for an image."""
    pipeline = site_of(request).pipeline
    landing = f"{pipeline.places.landing}/"
    found = find_image(pipeline, landing + path)
    file = say_label(pipeline, datetime.now(UTC).date(), found.path.removeprefix(landing), found.row["sha256"], tags)
    return JSONResponse({"file": file})


def least_certain(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Predicted images without a label, least sure first; each has the tags the model thought of, most probable first."""
    frames = []
    tagged = pipeline.manifests.newest(TAGGED_MANIFESTS.asset)
    for day, manifest in sorted(pipeline.manifests.newest(PREDICTIONS.asset).items()):
        if day not in tagged:
            continue
        unlabelled = pipeline.manifests.read(tagged[day], TAGGED_MANIFESTS).filter(
            (pl.col("tags").list.len() == 0) & (pl.col("status") != "quarantined")
        )
        predictions = pipeline.manifests.read(manifest, PREDICTIONS).filter(pl.col("error") == "").sort("sha256", "rank")
        best = predictions.group_by("sha256", maintain_order=True).agg(
            pl.col("tag").head(_CHOICES).alias("choices"), pl.col("probability").head(_CHOICES).alias("probabilities")
        )
        frames.append(unlabelled.select("path", "sha256", "resized", day=pl.lit(day)).join(best, on="sha256"))
    if not frames:
        return []
    rows = pl.concat(frames).unique("sha256", maintain_order=True)
    rows = rows.sort(pl.col("probabilities").list.first(), "path")
    landing, resized = f"{pipeline.places.landing}/", f"{pipeline.places.resized}/"
    return [
        {
            **row,
            "path": row["path"].removeprefix(landing),
            "url": image_link(row["path"].removeprefix(landing)),
            "resized": row["resized"].removeprefix(resized),
            "choices": list(zip(row["choices"], row["probabilities"], strict=True)),
        }
        for row in rows.iter_rows(named=True)
    ]


def _known_tags(pipeline: Pipeline) -> list[str]:
    """Tags that labelled images have, alphabetically."""
    frames = [
        pipeline.manifests.read(manifest, TAGGED_MANIFESTS).select("tags")
        for manifest in pipeline.manifests.newest(TAGGED_MANIFESTS.asset).values()
    ]
    return sorted(pl.concat(frames)["tags"].explode().drop_nulls().unique().to_list()) if frames else []
