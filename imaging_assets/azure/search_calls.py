"""Calls of Azure AI Search: patience with a busy service, and batches whose every document is accounted for.

Belongs here: what is repeated, how long, and how batches are cut. Does not: what documents say, which index they go to.

The SDK's own retries are off: they leave out 429 of a batch without Retry-After. Its `SearchIndexingBufferedSender` is not used: when a
batch fails as a whole it keeps one document and forgets the others.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from azure.core.exceptions import AzureError, HttpResponseError
from azure.search.documents import IndexDocumentsBatch, SearchClient
from azure.search.documents.models import IndexingResult

from imaging_assets.azure.translation import said, search_errors, status_of
from imaging_assets.errors import SearchIndexError

MOST_DOCUMENTS = 1_000
MOST_BYTES = 15_000_000
"""The service takes 16 MB; the rest is room for the envelope."""

_ENVELOPE = 64
"""Bytes around each document."""

_BUSY = {408, 429, 500, 502, 503, 504}
_BUSY_DOCUMENT = {409, 422, 429, 503}
_REFUSED_BATCH = {400, 413}

_T = TypeVar("_T")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what.

    Attributes:
        tries: Of a call, or of a document that the service could not take just now.
        first_wait: Seconds before the second try; doubled each time, with jitter. `Retry-After` counts where it is given.
        longest_wait: Seconds at most between two tries.
        alias: Seconds until every part of the service follows a changed alias (Microsoft: up to 10).
        settled: Seconds after which an accepted write is taken to be visible.
    """

    tries: int = 6
    first_wait: float = 1.0
    longest_wait: float = 60.0
    alias: float = 10.0
    settled: float = 5.0

    def wait(self, attempt: int, asked: float | None = None) -> None:
        """Sleep before the try after `attempt` (0 is the first)."""
        grown = min(self.longest_wait, self.first_wait * 2**attempt) * random.uniform(0.75, 1.25)  # noqa: S311 - not for secrets
        time.sleep(grown if asked is None else min(asked, self.longest_wait))


class Calls:
    """Calls of one service.

    Args:
        endpoint: Named in errors.
    """

    def __init__(self, endpoint: str, patience: Patience) -> None:
        self.endpoint = endpoint
        self.patience = patience

    def call(self, doing: str, step: Callable[[], _T]) -> _T:
        """What `step` returns; repeated while the service is busy or cannot be reached.

        Raises:
            SearchIndexError: It stayed so, or refused; `doing` tells what was tried.
        """
        with search_errors(doing, self.endpoint):
            return self._patiently(step)

    def send(self, client: SearchClient, key: str, documents: Sequence[Row], *, delete: bool = False) -> dict[str, str]:
        """Let an index take (or delete) documents of different keys; returns what it refused, by key.

        Raises:
            SearchIndexError: The service cannot be reached or takes nothing at all.
        """
        errors: dict[str, str] = {}
        waiting = []
        for document in documents:
            if refused := _too_large(document):
                errors[document[key]] = refused
            else:
                waiting.append(document)
        send = partial(self._send_batch, client, key, delete)
        for attempt in range(self.patience.tries):
            busy: dict[str, str] = {}
            for batch in _batches(waiting):
                for name, (status, message) in send(batch).items():
                    (busy if status in _BUSY_DOCUMENT else errors)[name] = message
            waiting = [document for document in waiting if document[key] in busy]
            if not waiting:
                return errors
            if attempt + 1 < self.patience.tries:
                self.patience.wait(attempt)
        return errors | {name: f"{message} (tried {self.patience.tries} times)" for name, message in busy.items()}

    def _send_batch(self, client: SearchClient, key: str, delete: bool, batch: Sequence[Row]) -> dict[str, tuple[int, str]]:  # noqa: FBT001
        """Status and message of what was not taken; a batch that is refused as a whole is halved until the culprit is alone."""
        with search_errors(f"write {len(batch)} documents", self.endpoint):
            try:
                results = self._patiently(lambda: client.index_documents(_sdk_batch(batch, delete=delete)))
            except HttpResponseError as error:
                if error.status_code not in _REFUSED_BATCH:
                    raise
                if len(batch) == 1:
                    return {batch[0][key]: (400, f"Refused by the service: {said(error)}.")}
                refused = error
            else:
                return _not_taken([row[key] for row in batch], results)
        middle = len(batch) // 2
        halves = (batch[:middle], batch[middle:])
        errors = {name: told for half in halves for name, told in self._send_batch(client, key, delete, half).items()}
        if len(errors) == len(batch):
            raise SearchIndexError(
                f"{self.endpoint} refuses every document of a batch: {said(refused)}. "
                "Compare the index with `imaging-assets audit`, then run again."
            )
        return errors

    def _patiently(self, step: Callable[[], _T]) -> _T:
        renewed = False
        for attempt in range(self.patience.tries):
            try:
                return step()
            except AzureError as error:
                if attempt + 1 == self.patience.tries:
                    raise
                if status_of(error) == 401 and not renewed:
                    renewed = True  # the token ended on the way; the SDK has let it go and asks for the next one
                    continue
                if not _may_pass(error):
                    raise
                self.patience.wait(attempt, _asked_wait(error))
        raise AssertionError


def _may_pass(error: AzureError) -> bool:
    status = status_of(error)
    answered = isinstance(error, HttpResponseError) and error.response is not None
    return status in _BUSY if answered else not _is_about_us(error)


def _is_about_us(error: AzureError) -> bool:
    """No sign-in: asking again changes nothing."""
    return type(error).__name__ in {"CredentialUnavailableError", "ClientAuthenticationError"}


def _asked_wait(error: AzureError) -> float | None:
    response = error.response if isinstance(error, HttpResponseError) else None
    asked = getattr(response, "headers", {}).get("Retry-After")
    try:
        return float(asked) if asked else None
    except ValueError:
        return None


def _not_taken(keys: Sequence[str], results: Sequence[IndexingResult]) -> dict[str, tuple[int, str]]:
    """Status and message of each key that the service did not take; silence counts as "too busy"."""
    told = {result.key: result for result in results}
    missing = {key: (503, "The service did not say what became of it") for key in keys if key not in told}
    refused = {key: told[key] for key in keys if key in told and not told[key].succeeded}
    return missing | {
        key: (each.status_code, f"{each.status_code} {each.error_message or 'refused'}") for key, each in refused.items()
    }


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    size = 0
    for row in rows:
        length = _size(row)
        if batch and (len(batch) == MOST_DOCUMENTS or size + length > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += length
    if batch:
        yield batch


def _size(row: Row) -> int:
    return len(json.dumps(row)) + _ENVELOPE  # ASCII, as the SDK sends it


def _too_large(row: Row) -> str:
    size = _size(row)
    return f"Its {size} bytes are more than the service takes ({MOST_BYTES}). Shorten its texts." if size > MOST_BYTES else ""


def _sdk_batch(rows: Sequence[Row], *, delete: bool) -> IndexDocumentsBatch:
    batch = IndexDocumentsBatch()
    (batch.add_delete_actions if delete else batch.add_upload_actions)(list(rows))
    return batch
