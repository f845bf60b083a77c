"""Who reads and who edits, as dependencies of routes.

Belongs here: one function each. Does not: the rules (`web/access.py`).
"""

from fastapi import Request

from imaging_assets.web.access import TOKEN_HEADER
from imaging_assets.web.site import site_of


def reader(request: Request) -> None:
    """Raises SignInRequiredError."""
    site_of(request).access.check_reader(request)


def editor(request: Request) -> None:
    """For scripts, which send the token as a header; raises EditingOffError, SignInRequiredError, ForgedError."""
    site_of(request).access.check_editor(request, request.headers.get(TOKEN_HEADER, ""))
