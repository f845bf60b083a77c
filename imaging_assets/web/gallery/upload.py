"""Upload: a folder of pictures into the landing place, file by file, by the rules of `imaging-assets add`.

Belongs here: taking files and telling what became of each. Does not: the rules (`stages/images/uploads.py`), any run: the page says what
will notice the new images.
"""

import time
from datetime import date
from threading import Lock
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from imaging_assets.errors import BlobNameError, UsageError
from imaging_assets.settings import Settings, remember_start
from imaging_assets.stages.images.uploads import Uploads, check_landing_day, folder_tag, is_dropping
from imaging_assets.stages.manifests.formats import clean_tag
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.web.gallery.pages import page
from imaging_assets.web.site import editor, reader, site_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(reader)])

_FRESH_SECONDS = 60.0
_MOST_LABELS = 100_000
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Labels(BaseModel):
    """What the files of one upload said by their folders: path below the landing place, tag, sha256."""

    day: date
    labelled: list[tuple[Annotated[str, Field(max_length=1024)], Annotated[str, Field(max_length=128)], _Sha256]] = Field(
        max_length=_MOST_LABELS
    )


class RecentPlace:
    """The landing place as one upload knows it: listing it for every file would cost more than the files."""

    def __init__(self, settings: Settings, pipeline: Pipeline) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._lock = Lock()
        self._place: Uploads | None = None
        self._used = 0.0

    def get(self, day: date) -> Uploads:
        """The place that was used a moment ago, or one listed now; the day becomes one of those that exist.

        Raises:
            UsageError: The day is still to come.
        """
        check_landing_day(day, self._settings.partitions.timezone)
        with self._lock:
            now = time.monotonic()
            if self._place is None or now - self._used > _FRESH_SECONDS:
                self._place = Uploads(self._pipeline)
            self._used = now
            self._settings = remember_start(self._settings, day)
            return self._place


@router.get("/upload")
def upload_page(request: Request) -> Response:
    """The page."""
    settings = site_of(request).settings
    today = check_landing_day(None, settings.partitions.timezone)
    return page(request, "upload.html", {"today": today, "interval": settings.sensors.interval_seconds})


@router.post("/upload", dependencies=[Depends(editor)])
def upload(
    request: Request,
    picture: Annotated[UploadFile, File()],
    name: Annotated[str, Form(max_length=1024)],
    day: Annotated[date, Form()],
) -> Response:
    """Let one file land; the answer says what became of it."""
    site = site_of(request)
    settings = site.settings
    if is_dropping(name):
        return JSONResponse({"name": name, "outcome": "ignored"})
    most = settings.serve.max_upload_bytes
    data = picture.file.read(most + 1)
    if len(data) > most:
        return JSONResponse({"name": name, "outcome": "refused", "reason": f"larger than {most:,} bytes"})
    place: Uploads = request.app.state.recent_place.get(day)
    try:
        landed = place.add(day, name, data)
    except BlobNameError as error:
        return JSONResponse({"name": name, "outcome": "refused", "reason": str(error)})
    path = landed.path.removeprefix(f"{settings.places.landing}/")
    said = {"path": path, "sha256": landed.sha256, "tag": folder_tag(name)}
    return JSONResponse({"name": name, "outcome": "added" if landed.added else "already there", **said})


@router.post("/upload/labels", dependencies=[Depends(editor)])
def labels(request: Request, labels: Labels) -> Response:
    """Write the label file of an upload."""
    place: Uploads = request.app.state.recent_place.get(labels.day)
    rows = [(path, clean_tag(tag), sha256) for path, tag, sha256 in labels.labelled]
    if not all(tag for _, tag, _ in rows):
        raise UsageError("A label is empty. Name the folders after what the pictures show.")
    return JSONResponse({"file": place.write_labels(labels.day, rows)})
