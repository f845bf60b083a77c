"""From what Azure's SDK raises to `errors.py`: what failed, the service's own code and words, and what to do.

Belongs here: which code means what, the remedy, and taking secrets out of texts. Does not: retrying.

The original error is not shown as the cause: its text may hold an address with a signature, and Dagster keeps whole chains for ever.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from imaging_assets.errors import (
    BlobConflictError,
    BlobNameError,
    BlobNotFoundError,
    EventQueueError,
    ImagingError,
    SearchIndexError,
    SearchIndexMissingError,
    StoreUnavailableError,
)

_HIDDEN = "[hidden]"
_SECRETS = re.compile(
    r"(?i)((?:\bsig|AccountKey|SharedAccessSignature|api-key|(?:Training|Prediction)-key|Ocp-Apim-Subscription-Key)[\"']?\s*[=:]\s*[\"']?)"
    r"[^&;\s\"')]+|(\bBearer\s+)[\w.~+/=-]+"
)
_LONGEST = 300
_CODE = re.compile(r"^\(\w*\)\s*")
"""What the SDK puts before a message."""

_CONFLICTS = {"BlobAlreadyExists", "ConditionNotMet", "TargetConditionNotMet", "SourceConditionNotMet"}
_NO_BLOB = {"BlobNotFound", "ResourceNotFound", "CannotVerifyCopySource"}
_NO_CONTAINER = {"ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled"}
_NAMES = {"InvalidResourceName", "OutOfRangeInput", "InvalidUri"}


def redacted(text: str) -> str:
    """The text without keys, signatures and tokens."""
    return _SECRETS.sub(lambda found: f"{found[1] or found[2]}{_HIDDEN}", text)


@contextmanager
def store_errors(doing: str, path: str, container: str, account: str) -> Iterator[None]:
    """Raise what the blob service says as a `StoreError`.

    Raises:
        BlobNotFoundError, BlobConflictError, BlobNameError: As the port promises, naming `path`.
        StoreUnavailableError: Everything else; `doing` tells what was tried.
    """
    try:
        yield
    except AzureError as error:
        raise _store_error(error, doing, path, container, account) from None


def _store_error(error: AzureError, doing: str, path: str, container: str, account: str) -> ImagingError:
    status, code = status_of(error), code_of(error)
    if code in _NO_CONTAINER:
        return StoreUnavailableError(
            f"Cannot {doing}: there is no container {container!r} at {account}. Create it, or mend azure.container(s)."
        )
    if code in _CONFLICTS or (not code and status in (409, 412)):
        return BlobConflictError(path)
    if code in _NO_BLOB or (not code and status == 404):
        return BlobNotFoundError(path)
    if code in _NAMES:
        return BlobNameError(f"{path[:80]!r} cannot be a blob's path at {account} ({code}). Rename the file.")
    return StoreUnavailableError(f"Cannot {doing} at {account}: {said(error)}. {_store_remedy(error, status)}")


def _store_remedy(error: AzureError, status: int | None) -> str:
    if isinstance(error, ClientAuthenticationError) or status in (401, 403):
        return (
            "Give this identity the role 'Storage Blob Data Contributor' and sign in (`az login`), or renew azure.account_key, "
            "azure.sas_token or azure.connection_string."
        )
    if status is None:
        return "Check azure.account_url and the network, then run again."
    return "Run again in a few minutes; the days that are done stay done."


@contextmanager
def queue_errors(doing: str, queue: str, account: str) -> Iterator[None]:
    """Raise what the queue service says as an `EventQueueError`."""
    try:
        yield
    except AzureError as error:
        raise EventQueueError(f"Cannot {doing} at {account}: {said(error)}. {_queue_remedy(error, queue)}") from None


def _queue_remedy(error: AzureError, queue: str) -> str:
    status = status_of(error)
    if isinstance(error, ClientAuthenticationError) or status in (401, 403):
        return (
            "Give this identity the roles 'Storage Queue Data Message Processor' on the queue and 'Storage Queue Data Message Sender' "
            "and 'Storage Queue Data Reader' on the one that ends in -poison, or renew azure.account_key, azure.sas_token or "
            "azure.connection_string."
        )
    if code_of(error) == "QueueNotFound" or status == 404:
        return f"Make the queue {queue!r} in the storage account, or mend azure.event_queue."
    if status is None:
        return "Check azure.queue_url and the network, or set sensors.source to 'listing'."
    return "It is tried again at the next tick; meanwhile the landing place is listed."


@contextmanager
def search_errors(doing: str, endpoint: str) -> Iterator[None]:
    """Raise what the search service says as a `SearchIndexError`.

    Raises:
        SearchIndexMissingError: What is addressed is not there.
        SearchIndexError: Everything else.
    """
    try:
        yield
    except AzureError as error:
        status = status_of(error)
        kind = SearchIndexMissingError if status == 404 else SearchIndexError
        raise kind(f"Cannot {doing} at {endpoint}: {said(error)}. {_search_remedy(error, status)}") from None


@contextmanager
def pipeline_errors(doing: str, endpoint: str) -> Iterator[None]:
    """Raise what the search service says about data sources, skillsets and indexers as a `SearchIndexError`."""
    try:
        yield
    except AzureError as error:
        status = status_of(error)
        remedy = _search_remedy(error, status)
        if status == 412:
            remedy = "Somebody else changed it meanwhile; apply again."
        elif status in (400, 404, 409):
            remedy = "Mend what it names in the settings of search_pipeline, then apply again."
        raise SearchIndexError(f"Cannot {doing} at {endpoint}: {said(error)}. {remedy}") from None


def _search_remedy(error: AzureError, status: int | None) -> str:
    if isinstance(error, ClientAuthenticationError) or status in (401, 403):
        return (
            "Give this identity the roles 'Search Service Contributor' and 'Search Index Data Contributor' and sign in "
            "(`az login`), or set azure.search_key to an admin key."
        )
    if status is None:
        return "Check azure.search_endpoint and the network, then run again."
    if status == 429:
        return (
            "The service allows no more indexes or requests: delete indexes that nobody uses, or raise its tier, then run again."
        )
    if status in (400, 404, 409, 412, 413):
        return "Look at the index with `imaging-assets audit`, then run again."
    return "Run again in a few minutes; to send a document twice changes nothing."


def status_of(error: AzureError) -> int | None:
    """The HTTP status, or None when no answer came."""
    return error.status_code if isinstance(error, HttpResponseError) else None


def code_of(error: AzureError) -> str:
    """The service's own name of the error, or ""."""
    code = getattr(error, "error_code", None) or getattr(getattr(error, "error", None), "code", None) or ""
    return str(getattr(code, "value", code))


def said(error: AzureError) -> str:
    """One line: status, code and the first sentence of what the service or the network said, without secrets."""
    status, code = status_of(error), code_of(error)
    head = " ".join(str(part) for part in (status, code) if part)
    lines = (error.message or "").strip().splitlines() or [type(error).__name__]
    words = redacted(_CODE.sub("", lines[0]))[:_LONGEST].rstrip(" .")
    return f"{head} ({words})" if head else words
