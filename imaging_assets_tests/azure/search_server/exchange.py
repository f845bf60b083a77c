"""What the service is asked and what it answers.

Belongs here: values. Does not: operations.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """One request; `body` is parsed JSON or None, header names are lower-case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None
    size: int = 0


@dataclass(frozen=True)
class Answer:
    """Status and JSON body, None for none."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):  # noqa: N818 - an answer, not a fault of this server
    """An answer that is an error."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.answer = Answer(status, {"error": {"code": code, "message": message}})


def check_etag(request: Request, now: str | None) -> None:
    """Refuse a conditional request whose condition does not hold."""
    wanted, absent = request.headers.get("if-match"), request.headers.get("if-none-match")
    if (wanted and wanted != now and not (wanted == "*" and now)) or (absent == "*" and now):
        raise Refused(412, "The precondition given in one of the request headers evaluated to false.")
