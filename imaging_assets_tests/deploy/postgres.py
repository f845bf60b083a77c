"""A PostgreSQL server of the machine's own binaries, in a temporary folder, for one test module.

Belongs here: finding, starting, stopping. Does not: what is kept in it.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from imaging_assets_tests.builders import a_free_port

PASSWORD = "not @ secret: 100%"  # of the kind that is easily quoted wrongly


@dataclass(frozen=True)
class Server:
    """Where it listens; the database is there and empty."""

    port: int
    username: str = "dagster"
    password: str = PASSWORD
    database: str = "dagster"


@contextmanager
def a_postgres() -> Iterator[Server]:
    """A running server; skips the test where PostgreSQL is not installed."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed here (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="imaging-postgres-"))  # not below pytest's folder, which only this user may enter
    owner = _owner()
    try:
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        if owner is not None:
            for path in (folder, folder / "password"):
                os.chown(path, owner, -1)
        data = str(folder / "data")
        _write_certificate(folder, owner)
        make: list[str | Path] = [
            binaries / "initdb", "--pgdata", data, "--username", "dagster", "--pwfile", folder / "password",
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync",
        ]  # fmt: skip
        subprocess.run(make, user=owner, cwd=folder, check=True, capture_output=True, text=True)
        port = a_free_port()
        with (folder / "log").open("wb") as log:
            start: list[str | Path] = [
                binaries / "postgres",
                "-D",
                data,
                "-p",
                str(port),
                "-k",
                folder,
                "-c",
                "listen_addresses=127.0.0.1",
            ]
            tls = ["-c", "ssl=on", "-c", f"ssl_cert_file={folder}/tls.crt", "-c", f"ssl_key_file={folder}/tls.key"]
            process = subprocess.Popen([*start, *tls, "-c", "fsync=off"], user=owner, cwd=folder, stdout=log, stderr=log)
        try:
            server = Server(port)
            _create_database(binaries, server)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown: it does not wait for clients to leave
            process.wait(60)
    finally:
        shutil.rmtree(folder)


def _binaries() -> Path | None:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = [*debian[-1:], *map(Path, filter(None, [shutil.which("initdb")]))]
    return found[0].parent if found else None


def _owner() -> int | None:
    """Another user than root, whom PostgreSQL refuses; None for whoever this is."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _write_certificate(folder: Path, owner: int | None) -> None:
    """A certificate of nobody's, for clients that insist on TLS."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for name_of, data in (("tls.crt", certificate.public_bytes(pem)), ("tls.key", plain)):
        (folder / name_of).write_bytes(data)
        (folder / name_of).chmod(0o600)
        if owner is not None:
            os.chown(folder / name_of, owner, -1)


def _create_database(binaries: Path, server: Server) -> None:
    """Once the server answers."""
    where = ["--host", "127.0.0.1", "--port", str(server.port), "--username", server.username]
    environment = os.environ | {"PGPASSWORD": server.password}
    for _ in range(100):
        if subprocess.run([binaries / "pg_isready", "--quiet", "--timeout", "1", *where], check=False).returncode == 0:
            break
    subprocess.run([binaries / "createdb", *where, server.database], env=environment, check=True, capture_output=True)
