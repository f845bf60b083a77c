"""Azure's token endpoint inside a machine, which `DefaultAzureCredential` asks in production.

Belongs here: the endpoint and the variables that name it. Does not: what tokens look like (`certificate`), expectations.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

HEADER = "a secret of this machine"


@contextmanager
def a_managed_identity(token_for: Callable[[str], str]) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Yields the variables that lead to it and what tokens were asked for; `token_for` gives the token for a resource."""
    asked: list[str] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["X-IDENTITY-HEADER"] == HEADER
            (resource,) = parse_qs(urlsplit(self.path).query)["resource"]
            asked.append(resource)
            told = {
                "access_token": token_for(resource),
                "expires_on": str(int(time.time()) + 3600),
                "resource": resource,
                "token_type": "Bearer",
            }
            data = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    variables = {
        "IDENTITY_ENDPOINT": f"http://127.0.0.1:{server.server_port}/token",
        "IDENTITY_HEADER": HEADER,
        "AZURE_TOKEN_CREDENTIALS": "prod",
    }
    try:
        yield variables, asked
    finally:
        server.shutdown()
        server.server_close()
