"""Around every request: its id, its time, its line in the log, headers that keep browsers strict.

Belongs here: what is true of all requests. Does not: keys (`access`), routes. Lines name the route, never the query, the body or a header.
"""

import json
import logging
import re
import time
import uuid
from contextvars import ContextVar
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override

from imaging_assets.web.metrics import Metrics

_LOG = logging.getLogger("imaging_assets.web.requests")
_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")

REQUEST_ID_HEADERS = (b"x-request-id", b"x-ms-client-request-id")

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "img-src 'self' blob:",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


def request_id() -> str:
    """Id of the request under way, or ""."""
    return _REQUEST_ID.get()


class Observed:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; other scopes pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = _id_of(scope)
        known = _REQUEST_ID.set(name)
        started = time.perf_counter()
        status = 500

        async def send_more(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {header for header, _ in message["headers"]}
                extra = [header for header in HEADERS if header[0] not in given]
                message["headers"] = [*message["headers"], *extra, (b"x-request-id", name.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_more)
        finally:
            self._note(scope, status, time.perf_counter() - started)
            _REQUEST_ID.reset(known)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "") or "(none)"
        self._metrics.requests.labels(route, scope["method"] if route != "(none)" else "", status).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        level = logging.WARNING if status >= 500 else logging.DEBUG if route.startswith(_QUIET) else logging.INFO
        facts = {"route": route, "method": scope["method"], "status": status, "ms": round(seconds * 1000, 1)}
        _LOG.log(level, "request", extra={"facts": facts | scope.get("state", {}).get("facts", {})})


_QUIET = ("/static", "/thumbnails", "/api/healthcheck", "/api/ready", "/metrics")


class JsonLines(logging.Formatter):
    """A log record as one JSON object in one line."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id() or None,
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps({name: value for name, value in line.items() if value is not None}, ensure_ascii=False)


def _id_of(scope: Scope) -> str:
    """The caller's own id where it is harmless, else a new one."""
    given = (value.decode("latin-1") for name, value in scope["headers"] if name in REQUEST_ID_HEADERS)
    return next((text for text in given if _ID.fullmatch(text)), None) or uuid.uuid4().hex
