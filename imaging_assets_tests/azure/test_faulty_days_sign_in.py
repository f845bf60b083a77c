"""Whole days on which keys are wrong and tokens end: the day goes on with the next token, or stops and names what would open.

Belongs here: signing in to Custom Vision and AI Search. Does not: what else befalls them (`test_faulty_days_custom_vision.py`,
`test_faulty_days_search.py`), the account's keys (`test_faulty_days_storage.py`).
"""

# --- signing in

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken, AzureKeyCredential

from imaging_assets.errors import AccessDeniedError, SearchIndexError
from imaging_assets_tests.azure.certificate import Tokens, a_certificate
from imaging_assets_tests.azure.search_server.server import AUDIENCE, Fault
from imaging_assets_tests.azure.test_search_faults import INDEX
from imaging_assets_tests.azure.whole_day import WholeDay, a_whole_day, cases, work


@pytest.fixture
def day(tmp_path: Path) -> Iterator[WholeDay]:
    with a_whole_day(tmp_path) as made:
        yield made


@pytest.fixture
def secure_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WholeDay]:
    """Search speaks HTTPS, without which the SDK sends no token."""
    certificate = a_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.certificate))
    with a_whole_day(tmp_path / "home", certificate=certificate) as made:
        yield made


class ShortLivedTokens:
    """An identity and what it opens: each token ends after ten uses, and is replaced when its end was met."""

    def __init__(self) -> None:
        self.uses: Counter[str] = Counter()
        self.ended: set[str] = set()

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        """The one of now."""
        del scopes
        return AccessToken(f"token {len(self.ended)}", 0)

    def __contains__(self, token: str) -> bool:
        self.uses[token] += 1
        if self.uses[token] > 10:
            self.ended.add(token)
        return token not in self.ended


def test_a_day_whose_tokens_end_on_the_way_completes_with_the_next_ones(day: WholeDay) -> None:
    identity = ShortLivedTokens()
    day.vision.valid_tokens = identity  # type: ignore[assignment]

    work(day.open(vision=identity))

    assert len(identity.ended) >= 3
    assert day.differences() == []


WRONG: dict[str, dict[str, Any]] = {
    "training key": {"training_key": "wrong"},
    "prediction key": {"prediction_key": "wrong"},
    "token": {"vision": ShortLivedTokens()},
}


@pytest.mark.parametrize("wrong", cases(WRONG, "training key"))
def test_a_day_that_custom_vision_does_not_let_in_says_what_would_open_and_the_next_run_goes_on(
    wrong: dict[str, Any], day: WholeDay
) -> None:
    with pytest.raises(AccessDeniedError) as caught:
        work(day.open(**wrong))
    assert "Renew custom_vision.training_key and custom_vision.prediction_key" in str(caught.value)
    assert str(caught.value).endswith("'Cognitive Services Custom Vision Contributor' and an endpoint that has its own name.")

    work(day.open())

    assert day.differences() == []


def test_a_day_on_which_search_finds_the_token_ended_at_every_kind_of_call_completes_with_the_next_ones(
    secure_day: WholeDay,
) -> None:
    identity = Tokens(AUDIENCE, lives=3600)
    calls = ("GET /aliases", "PUT /indexes", "PUT /aliases", INDEX)
    secure_day.search.faults = [Fault(call, 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}) for call in calls]

    work(secure_day.open(search=identity))

    assert [fault.times for fault in secure_day.search.faults] == [0] * len(calls)
    assert len(identity.given) > len(calls)
    assert secure_day.differences() == []


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["key", "token"])
def test_a_day_that_search_does_not_let_in_says_what_would_open_and_the_next_run_goes_on(
    wrong: str, secure_day: WholeDay
) -> None:
    credential = AzureKeyCredential("wrong") if wrong == "key" else Tokens(AUDIENCE, lives=-60)
    with pytest.raises(SearchIndexError) as caught:
        work(secure_day.open(search=credential))
    assert "Give this identity the roles 'Search Service Contributor' and 'Search Index Data Contributor'" in str(caught.value)
    assert str(caught.value).endswith("or set azure.search_key to an admin key.")

    work(secure_day.open())

    assert secure_day.differences() == []
