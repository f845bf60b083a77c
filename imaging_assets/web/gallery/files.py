"""Pictures, styles and scripts.

Belongs here: which blobs of the store a browser may have, and how long it may keep them. Thumbnails and resized images are named by content
and never change; an original is sent only when a day's manifest knows it.
"""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from imaging_assets.errors import BlobNotFoundError
from imaging_assets.stages.images.landing import whole_path
from imaging_assets.stages.trace import find_image
from imaging_assets.web.gallery.pages import static_data
from imaging_assets.web.site import reader, site_of

router = APIRouter(include_in_schema=False)

_BY_CONTENT = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}-[0-9A-Za-z-]+\.(?P<kind>[a-z]+)")
_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "webp": "image/webp",
    "avif": "image/avif",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
SHOWABLE = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "BMP": "bmp", "WEBP": "webp", "AVIF": "avif"}
"""Formats a browser can show, as `resized_images` calls them."""

_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}


@router.get("/static/{name}")
def static(name: str) -> Response:
    """A style or script of ours."""
    data = static_data(name)
    if data is None:
        return Response(status_code=404)
    return Response(data, media_type=_TYPES[name.rpartition(".")[2]], headers=_FOR_EVER)


@router.get("/thumbnails/{name:path}", dependencies=[Depends(reader)])
def thumbnail(request: Request, name: str) -> Response:
    """A thumbnail by its content's name."""
    return _by_content(request, site_of(request).pipeline.places.thumbnails, name)


@router.get("/resized/{name:path}", dependencies=[Depends(reader)])
def resized(request: Request, name: str) -> Response:
    """A resized image by its content's name."""
    return _by_content(request, site_of(request).pipeline.places.resized, name)


@router.get("/original/{path:path}", dependencies=[Depends(reader)])
def original(request: Request, path: Annotated[str, Path(max_length=1024)]) -> Response:
    """An image as it landed; one that no browser shows is offered for download."""
    pipeline = site_of(request).pipeline
    found = find_image(pipeline, whole_path(pipeline, path))
    kind = SHOWABLE.get(found.row["format"] or "")
    data = pipeline.store.read(found.path).data
    if kind is None:
        return Response(
            data, media_type="application/octet-stream", headers={"Content-Disposition": "attachment", "Cache-Control": "private"}
        )
    return Response(data, media_type=_TYPES[kind], headers={"Cache-Control": "private, no-cache"})


def _by_content(request: Request, folder: str, name: str) -> Response:
    match = _BY_CONTENT.fullmatch(name)
    if not match or match["kind"] not in SHOWABLE.values():
        return Response(status_code=404)
    try:
        data = site_of(request).pipeline.store.read(f"{folder}/{name}").data
    except BlobNotFoundError:
        return Response(status_code=404)
    return Response(data, media_type=_TYPES[match["kind"]], headers=_FOR_EVER)
