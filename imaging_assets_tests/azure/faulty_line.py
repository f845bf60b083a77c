"""A line to a blob service that passes everything on, but for faults on demand.

Belongs here: what happens to requests and answers on their way. Does not: the service (`azurite`), expectations.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import override

from imaging_assets_tests.azure.certificate import Certificate


@dataclass(frozen=True)
class Fault:
    """What becomes of requests that match.

    Attributes:
        matches: Regular expression, searched in `METHOD /account/container/blob?query`.
        status: Answer with this status and nothing else happens; 0 to break the connection.
        code: The service's own name of the error.
        headers: Of that answer.
        late: Do what was asked before breaking the connection, half-way through the answer if it brings anything. Refusals pass.
        times: How often for each method and path, so that what is asked again may pass.
    """

    matches: str = ""
    status: int = 0
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    late: bool = False
    times: int = 1


@dataclass
class FaultyLine:
    """An open line.

    Attributes:
        endpoint: Leads to the service.
        faults: The first that is due happens.
        met: How many requests a fault befell, by method.
    """

    target: str
    endpoint: str = ""
    faults: list[Fault] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)
    _seen: Counter[tuple[str, int, bool, str]] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def fault_of(self, method: str, target: str) -> Fault | None:
        """The fault that is due."""
        line = f"{method} {target}"
        with self._lock:
            for fault in self.faults:
                # Without the query, in which ids of blocks and times differ from try to try.
                place = (fault.matches, fault.status, fault.late, line.partition("?")[0])
                if re.search(fault.matches, line) and self._seen[place] < fault.times:
                    self._seen[place] += 1
                    self.met[method] += 1
                    return fault
        return None


@contextmanager
def a_faulty_line(target: str, certificate: Certificate | None = None) -> Iterator[FaultyLine]:
    """A line to an endpoint, open until the context is left.

    Args:
        certificate: Both ends speak HTTPS with it.
    """
    address = urlsplit(target)
    host = str(address.netloc)

    def connect() -> HTTPConnection:
        return HTTPSConnection(host, context=certificate.client_context()) if certificate else HTTPConnection(host)

    line = FaultyLine(target)
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Handler", (_Handler,), {"line": line, "host": host, "open": staticmethod(connect)})
    )
    server.daemon_threads = True
    if certificate:
        server.socket = certificate.server_context().wrap_socket(server.socket, server_side=True)
    line.endpoint = f"{address.scheme}://127.0.0.1:{server.server_port}{address.path}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    line: FaultyLine
    host: str
    open: Callable[[], HTTPConnection]

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.line.fault_of(self.command, self.path)
        if fault and fault.status:
            self._send(fault.status, {"x-ms-error-code": fault.code, **fault.headers}, b"")
        elif fault and not fault.late:
            self.close_connection = True
        else:
            with closing(self.open()) as there:
                there.request(self.command, self.path, body or None, dict(self.headers.items()) | {"Host": self.host})
                answer = there.getresponse()
                self._send(answer.status, dict(answer.getheaders()), answer.read(), cut=bool(fault) and answer.status < 400)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _pass_on

    def _send(self, status: int, headers: Mapping[str, str], data: bytes, *, cut: bool = False) -> None:
        self.close_connection = self.close_connection or cut
        if cut and not data:
            return
        self.send_response_only(status)
        there = {"connection", "transfer-encoding", "keep-alive"} | ({"content-length"} if self.command != "HEAD" else set())
        for name, value in headers.items():
            if value and name.lower() not in there:
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""
