"""Errors as answers: JSON for programs and scripts, a page for people; never a trace.

Belongs here: which error is which status. Does not: wording (`errors.py`).
"""

import logging
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from imaging_assets.errors import (
    BlobNotFoundError,
    ImageNotFoundError,
    ImagingError,
    QueryError,
    SearchIndexError,
    StoreUnavailableError,
    UsageError,
)
from imaging_assets.web.access import EditingOffError, ForgedError, KeyMissingError, SignInRequiredError
from imaging_assets.web.gallery.pages import page
from imaging_assets.web.observe import request_id

_LOG = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[ImagingError], int], ...] = (
    (ImageNotFoundError, 404),
    (BlobNotFoundError, 404),
    (QueryError, 400),
    (UsageError, 400),
    (StoreUnavailableError, 503),
    (SearchIndexError, 503),
    (ImagingError, 500),
)


def answer_failures(app: FastAPI) -> None:
    """Let an application answer all errors so."""
    app.add_exception_handler(KeyMissingError, _key_missing)
    app.add_exception_handler(SignInRequiredError, _sign_in_required)
    app.add_exception_handler(EditingOffError, _editing_off)
    app.add_exception_handler(ForgedError, _forged)
    app.add_exception_handler(ImagingError, _ours)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _key_missing(_: Request, __: Exception) -> Response:
    return JSONResponse({"detail": "Key not present"}, 403)


async def _sign_in_required(request: Request, _: Exception) -> Response:
    if _wants_page(request):
        return RedirectResponse(f"/sign-in?to={quote(str(request.url.path))}", 303)
    return JSONResponse({"detail": "Sign in first."}, 401)


async def _editing_off(request: Request, _: Exception) -> Response:
    return _told(request, 403, "Editing is off. Set serve.editing = true and serve.key to switch it on.")


async def _forged(request: Request, _: Exception) -> Response:
    return _told(request, 403, "This did not come from a page of the gallery, or the page is old. Load it again.")


async def _ours(request: Request, error: Exception) -> Response:
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    if status >= 500:
        _LOG.error("%s", error)
    return _told(request, status, str(error))


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    names = ", ".join(sorted({str(fault["loc"][-1]) for fault in error.errors()}))
    return _told(request, 422, f"The request cannot be understood ({names}). Load the page again.")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = _told(request, error.status_code, "There is no such page." if error.status_code == 404 else str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def _unexpected(request: Request, _: Exception) -> Response:
    # The server logs the trace by itself.
    return _told(request, 500, f"Something went wrong here, request {request_id()}. See the server's log.")


def _told(request: Request, status: int, text: str) -> Response:
    if _wants_page(request):
        return page(request, "error.html", {"status": status, "text": text}, status)
    return JSONResponse({"detail": text}, status)


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("Accept", "") and not request.url.path.startswith("/api/")
