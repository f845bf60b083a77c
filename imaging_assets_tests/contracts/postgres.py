"""A throw-away PostgreSQL server for tests, started from the binaries that Debian installs.

Belongs here: starting and stopping it, never as root. Does not: expectations.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

_PATIENCE = 30


def binaries() -> Path:
    """Folder of the newest installed server; skips the test where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("no PostgreSQL here: install it with `apt-get install postgresql`")
    if find_spec("psycopg") is None:
        pytest.skip("no psycopg here: install the extra with `pip install 'imaging-assets[postgres]'`")
    return found[-1].parent


def _unprivileged() -> dict[str, object]:
    """Arguments of `subprocess` that drop root's rights, which the server refuses."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextmanager
def a_server() -> Iterator[str]:
    """URL of an empty server that ends with the block; it listens on a free port of this machine only."""
    programs, rights = binaries(), _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        if rights:
            os.chown(folder, int(str(rights["user"])), int(str(rights["group"])))
        data = folder / "data"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
        made = [
            str(programs / "initdb"),
            "-D",
            str(data),
            "-U",
            "imaging",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]
        subprocess.run(made, check=True, **quiet, **rights)  # type: ignore[call-overload]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = [
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            f"unix_socket_directories={folder}",
            "-c",
            "fsync=off",
            "-p",
            str(port),
        ]
        server = subprocess.Popen([str(programs / "postgres"), "-D", str(data), *options], **quiet, **rights)  # type: ignore[call-overload]
        try:
            _wait(programs, port, server)
            yield f"postgresql+psycopg://imaging:secret@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # ends connections, unlike SIGTERM
            server.wait(_PATIENCE)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(programs: Path, port: int, server: "subprocess.Popen[bytes]") -> None:
    asked = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    until = time.monotonic() + _PATIENCE
    while subprocess.run(asked, check=False).returncode:
        if server.poll() is not None or time.monotonic() > until:
            raise RuntimeError("PostgreSQL did not start; run its `postgres` by hand to see why")
        time.sleep(0.1)
