"""Images behind URLs: from listed hosts only, and never a way into the server's own network."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typing_extensions import override

from imaging_assets.errors import SettingsError
from imaging_assets.web.skill.fetch import Fetcher
from imaging_assets.web.skill.images import NoImageError, Remote

PUBLIC = "93.184.216.34"


class Pictures(ThreadingHTTPServer):
    """Serves `/picture`, sends `/elsewhere` away, and remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str]] = []

    @property
    def origin(self) -> str:
        """As an entry of the list says it."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Pictures

    def do_GET(self) -> None:
        """Answer by path."""
        self.server.asked.append((self.path, self.headers["Host"]))
        path = self.path.partition("?")[0]
        self.send_response({"/picture": 200, "/large": 200, "/elsewhere": 302}.get(path, 404))
        self.send_header("Location", "http://169.254.169.254/metadata")
        self.end_headers()
        self.wfile.write(b"x" * (5000 if path == "/large" else 10))

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def pictures() -> Iterator[Pictures]:
    server = Pictures()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def refusal(url: str, *hosts: str, addresses: tuple[str, ...] = (PUBLIC,), private: bool = False, sas: str = "") -> str:
    """Why a URL is refused before anything is connected to."""
    fetcher = Fetcher(hosts, private=private, most=100, look_up=lambda *_: list(addresses))
    with pytest.raises(NoImageError) as error:
        fetcher.fetch(Remote(url, sas), 0.2)
    return str(error.value)


def test_a_listed_host_is_fetched_from_and_the_sas_wins_over_the_urls_own_query(pictures: Pictures) -> None:
    fetcher = Fetcher([pictures.origin], private=True, most=100)
    assert fetcher.fetch(Remote(f"{pictures.origin}/picture", ""), 5) == b"x" * 10
    assert fetcher.fetch(Remote(f"{pictures.origin}/picture?a=1&sig=old", "?sig=new%2B"), 5) == b"x" * 10
    assert [path for path, _ in pictures.asked] == ["/picture", "/picture?a=1&sig=new%2B"]


def test_the_address_that_was_checked_is_the_one_connected_to(pictures: Pictures) -> None:
    seen: list[str] = []

    def look_up(host: str, port: int) -> list[str]:
        seen.append(f"{host}:{port}")
        return ["127.0.0.1"]

    origin = f"http://pictures.example:{pictures.server_port}"
    Fetcher([origin], private=True, most=100, look_up=look_up).fetch(Remote(f"{origin}/picture", ""), 5)
    assert seen == [f"pictures.example:{pictures.server_port}"]
    assert pictures.asked == [("/picture", f"pictures.example:{pictures.server_port}")]


def test_redirects_are_not_followed(pictures: Pictures) -> None:
    with pytest.raises(NoImageError, match=r"answered 302\. Redirects are not followed"):
        Fetcher([pictures.origin], private=True, most=100).fetch(Remote(f"{pictures.origin}/elsewhere", ""), 5)
    assert len(pictures.asked) == 1


@pytest.mark.parametrize(("path", "told"), [("/large", "at most 100 are taken"), ("/nothing", "answered 404. Check the URL")])
def test_what_is_too_large_or_not_there_is_told_without_the_sas(pictures: Pictures, path: str, told: str) -> None:
    with pytest.raises(NoImageError, match=told) as error:
        Fetcher([pictures.origin], private=True, most=100).fetch(Remote(f"{pictures.origin}{path}?sig=s3cret", "sig=s3cret"), 5)
    assert "s3cret" not in str(error.value)


def test_a_host_that_does_not_answer_is_told_by_name() -> None:
    with pytest.raises(NoImageError, match=r"^127\.0\.0\.1/a cannot be fetched \(ConnectionRefusedError\)"):
        Fetcher(["http://127.0.0.1:9"], private=True, most=100).fetch(Remote("http://127.0.0.1:9/a?sig=s", ""), 1)


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/a",
        "http://good.example/a",
        "https://good.example:8443/a",
        "https://good.example.evil.example/a",
        "https://evilgood.example/a",
        "https://evil.example#good.example/a",
        "https://evil.example\\@good.example:1/a",
        "https://169.254.169.254/metadata/identity",
        "https://127.0.0.1/a",
        "https://[::1]/a",
        "https://2130706433/a",
        "https://0x7f.1/a",
        "https://[bad/a",
        "https://good.example:port/a",
        "https:///a",
        "https://" + "a" * 300 + "/a",
    ],
)
def test_other_hosts_schemes_and_ports_are_refused(url: str) -> None:
    assert refusal(url, "good.example").endswith(".")


def test_names_and_passwords_in_a_url_are_refused_and_not_repeated() -> None:
    told = refusal("https://user:pa55@good.example/a", "good.example")
    assert "pa55" not in told


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.5",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.169.254",
        "0.0.0.0",  # noqa: S104 - never bound to
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.5",
        "224.0.0.1",
        "100.64.0.1",
    ],
)
def test_a_listed_name_may_not_mean_an_address_inside(address: str) -> None:
    assert "not public" in refusal("https://good.example/a", "good.example", addresses=(PUBLIC, address))


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "0.0.0.0", "::ffff:169.254.169.254"])  # noqa: S104 - never bound to
def test_the_clouds_metadata_is_out_of_reach_even_where_private_hosts_are_allowed(address: str) -> None:
    assert "not public" in refusal("https://good.example/a", "good.example", addresses=(address,), private=True)


@pytest.mark.parametrize(
    ("entry", "url", "listed"),
    [
        ("*.blob.core.windows.net", "https://a.blob.core.windows.net/x", True),
        ("*.blob.core.windows.net", "https://blob.core.windows.net/x", False),
        ("*.blob.core.windows.net", "https://blob.core.windows.net.evil.example/x", False),
        ("good.example", "https://GOOD.example./x", True),
        ("http://good.example:81", "http://good.example:81/x", True),
        ("http://good.example:81", "https://good.example:81/x", False),
    ],
)
def test_entries_cover_exactly_what_they_say(entry: str, url: str, *, listed: bool) -> None:
    told = refusal(url, entry, addresses=("10.0.0.1",))
    assert ("not public" in told) is listed


@pytest.mark.parametrize("entry", ["", "*", "https://host/path", "ftp://host", "host:port", "*."])
def test_an_entry_that_is_no_host_is_told_when_the_server_starts(entry: str) -> None:
    with pytest.raises(SettingsError, match=r"serve\.image_hosts"):
        Fetcher([entry], private=False, most=1)
