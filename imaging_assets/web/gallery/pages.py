"""Rendering: templates, the words and numbers of all pages, static files.

Belongs here: Jinja's set-up. Does not: what a page shows.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from imaging_assets.web.site import site_of

_STATIC = files("imaging_assets.web").joinpath("static")


def page(request: Request, template: str, facts: Mapping[str, Any] | None = None, status: int = 200) -> HTMLResponse:
    """A rendered template; it also knows who looks (`editor`, `token`) and where (`here`)."""
    access = site_of(request).access
    editor = access.may_edit(request)
    shared = {
        "editor": editor,
        "editing": access.policy.editing,
        "signed_in": access.signed_in(request),
        "token": access.token(request) if editor else "",
        "here": request.url.path,
    }
    html = _environment().get_template(template).render({**shared, **(facts or {})})
    return HTMLResponse(html, status, {"Cache-Control": "no-store"})


def static_data(name: str) -> bytes | None:
    """A file of `static/`, or None."""
    found = _STATIC.joinpath(name)
    return found.read_bytes() if found.is_file() else None


def image_link(path: str) -> str:
    """The page of an image by its path below the landing place."""
    return f"/image/{quote(path)}"


def megabytes(size: int | None) -> str:
    """`1.2 MB`, `340 kB`."""
    if size is None:
        return "–"
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB" if size else "0 kB"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("imaging_assets.web", "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"megabytes": megabytes, "percent": _percent, "image_link": image_link, "quoted": quote}
    environment.globals |= {"static": _static_link}
    return environment


@cache
def _static_link(name: str) -> str:
    """With a digest, so that browsers keep a file until it changes."""
    data = static_data(name)
    assert data is not None, name
    return f"/static/{name}?{hashlib.sha256(data).hexdigest()[:12]}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
