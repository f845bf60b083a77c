"""The first page: search as you type, facets, look-alikes.

Belongs here: asking the index and laying out its answer. Does not: what a URL means (`view`). The script of the page asks for the same URLs
and says, with the header `X-Fragment`, which part of the page it wants.
"""

from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request, UploadFile
from fastapi.responses import JSONResponse, Response

from imaging_assets.errors import UnreadableImageError, UsageError
from imaging_assets.records.search import Document, SearchAnswer
from imaging_assets.stages.images.landing import short_path, whole_path
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.search import document_id
from imaging_assets.web.gallery.pages import image_link, page
from imaging_assets.web.gallery.view import (
    FACETS,
    PAGE,
    SHOWN_FACETS,
    SORTS,
    Vector,
    View,
    pack_vector,
    read_view,
    unpack_vector,
)
from imaging_assets.web.site import reader, site_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(reader)])

_SPOKEN = {"true": "yes", "false": "no"}


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value to choose: its count is None where a chosen value has no match."""

    value: str
    spoken: str
    count: int | None
    chosen: bool
    url: str


@dataclass(frozen=True, slots=True)
class Tile:
    """A hit: `likeness` is 0-1 where hits come by similarity."""

    document: Document
    url: str
    path: str
    thumbnail: str
    likeness: float | None


@router.get("/")
def search(request: Request) -> Response:
    """The page, or the part of it that the script asks for."""
    pipeline = site_of(request).pipeline
    view = read_view(request.query_params)
    fragment = request.headers.get("X-Fragment", "")
    answer = pipeline.index.query(view.query(view_vector(pipeline, view), facets=fragment != "grid"))
    last = min(max(1, -(-answer.count // PAGE)), view.last_page)
    facts = {
        "view": view,
        "count": answer.count,
        "tiles": _tiles(pipeline, view, answer),
        "facets": _facets(view, answer),
        "sorts": SORTS,
        "last": last,
        "first_place": (view.page - 1) * PAGE + 1,
    }
    template = {"results": "_results.html", "grid": "_grid.html"}.get(fragment, "search.html")
    return page(request, template, facts)


@router.post("/similar")
def similar(request: Request, picture: UploadFile) -> Response:
    """The link to the look-alikes of a picture that need not be in the set; nothing of it is kept."""
    site = site_of(request)
    most = site.settings.serve.max_image_bytes
    data = picture.file.read(most + 1)
    if len(data) > most:
        return JSONResponse({"detail": f"The picture is larger than {most:,} bytes. Drop a smaller one."}, 413)
    try:
        # As the day's vectors were made: from the thumbnail.
        vector = site.pipeline.embedder.embed([site.engine.encode(data).looks.thumbnail])[0]
    except UnreadableImageError as error:
        return JSONResponse({"detail": f"That is no picture that can be compared ({error}). Drop another."}, 400)
    return JSONResponse({"url": View(alike=pack_vector(vector)).url()})


def view_vector(pipeline: Pipeline, view: View) -> Vector | None:
    """The vector that a view ranks by, or None.

    Raises:
        UsageError: The image is not there any more.
    """
    if view.alike:
        return unpack_vector(view.alike, pipeline.embedder.dimensions)
    if not view.like:
        return None
    document = pipeline.index.get(document_id(whole_path(pipeline, view.like)))
    if document is None:
        raise UsageError(f"{view.like} is not in the index any more. Choose another image.")
    vector: Vector = pipeline.embedder.embed([pipeline.store.read(str(document["thumbnail"])).data])[0]
    return vector


def _tiles(pipeline: Pipeline, view: View, answer: SearchAnswer) -> list[Tile]:
    thumbnails = f"{pipeline.places.thumbnails}/"
    tiles = []
    for place, hit in enumerate(answer.hits, start=(view.page - 1) * PAGE):
        path = short_path(pipeline, str(hit.document["path"]))
        url = view.url(image_link(path))
        url += f"{'&' if '?' in url else '?'}at={place}"
        thumbnail = str(hit.document["thumbnail"] or "").removeprefix(thumbnails)
        tiles.append(Tile(hit.document, url, path, thumbnail, hit.score if view.ranked_by_likeness else None))
    return tiles


def _facets(view: View, answer: SearchAnswer) -> list[tuple[str, str, list[FacetValue]]]:
    """Name, heading and values of each facet that has any."""
    facets = []
    for name in SHOWN_FACETS:
        chosen = tuple(view.filters.get(name, ()))
        counts = dict(answer.facets.get(name, ()))
        values = [*[value for value in chosen if value not in counts], *counts]
        shown = [
            FacetValue(value, _SPOKEN.get(value, value), counts.get(value), value in chosen, view.toggled(name, value))
            for value in values
        ]
        if shown:
            facets.append((name, FACETS[name], shown))
    return facets
