"""A certificate for servers of this machine, and tokens that look like Microsoft's: bearer tokens travel over HTTPS only.

Belongs here: what identities need in tests. Does not: servers.
"""

import base64
import json
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificate:
    """PEM files for 127.0.0.1, signed by itself."""

    certificate: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """For a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """For a client that trusts it."""
        return ssl.create_default_context(cafile=str(self.certificate))


def a_certificate(folder: Path) -> Certificate:
    """Written into a folder, good for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    made.certificate.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


class Tokens:
    """An identity whose tokens are good for one audience and live so long, in seconds."""

    def __init__(self, audience: str, lives: float) -> None:
        self.audience = audience
        self.lives = lives
        self.given: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """A new one each time."""
        assert scopes == (f"{self.audience}/.default",)
        token = a_token(self.audience, self.lives, len(self.given))
        self.given.append(token)
        return AccessToken(token, int(time.time() + self.lives))


def a_token(audience: str, lives: float, number: int = 0) -> str:
    """A token for an audience that is good for so many seconds."""
    now = time.time()
    tenant = "11111111-1111-1111-1111-111111111111"
    claims = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{tenant}/",
        "tid": tenant,
        "oid": "22222222-2222-2222-2222-222222222222",
        "nbf": now - 3600,
        "iat": now - 3600,
        "exp": now + lives,
        "jti": number,
    }
    return ".".join([_encoded({"alg": "none", "typ": "JWT"}), _encoded(claims), "c2lnbmF0dXJl"])


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
