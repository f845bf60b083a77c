"""HTTP around the service: keys and tokens, api-version, Microsoft's OpenAPI, and faults on demand.

Belongs here: what happens to bytes. Does not: what an operation does (`service`).
"""

import atexit
import base64
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from typing_extensions import override

from imaging_assets_tests.azure.certificate import Certificate
from imaging_assets_tests.azure.openapi import SPECS, Contract
from imaging_assets_tests.azure.search_server.exchange import Answer, Request
from imaging_assets_tests.azure.search_server.service import Service

ADMIN_KEY = "0123456789ABCDEF0123456789ABCDEF-admin"
VERSIONS = {"2024-07-01", "2025-09-01", "2026-04-01"}
AUDIENCE = "https://search.azure.com"

NEWER = {"normalizer", "description", "normalizers", "purviewEnabled", "permissionFilterOption", "queryRewrites"}
"""Properties that api-version 2026-04-01 added to the OpenAPI that is checked against."""


@dataclass
class Fault:
    """What to do to the next requests that match, instead of answering them.

    Attributes:
        matches: Regular expression, searched in `METHOD /path`.
        status: Answer with this status; 0 to break the connection.
        headers: ... and these headers.
        times: How often.
        late: Do what was asked before breaking the connection, half-way through the answer.
    """

    matches: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    late: bool = False


@dataclass
class SearchServer:
    """A running server.

    Attributes:
        service: Its state.
        endpoint: Its address.
        calls: `METHOD /path` of every request, in order.
        batches: How many documents each batch held that was taken.
        faults: Waiting faults; the first that matches happens.
        broken_contract: What OpenAPI says is wrong with an exchange; tests want it empty.
        tokens: Whether a bearer token is still good.
    """

    service: Service
    endpoint: str = ""
    calls: list[str] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    broken_contract: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def fault_of(self, request: Request) -> Fault | None:
        """The fault that is due, used up by one."""
        with self.lock:
            for fault in self.faults:
                if fault.times and re.search(fault.matches, f"{request.method} {request.path}"):
                    fault.times -= 1
                    return fault
        return None

    def called(self, pattern: str) -> int:
        """How many requests matched."""
        return sum(bool(re.search(pattern, call)) for call in self.calls)


@contextmanager
def a_search_server(certificate: Certificate | None = None, **service: Any) -> Iterator[SearchServer]:
    """A server of one test, over HTTPS with a certificate; further arguments are the service's."""
    state = SearchServer(Service(**service))
    with _listening(state, certificate):
        yield state


@cache
def shared_search_server() -> SearchServer:
    """The server that tests share which only use names of their own; it lives as long as the process."""
    state = SearchServer(Service(most_indexes=100_000))
    stack = ExitStack()
    stack.enter_context(_listening(state))
    atexit.register(stack.close)
    return state


@contextmanager
def _listening(state: SearchServer, certificate: Certificate | None = None) -> Iterator[None]:
    class Handler(_Handler):
        server_state = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.endpoint = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    if certificate:
        server.socket = certificate.server_context().wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_state: SearchServer

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_DELETE = do_GET

    def _answer(self) -> None:
        state = self.server_state
        request, fault_in_body = self._request()
        state.calls.append(f"{request.method} {request.path}")
        fault = state.fault_of(request)
        if fault and fault.status:
            self._send(Answer(fault.status, {"error": {"code": "", "message": "injected"}}, fault.headers))
            return
        if fault and not fault.late:
            self.close_connection = True
            self.connection.close()
            return
        answer = _refusal(request) or fault_in_body or self._checked(request)
        if answer.status in (200, 207) and request.path.endswith("/search.index"):
            state.batches.append(len(request.body["value"]))
        self._send(answer, cut=bool(fault))

    def _request(self) -> tuple[Request, Answer | None]:
        address = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body, fault = None, None
        if raw:
            try:
                body = json.loads(raw)
            except ValueError:
                fault = Answer(400, {"error": {"code": "", "message": "The request body is no JSON."}})
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        return Request(self.command, unquote(address.path), query, headers, body, len(raw)), fault

    def _checked(self, request: Request) -> Answer:
        """The service's answer, or what OpenAPI has against the exchange."""
        state = self.server_state
        contract, path = _contract(request.path)
        if contract is None:
            return state.service.handle(request)
        body = _without_newer(request.body)
        indexes = request.path.startswith("/indexes")
        if indexes and isinstance(body, dict):
            body.pop("description", None)  # an index has one since 2026-04-01
        query = {name: [value] for name, value in request.query.items()}
        faults = contract.request_faults(request.method, path, query, request.headers, body)
        answer = state.service.handle(request)
        if request.path.startswith("/indexes") and "/docs" in request.path and request.path.endswith("')"):
            faults = []  # the lookup's template has no parentheses that the checker could match
        if answer.status >= 400:  # its schema lies in another file, and a refused request may well be a wrong one
            return answer
        faults += contract.response_faults(
            request.method, path, answer.status, _as_of_2024(answer.body) if indexes else answer.body
        )
        if faults:
            state.broken_contract += [f"{request.method} {request.path}: {fault}" for fault in faults]
            return Answer(400, {"error": {"code": "OpenAPI", "message": "; ".join(faults)[:2000]}})
        return answer

    def _send(self, answer: Answer, *, cut: bool = False) -> None:
        data = b"" if answer.body is None else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json; odata.metadata=none")
        self.send_header("request-id", "00000000-0000-0000-0000-000000000000")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        if cut:
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()


def _refusal(request: Request) -> Answer | None:
    if request.query.get("api-version") not in VERSIONS:
        return Answer(
            400, {"error": {"code": "", "message": f"Invalid or missing api-version: {request.query.get('api-version')}"}}
        )
    key, token = request.headers.get("api-key"), request.headers.get("authorization", "").removeprefix("Bearer ")
    if key is not None:
        return None if key == ADMIN_KEY else Answer(403, None)
    return _token_refusal(token)


def _token_refusal(token: str) -> Answer | None:
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
    except (IndexError, ValueError):
        return Answer(401, None, {"WWW-Authenticate": "Bearer"})
    if claims.get("aud") != AUDIENCE or claims.get("exp", 0) <= time.time():
        return Answer(401, None, {"WWW-Authenticate": 'Bearer error="invalid_token"'})
    return None


@cache
def _contracts() -> dict[str, Contract]:
    folder = SPECS / "search"
    if not folder.is_dir():
        return {}
    return {
        "documents": Contract(folder / "2024-07-01" / "searchindex.json"),
        "service": Contract(folder / "2024-07-01" / "searchservice.json"),
        "aliases": Contract(folder / "2024-05-01-preview" / "searchservice.json"),
    }


def _contract(path: str) -> tuple[Contract | None, str]:
    """The OpenAPI file of a path, and the path as it stands there."""
    kind = "aliases" if path.startswith("/aliases") else "documents" if "/docs" in path else "service"
    below = re.sub(r"^/indexes\('[^']+'\)", "", path) if kind == "documents" else path
    return _contracts().get(kind), below


def _as_of_2024(body: Any) -> Any:
    return {name: value for name, value in body.items() if name != "description"} if isinstance(body, dict) else body


def _without_newer(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_newer(inner) for name, inner in value.items() if name not in NEWER or inner is not None}
    return [_without_newer(item) for item in value] if isinstance(value, list) else value
