"""An image's page: its whole story, from the landing place to the index.

Belongs here: laying out `stages/trace.py`. Does not: gathering it. With the question it was found by in the URL, the page also knows the
next and the previous hit.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from imaging_assets.stages.images.landing import short_path, whole_path
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.trace import Story, tell
from imaging_assets.web.gallery.files import SHOWABLE
from imaging_assets.web.gallery.pages import image_link, page
from imaging_assets.web.gallery.problems import REMEDIES
from imaging_assets.web.gallery.search import view_vector
from imaging_assets.web.gallery.view import View, read_view
from imaging_assets.web.site import reader, site_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(reader)])

_SHOWN_TAGS = 8


@router.get("/image/{path:path}")
def image(request: Request, path: Annotated[str, Path(max_length=1024)]) -> Response:
    """The page of the image at a path below the landing place."""
    pipeline = site_of(request).pipeline
    story = tell(pipeline, whole_path(pipeline, path))
    view = read_view(request.query_params)
    at = request.query_params.get("at", "")
    place = int(at) if at.isascii() and at.isdecimal() and len(at) < 7 else None
    previous, following = _neighbours(pipeline, view, place) if place is not None else ("", "")
    row = story.image.row
    facts = {
        "story": story,
        "row": row,
        "path": path,
        "view": view,
        "back": view.url(),
        "previous": previous,
        "next": following,
        "showable": row["format"] in SHOWABLE,
        "resized": _below(row["resized"], pipeline.places.resized),
        "thumbnail": _below(row["thumbnail"], pipeline.places.thumbnails),
        "twins": [short_path(pipeline, twin) for twin in story.twins],
        "bars": story.predictions[:_SHOWN_TAGS] if story.predictions and not story.predictions[0]["error"] else (),
        "boxes": _boxes(story),
        "remedy": REMEDIES.get(row["reason"] or "", ""),
    }
    return page(request, "image.html", facts)


def _neighbours(pipeline: Pipeline, view: View, place: int) -> tuple[str, str]:
    """Links to the hits before and after a place of a question, "" where there is none."""
    start = max(0, place - 1)
    if not view.reaches(start, 3):
        return "", ""
    hits = pipeline.index.query(view.query_at(view_vector(pipeline, view), start, 3)).hits
    links = {
        number: _link(view, short_path(pipeline, str(hit.document["path"])), number)
        for number, hit in enumerate(hits, start=start)
    }
    return links.get(place - 1, ""), links.get(place + 1, "")


def _link(view: View, path: str, place: int) -> str:
    url = view.url(image_link(path))
    return f"{url}{'&' if '?' in url else '?'}at={place}"


def _boxes(story: Story) -> list[dict[str, Any]]:
    """Labelled and predicted boxes, 0-1 of the upright image."""
    labelled = [{**region, "kind": "label"} for region in (story.tagged or {}).get("regions") or ()]
    predicted = [{**row["box"], "kind": "prediction"} for row in story.predictions if row["box"]]
    return labelled + predicted


def _below(path: str | None, folder: str) -> str:
    return path.removeprefix(f"{folder}/") if path else ""
