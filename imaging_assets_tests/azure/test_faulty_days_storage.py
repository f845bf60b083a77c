"""Whole days whose Blob Storage fails on the way: the day completes, or stops with the remedy and the next run ends as if it had not.

Belongs here: what a day makes of the faults. Does not: the store's own (`test_azure_blob_store.py`), other writers
(`test_faulty_days_conflicts.py`).
"""

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from imaging_assets.azure.blob_store import AzureBlobStore
from imaging_assets.errors import StoreUnavailableError
from imaging_assets_tests.azure.azurite import KEY, a_name, azurite, start
from imaging_assets_tests.azure.certificate import Tokens, a_certificate
from imaging_assets_tests.azure.faulty_line import Fault, FaultyLine, a_faulty_line
from imaging_assets_tests.azure.test_azure_blob_store import QUICK
from imaging_assets_tests.azure.whole_day import WholeDay, a_whole_day, work

# The SDK repeats a request without reading the refusal of the one before, whose socket is left to the garbage collector.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:unclosed <s:ResourceWarning")]

ROLE = "renew azure.account_key, azure.sas_token or azure.connection_string."
MINUTES = "Run again in a few minutes; the days that are done stay done."
NETWORK = "Check azure.account_url and the network, then run again."


def store_at(endpoint: str, container: str, credential: Any = KEY) -> AzureBlobStore:
    return AzureBlobStore(BlobServiceClient(endpoint, credential=credential, retry_policy=QUICK), container)


@dataclass(frozen=True)
class Account:
    """A day that lies in a container of Azurite, and the faulty line to it."""

    day: WholeDay
    line: FaultyLine
    container: str

    def work(self, credential: Any = KEY) -> None:
        """The whole day, over the line."""
        work(self.day.open(store=store_at(self.line.endpoint, self.container, credential)))


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    container = a_name()
    direct = store_at(azurite(), container)
    direct.create()
    with a_faulty_line(azurite()) as line, a_whole_day(tmp_path, store=direct) as day:
        yield Account(day, line, container)
    gc.collect()  # while such warnings are ignored


PASSING = {
    "503 of everything": Fault(status=503, code="ServerBusy"),
    "503 with Retry-After of what is written": Fault("PUT", 503, "ServerBusy", {"Retry-After": "0"}),
    "500 of everything": Fault(status=500, code="OperationTimedOut"),
    "cut of everything": Fault(),
    "cut after each change was done": Fault("PUT|DELETE", late=True),
    "cut mid-body of what is read": Fault(
        r"GET .*(/0[0-3]\.jpg|labels\.csv|raw_images/2|splits\.parquet|custom_vision\.json)", late=True
    ),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_day_whose_every_request_fails_once_completes(fault: Fault, account: Account) -> None:
    account.line.faults = [fault]

    account.work()

    assert account.line.met.total() > 7
    assert account.day.differences() == []


@dataclass(frozen=True)
class Stop:
    """What stops a day, and what is said at the end of the line."""

    fault: Fault
    remedy: str


STOPS = {
    "503 of resized images": Stop(Fault("PUT .*/resized/", 503, "ServerBusy", times=1000), MINUTES),
    "429, which the SDK does not repeat": Stop(Fault("GET .*/scores/", 429, "TooManyRequests"), MINUTES),
    "cut mid-body of a manifest": Stop(Fault("GET .*/tagged_manifests/2", late=True, times=1000), NETWORK),
    "cut of the list of models": Stop(Fault("GET .*prefix=models", times=1000), NETWORK),
    "403 of a signature that ended": Stop(Fault("PUT .*/scores/", 403, "AuthenticationFailed", times=1000), ROLE),
}


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_a_day_that_is_stopped_says_what_to_do_and_the_next_run_ends_where_an_undisturbed_one_does(
    stop: Stop, account: Account
) -> None:
    account.line.faults = [stop.fault]
    with pytest.raises(StoreUnavailableError) as caught:
        account.work()
    assert str(caught.value).endswith(stop.remedy)
    account.line.faults.clear()

    account.work()

    assert account.day.differences() == []


def test_a_day_with_a_wrong_key_says_so_and_the_next_run_goes_on_with_the_right_one(account: Account) -> None:
    with pytest.raises(StoreUnavailableError) as caught:
        account.work(KEY[::-1].strip("=") + "==")
    assert str(caught.value).endswith(ROLE)

    account.work()

    assert account.day.differences() == []


def test_a_day_whose_token_has_ended_at_every_request_completes_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = a_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.certificate))
    options = ("--oauth", "basic", "--cert", str(certificate.certificate), "--key", str(certificate.key))
    endpoint, _ = start(*options, scheme="https")
    identity, container = Tokens("https://storage.azure.com", lives=3600), a_name()
    direct = store_at(endpoint, container, identity)
    direct.create()
    challenge = (
        "Bearer authorization_uri=https://login.microsoftonline.com/tenant/oauth2/authorize resource_id=https://storage.azure.com"
    )
    with a_faulty_line(endpoint, certificate) as line, a_whole_day(tmp_path / "home", store=direct) as day:
        line.faults = [Fault(status=401, code="InvalidAuthenticationInfo", headers={"WWW-Authenticate": challenge})]
        given = len(identity.given)

        Account(day, line, container).work(identity)

        assert len(identity.given) - given >= line.met.total() > 100
        assert day.differences() == []
    gc.collect()
