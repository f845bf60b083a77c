"""What is special about the Azure blob store: containers, signatures, large blobs, faults, what is said of them."""

import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.core.exceptions import ServiceResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobServiceClient, ExponentialRetry
from typing_extensions import override

from imaging_assets.azure.blob_store import AzureBlobStore
from imaging_assets.azure.containers import Containers
from imaging_assets.azure.credentials import StorageAccount, storage_account
from imaging_assets.azure.translation import redacted
from imaging_assets.errors import BlobConflictError, BlobNameError, SettingsError, StoreUnavailableError
from imaging_assets.policies import Azure
from imaging_assets_tests.azure.azurite import ACCOUNT, KEY, a_name, azurite, free_ports, start
from imaging_assets_tests.azure.certificate import Tokens, a_certificate

QUICK = ExponentialRetry(initial_backoff=0, increment_base=0, retry_total=3, random_jitter_range=0)


def a_service(**options: Any) -> BlobServiceClient:
    return BlobServiceClient(azurite(), credential=KEY, retry_policy=QUICK, **options)


def a_store(service: BlobServiceClient | None = None, places: dict[str, str] | None = None) -> AzureBlobStore:
    store = AzureBlobStore(service or a_service(), a_name(), places)
    store.create()
    return store


def read(url: str, context: ssl.SSLContext | None = None, method: str = "GET") -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), context=context) as response:  # noqa: S310
        data: bytes = response.read()
    return data


# --- where things lie


def test_a_place_of_its_own_lies_in_its_container_and_is_listed_with_the_rest() -> None:
    photos = a_name()
    store = a_store(places={"landing": f"{photos}/camera"})
    for path in ("landing/2026/01/02/a.jpg", "labels/x.csv", "manifests/raw/1.parquet"):
        store.write(path, path.encode())

    service = a_service()
    assert [blob.name for blob in service.get_container_client(photos).list_blobs()] == ["camera/2026/01/02/a.jpg"]
    assert [blob.path for blob in store.list_blobs("la")] == ["labels/x.csv", "landing/2026/01/02/a.jpg"]
    assert store.list_folders() == ["labels", "landing", "manifests"]
    assert store.copy("landing/2026/01/02/a.jpg", "labels/copy.jpg").size == 24


def test_what_lies_in_the_main_container_under_a_place_of_elsewhere_is_not_seen() -> None:
    store = a_store(places={"landing": a_name()})
    (main,) = set(store._containers.names) - {store._containers.spot_of("landing/x").container}
    a_service().get_blob_client(main, "landing/shadowed").upload_blob(b"x")
    store.write("landing/seen", b"x")

    assert [blob.path for blob in store.list_blobs()] == ["landing/seen"]
    assert store.find("landing/shadowed") is None


@pytest.mark.parametrize("path", ["a/b", "landing", "landing/x", "landing/raw/x", "landings/x"])
def test_a_name_in_a_container_leads_back_to_its_path(path: str) -> None:
    spot = Containers("main", {"landing": "photos", "landing/raw/": "/photos/raw/files/"}).spot_of(path)
    assert spot.path_of(spot.name) == path


def test_folders_of_a_hierarchical_account_are_no_blobs() -> None:
    store = a_store()
    container = a_service().get_container_client(store._containers.names[0])
    container.upload_blob("landing/2026", b"", metadata={"hdi_isfolder": "true"})
    store.write("landing/2026/a.jpg", b"x")

    assert [blob.path for blob in store.list_blobs()] == ["landing/2026/a.jpg"]
    assert store.find("landing/2026") is None


def test_names_of_others_that_no_store_may_hold_are_left_out_and_told(caplog: pytest.LogCaptureFixture) -> None:
    store = a_store()
    container = a_service().get_container_client(store._containers.names[0])
    container.upload_blob("a//b.jpg", b"x")
    store.write("a/c.jpg", b"x")

    assert [blob.path for blob in store.list_blobs("a/")] == ["a/c.jpg"]
    assert "a//b.jpg" in caplog.text


@pytest.mark.parametrize("path", ["a.", "a./b", "folder/..."])
def test_a_part_that_ends_in_a_dot_is_refused_because_addresses_lose_it(path: str) -> None:
    with pytest.raises(BlobNameError, match="Rename the file"):
        a_store().write(path, b"x")


def test_a_picture_is_served_as_what_it_is() -> None:
    store = a_store()
    store.write("thumbnails/a.webp", b"x")
    blob = a_service().get_blob_client(store._containers.names[0], "thumbnails/a.webp")
    assert blob.get_blob_properties().content_settings.content_type == "image/webp"


# --- signatures


def test_a_signed_address_of_a_key_opens_that_blob_for_reading_only() -> None:
    store = a_store()
    store.write("thumbnails/a b é.jpg", b"picture")
    store.write("other", b"x")

    url = store.signed_url("thumbnails/a b é.jpg", timedelta(minutes=5))

    assert read(url) == b"picture"
    assert_refused(url.replace("/thumbnails/", "/thumbnail/"))
    assert_refused(store.signed_url("other", timedelta(minutes=-1)))
    assert_refused(url, "DELETE")


def test_an_identity_signs_with_a_key_of_its_own_which_it_asks_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = a_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.certificate))
    options = ("--oauth", "basic", "--cert", str(certificate.certificate), "--key", str(certificate.key))
    endpoint, _ = start(*options, scheme="https")
    identity = Tokens("https://storage.azure.com", lives=3600)
    store = a_store(BlobServiceClient(endpoint, credential=identity, retry_policy=QUICK))
    store.write("a", b"picture")
    store.copy("a", "b")

    urls = [store.signed_url(path, timedelta(minutes=5)) for path in ("a", "b")]

    trusting = certificate.client_context()
    assert [read(url, trusting) for url in urls] == [b"picture", b"picture"]
    assert_refused(urls[0], "DELETE", trusting)
    assert_refused(urls[0].replace("/a?", "/b?"), context=trusting)
    assert_refused(store.signed_url("a", timedelta(minutes=-1)), context=trusting)
    assert not any(token in url for url in urls for token in identity.given)
    assert all("skoid=" in url for url in urls)  # signed by an identity, not by the account's key
    assert len({url.partition("ske=")[2].partition("&")[0] for url in urls}) == 1


def assert_refused(url: str, method: str = "GET", context: ssl.SSLContext | None = None) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        read(url, context, method)
    error.value.close()
    assert error.value.code == 403


# --- large blobs


def test_a_blob_of_many_blocks_is_written_whole_and_read_in_one_version() -> None:
    service = a_service(
        max_single_put_size=1 << 16, max_block_size=1 << 16, max_single_get_size=1 << 16, max_chunk_get_size=1 << 16
    )
    store = a_store(service)
    versions = [bytes([number]) * (1 << 20) for number in (1, 2)]
    store.write("a", versions[0])
    stop = threading.Event()

    def write_on() -> None:
        writer = AzureBlobStore(a_service(), store._containers.names[0])
        number = 0
        while not stop.is_set():
            writer.write("a", versions[number := 1 - number])
            stop.wait(0.3)

    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        seen = [store.read("a").data for _ in range(8)]
    finally:
        stop.set()
        thread.join()
    assert set(seen) <= set(versions)


# --- faults


class LosingTransport(RequestsTransport):  # type: ignore[misc] # the SDK hides its type
    """Does what is asked, but the answers to the next writes are lost on the way."""

    losses = 0

    @override
    def send(self, request: Any, **options: Any) -> Any:
        response = super().send(request, **options)
        if self.losses and request.method == "PUT":
            self.losses -= 1
            raise ServiceResponseError("Connection broken")
        return response


def test_a_write_whose_answer_was_lost_is_not_taken_for_somebody_elses() -> None:
    transport = LosingTransport()
    store = a_store(a_service(transport=transport))
    transport.losses = 1
    first = store.write("a", b"one", if_absent=True)
    transport.losses = 1
    second = store.write("a", b"two", if_match=first.etag)

    assert transport.losses == 0
    assert store.find("a") == second
    with pytest.raises(BlobConflictError):
        store.write("a", b"three", if_match=first.etag)


@contextmanager
def a_line_that_breaks(target: str, after_bytes: int) -> Iterator[str]:
    """An address that leads to the target; the first answer longer than so many bytes is cut there."""
    address = urlsplit(target)
    broken = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def forward(source: socket.socket, sink: socket.socket, *, answers: bool) -> None:
        passed = 0
        try:
            while data := source.recv(65536):
                passed += len(data)
                if answers and passed > after_bytes and not broken.is_set():
                    broken.set()
                    break
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with_shutdown(end)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection((str(address.hostname), int(address.port or 0)))
            threading.Thread(target=forward, args=(client, server), kwargs={"answers": False}, daemon=True).start()
            threading.Thread(target=forward, args=(server, client), kwargs={"answers": True}, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}{address.path}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        assert broken.is_set()


def with_shutdown(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def test_a_connection_that_breaks_in_the_middle_of_a_blob_costs_a_retry() -> None:
    store = a_store()
    data = bytes(range(256)) * 8_000
    store.write("a", data)

    with a_line_that_breaks(azurite(), 1_000_000) as endpoint:
        through = AzureBlobStore(BlobServiceClient(endpoint, credential=KEY, retry_policy=QUICK), store._containers.names[0])
        assert through.read("a").data == data


def test_a_container_that_is_gone_is_told_and_never_lists_as_empty() -> None:
    store = AzureBlobStore(a_service(), "never-made")
    for use in (
        lambda: list(store.list_blobs()),
        store.list_folders,
        store.list_files,
        lambda: store.find("a"),
        lambda: store.read("a"),
        lambda: store.write("a", b""),
        lambda: store.delete("a"),
    ):
        with pytest.raises(StoreUnavailableError, match=r"no container 'never-made'.*mend azure\.container"):
            use()


def test_a_wrong_key_is_told_with_the_role_and_without_the_key() -> None:
    wrong = KEY[::-1].strip("=") + "=="
    store = AzureBlobStore(BlobServiceClient(azurite(), credential=wrong, retry_policy=QUICK), "imaging")
    with pytest.raises(StoreUnavailableError, match=r"403.*'Storage Blob Data Contributor'.*azure\.account_key") as error:
        store.list_folders()
    assert wrong not in str(error.value)
    assert error.value.__suppress_context__


def test_an_account_that_cannot_be_reached_is_told_with_the_setting_and_no_signature() -> None:
    endpoint = f"http://127.0.0.1:{free_ports(1)[0]}/{ACCOUNT}?sv=2024-01-01&sig=c2VjcmV0"
    store = AzureBlobStore(BlobServiceClient(endpoint, retry_policy=QUICK), "imaging")
    with pytest.raises(StoreUnavailableError, match=r"Check azure\.account_url and the network") as error:
        store.read("a")
    assert "c2VjcmV0" not in str(error.value)


# --- settings


@pytest.mark.parametrize(
    ("settings", "account"),
    [
        ({"account_url": "https://x.blob.core.windows.net/"}, StorageAccount("https://x.blob.core.windows.net")),
        (
            {"account_url": "https://x.blob.core.windows.net", "account_key": "a2V5"},
            StorageAccount("https://x.blob.core.windows.net", key="a2V5"),
        ),
        (
            {"account_url": "https://x.blob.core.windows.net", "sas_token": "?sv=1&sig=2"},
            StorageAccount("https://x.blob.core.windows.net", sas="sv=1&sig=2"),
        ),
        (
            {"connection_string": "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=a2V5==;EndpointSuffix=core.cloud.cn"},
            StorageAccount("https://x.blob.core.cloud.cn", key="a2V5=="),
        ),
        (
            {"connection_string": "BlobEndpoint=https://x.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=2"},
            StorageAccount("https://x.blob.core.windows.net", sas="sv=1&sig=2"),
        ),
    ],
)
def test_an_account_is_opened_by_url_key_sas_or_connection_string(settings: dict[str, Any], account: StorageAccount) -> None:
    found = storage_account(Azure(**settings))
    assert replace(found, queue_url="") == account
    assert found.queue_url == account.url.replace(".blob.", ".queue.")
    assert found.blob_service().url.startswith(account.url)
    assert not (account.key and account.key in repr(found))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "azure.account_url"),
        ({"account_url": "x.blob.core.windows.net"}, "azure.account_url"),
        ({"account_url": "https://x.blob.core.windows.net?sig=c2VjcmV0"}, "azure.sas_token"),
        ({"connection_string": "AccountKey=c2VjcmV0"}, "azure.connection_string"),
    ],
)
def test_an_account_that_cannot_be_opened_is_told_by_its_setting_and_no_value(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as error:
        storage_account(Azure(**settings))
    assert "c2VjcmV0" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "GET /c/b?sv=1&sig=c2VjcmV0%2B&se=2",
        "AccountName=x;AccountKey=c2VjcmV0/+==;EndpointSuffix=y",
        "{'api-key': 'c2VjcmV0'}",
        "Training-key: c2VjcmV0",
        "Authorization: Bearer c2VjcmV0.x.y-z",
    ],
)
def test_a_text_is_shown_without_its_secrets(text: str) -> None:
    assert "c2VjcmV0" in text
    assert "c2VjcmV0" not in redacted(text)
    assert "[hidden]" in redacted(text)
