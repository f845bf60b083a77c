"""Signing in with the key, and out.

Belongs here: the form and the cookie. Does not: what a session is worth (`web/access.py`).
"""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from imaging_assets.web.access import COOKIE, SESSION_SECONDS, ForgedError, is_same_origin
from imaging_assets.web.gallery.pages import page
from imaging_assets.web.site import site_of

router = APIRouter(include_in_schema=False)

_WRONG_KEY_SECONDS = 1.0


@router.get("/sign-in")
def form(request: Request, to: str = "/") -> Response:
    """The form."""
    return page(request, "sign_in.html", {"to": _inside(to), "wrong": False})


@router.post("/sign-in")
async def sign_in(
    request: Request, key: Annotated[str, Form(max_length=500)], to: Annotated[str, Form(max_length=2000)] = "/"
) -> Response:
    """Give a session to whoever knows the key; a wrong one costs a second."""
    access = site_of(request).access
    if not is_same_origin(request):
        raise ForgedError
    if not access.is_key(key):
        await asyncio.sleep(_WRONG_KEY_SECONDS)
        return page(request, "sign_in.html", {"to": _inside(to), "wrong": True}, 403)
    response = RedirectResponse(_inside(to), 303)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, access.new_session(), max_age=SESSION_SECONDS, httponly=True, samesite="strict", secure=secure)
    return response


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """Forget the session in this browser."""
    if not is_same_origin(request):
        raise ForgedError
    response = RedirectResponse("/", 303)
    response.delete_cookie(COOKIE)
    return response


def _inside(to: str) -> str:
    """A path of this server; anything else would send people who signed in elsewhere."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/"
