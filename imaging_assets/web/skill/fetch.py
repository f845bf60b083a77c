"""Images behind URLs, from hosts that the settings list and from nowhere else.

Belongs here: what may be fetched, and fetching it. Does not: what is inside. A skill that fetches any URL lets its callers look around in
the server's network (server-side request forgery), so: listed hosts only; the address is looked up once, checked, and that very address is
connected to; no redirect is followed; no proxy, no credentials of this process. A query string may be a SAS: it is never told.
"""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from typing_extensions import override

from imaging_assets.errors import SettingsError
from imaging_assets.web.skill.images import NoImageError, Remote, too_large

Resolve = Callable[[str, int], list[str]]
"""Host and port to IP addresses; raises OSError."""

_PORTS = {"https": 443, "http": 80}
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class _Allowed:
    """An entry of the list: scheme, host or `*.domain`, port."""

    scheme: str
    host: str
    port: int

    def covers(self, scheme: str, host: str, port: int) -> bool:
        inside = host.endswith(self.host[1:]) if self.host.startswith("*.") else host == self.host
        return inside and (scheme, port) == (self.scheme, self.port)


def resolve(host: str, port: int) -> list[str]:
    """Addresses of a host, as the system knows them."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Fetcher:
    """Fetches from listed hosts.

    Args:
        hosts: `host`, `*.domain` (both https), or `https://host:port`, `http://host:port`.
        private: Whether listed hosts may have private addresses; link-local ones (cloud metadata) never.
        most: Largest image, in bytes.
        look_up: How names become addresses.
    """

    def __init__(self, hosts: Sequence[str], *, private: bool, most: int, look_up: Resolve = resolve) -> None:
        self._allowed = [_read_entry(entry) for entry in hosts]
        self._private = private
        self._most = most
        self._look_up = look_up
        self._tls = ssl.create_default_context()

    def fetch(self, image: Remote, seconds: float) -> bytes:
        """The bytes behind a URL.

        Raises:
            NoImageError: It may not be fetched, or cannot be within `seconds`.
        """
        ends = time.monotonic() + seconds
        url, host, port = self._check(image.url)
        address = self._address(host, port)
        name = f"{host}{url.path}"
        try:
            return self._get(
                url, _Pinned(host, port, address, seconds, self._tls if url.scheme == "https" else None), image.sas, ends
            )
        except (OSError, http.client.HTTPException) as error:
            raise NoImageError(
                f"{name} cannot be fetched ({type(error).__name__}). See that it is there and this server may reach it."
            ) from error

    def _check(self, text: str) -> tuple[SplitResult, str, int]:
        try:
            url = urlsplit(text)
            host, port = (url.hostname or "").rstrip(".").encode("idna").decode().lower(), url.port or _PORTS.get(url.scheme, 0)
        except ValueError as error:
            raise NoImageError("The URL cannot be read. Send one such as https://host/path.jpg.") from error
        if url.username or url.password:
            raise NoImageError("The URL holds a name or password. Send a SAS as sas_token instead.")
        if not host or not any(entry.covers(url.scheme, host, port) for entry in self._allowed):
            told = f"{url.scheme}://{host}:{port}"
            raise NoImageError(
                f"{told} is not one of the hosts images may come from. Add it to serve.image_hosts, or send the image itself."
            )
        return url, host, port

    def _address(self, host: str, port: int) -> str:
        try:
            addresses = self._look_up(host, port)
        except (OSError, UnicodeError) as error:
            raise NoImageError(f"The host {host} is not known. Correct the URL.") from error
        bad = [address for address in addresses if not self._may_connect(address)]
        if bad or not addresses:
            raise NoImageError(f"The host {host} has an address that is not public. Set serve.private_hosts if that is meant.")
        return addresses[0]

    def _may_connect(self, text: str) -> bool:
        address = ipaddress.ip_address(text.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if (
            address.is_link_local
            or address.is_multicast
            or address.is_unspecified
            or (address.is_reserved and not address.is_loopback)
        ):
            return False
        return self._private or address.is_global

    def _get(self, url: SplitResult, connection: "_Pinned", sas: str, ends: float) -> bytes:
        try:
            connection.request("GET", _target(url, sas), headers={"Accept": "image/*", "User-Agent": "imaging-assets"})
            with connection.getresponse() as response:
                if response.status != http.client.OK:
                    moved = 300 <= response.status < 400
                    advice = "Redirects are not followed: send the final URL." if moved else "Check the URL and its SAS."
                    raise NoImageError(f"{url.hostname}{url.path} answered {response.status}. {advice}")
                return self._read(response, ends)
        finally:
            connection.close()

    def _read(self, response: http.client.HTTPResponse, ends: float) -> bytes:
        parts, size = [], 0
        while part := response.read1(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > self._most:
                raise NoImageError(too_large(size, self._most))
            if time.monotonic() > ends:
                raise TimeoutError
        return b"".join(parts)


class _Pinned(http.client.HTTPConnection):
    """A connection to the address that was checked, whatever the name means a moment later."""

    def __init__(self, host: str, port: int, address: str, seconds: float, tls: ssl.SSLContext | None) -> None:
        super().__init__(host, port, timeout=seconds)
        self._address = address
        self._secure = tls

    @override
    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)
        if self._secure:
            self.sock = self._secure.wrap_socket(self.sock, server_hostname=self.host)


def _target(url: SplitResult, sas: str) -> str:
    """Path and query; parameters of the SAS win over those of the URL."""
    query = url.query
    if sas:
        query = urlencode(
            dict(parse_qsl(url.query, keep_blank_values=True)) | dict(parse_qsl(sas.lstrip("?"), keep_blank_values=True))
        )
    path = url.path or "/"
    return f"{path}?{query}" if query else path


def _read_entry(entry: str) -> _Allowed:
    text = entry if "://" in entry else f"https://{entry}"
    try:
        url = urlsplit(text)
        port = url.port or _PORTS.get(url.scheme, 0)
    except ValueError:
        url, port = urlsplit(""), 0
    if not port or not url.hostname or url.path.strip("/") or url.hostname in ("*", "*."):
        raise SettingsError(
            f"serve.image_hosts: {entry!r} is no host. Write account.blob.core.windows.net, *.example.com or https://host:8443."
        )
    return _Allowed(url.scheme, url.hostname, port)
