"""A search service that answers questions and only says that it wrote.

Belongs here: what a write is answered with. Does not: which calls are made (`search_index.py`), which go through this very code.
"""

import io
import json
from collections.abc import Callable
from typing import Any

from azure.core.pipeline.transport import RequestsTransport
from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from typing_extensions import override

Count = Callable[[str, str, int], None]
"""Told the service, what was done, and how often."""


def rehearsing_transport(count: Count) -> RequestsTransport:
    """A transport for the SDK's clients: reads go out, writes do not."""
    session = Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Rehearsal(count))
    return RequestsTransport(session=session, session_owner=False)


class _Rehearsal(HTTPAdapter):
    def __init__(self, count: Count) -> None:
        super().__init__()
        self._count = count

    @override
    def send(self, request: PreparedRequest, *args: Any, **more: Any) -> Response:
        path = str(request.path_url).partition("?")[0]
        if request.method == "GET" or path.endswith("search.post.search"):
            self._count("search", "reads", 1)
            return super().send(request, *args, **more)
        body = json.loads(request.body) if isinstance(request.body, str | bytes) else {}
        if path.endswith("/docs/search.index"):
            self._count("search", "batches of documents", 1)
            keys = [document["id"] for document in body["value"]]
            return _answer(request, 200, {"value": [{"key": key, "status": True, "statusCode": 201} for key in keys]})
        self._count("search", "changes of indexes and alias", 1)
        return _answer(request, 204, None) if request.method == "DELETE" else _answer(request, 201, body)


def _answer(request: PreparedRequest, status: int, body: object) -> Response:
    data = b"" if body is None else json.dumps(body).encode()
    response = Response()
    response.status_code, response.reason, response.request = status, "Rehearsed", request
    response.url = request.url or ""
    response.headers["Content-Type"] = "application/json; charset=utf-8"
    response.headers["Content-Length"] = str(len(data))
    response.raw = io.BytesIO(data)
    return response
