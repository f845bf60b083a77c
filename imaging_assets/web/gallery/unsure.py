"""Unsure: the images of the days' review queues, to be accepted or corrected with one key.

Belongs here: showing them, taking the answer. Does not: choosing them (`stages/review`), writing label files
(`stages/manifests/spoken_labels.py`).
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import JSONResponse, Response

from imaging_assets.stages.images.landing import short_path, whole_path
from imaging_assets.stages.manifests.spoken_labels import said_here, say_label
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import REVIEW_QUEUES, TAGGED_MANIFESTS
from imaging_assets.stages.trace import find_image
from imaging_assets.web.gallery.pages import image_link, page
from imaging_assets.web.site import editor, reader, site_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(reader)])

_MOST = 100
_CHOICES = 9


@router.get("/unsure")
def unsure(request: Request) -> Response:
    """The page."""
    pipeline = site_of(request).pipeline
    today = datetime.now(UTC).date()
    said = said_here(pipeline, today) | said_here(pipeline, today - timedelta(days=1))
    queue = [row for row in review_rows(pipeline) if row["sha256"] not in said]
    return page(request, "unsure.html", {"queue": queue[:_MOST], "count": len(queue), "tags": _known_tags(pipeline)})


@router.post("/unsure", dependencies=[Depends(editor)])
def label(request: Request, path: Annotated[str, Form(max_length=1024)], tags: Annotated[list[str], Form()]) -> Response:
    """Take a label for an image."""
    pipeline = site_of(request).pipeline
    found = find_image(pipeline, whole_path(pipeline, path))
    file = say_label(pipeline, datetime.now(UTC).date(), short_path(pipeline, found.path), found.row["sha256"], tags)
    return JSONResponse({"file": file})


def review_rows(pipeline: Pipeline) -> list[dict[str, Any]]:
    """What the days' review queues ask, first questions of each day first; each has the tags the model thought of, most probable first."""
    resized = f"{pipeline.places.resized}/"
    found: dict[str, dict[str, Any]] = {}
    for _, manifest in sorted(pipeline.manifests.newest(REVIEW_QUEUES.asset).items(), reverse=True):
        for row in pipeline.manifests.read(manifest, REVIEW_QUEUES).iter_rows(named=True):
            path = short_path(pipeline, row["path"])
            shown = {"path": path, "url": image_link(path), "resized": row["resized"].removeprefix(resized)}
            choices = [(item["tag"], item["probability"]) for item in row["predictions"][:_CHOICES]]
            found.setdefault(row["sha256"], row | shown | {"choices": choices})
    return sorted(found.values(), key=lambda row: int(row["rank"]))


def _known_tags(pipeline: Pipeline) -> list[str]:
    """Tags that labelled images have, alphabetically."""
    frames = [
        pipeline.manifests.read(manifest, TAGGED_MANIFESTS).select("tags")
        for manifest in pipeline.manifests.newest(TAGGED_MANIFESTS.asset).values()
    ]
    return sorted(pl.concat(frames)["tags"].explode().drop_nulls().unique().to_list()) if frames else []
