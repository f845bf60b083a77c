"""Checks of `imaging-assets doctor` for storage and search: one real call per right, naming the role that is missing.

Belongs here: calls and their rows. Does not: Custom Vision and Vision (`doctor_vision.py`).

What a check writes has a name of its own and is deleted again; the landing place is only read.
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from uuid import uuid4

from azure.core.credentials import AzureKeyCredential, TokenCredential
from azure.search.documents import SearchClient
from azure.search.documents.indexes import SearchIndexClient
from azure.search.documents.indexes.models import SearchAlias, SearchFieldDataType, SearchIndex, SimpleField

from imaging_assets.azure.event_queue import StorageEventQueue
from imaging_assets.azure.search_calls import Calls, Patience
from imaging_assets.errors import BlobNotFoundError, ImagingError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.doctor import Finding, judged

_SIGN_IN = "and sign in (`az login`), or renew azure.account_key, azure.sas_token or azure.connection_string."
_READER = f"Give this identity the role 'Storage Blob Data Reader' {_SIGN_IN}"
_CONTRIBUTOR = f"Give this identity the role 'Storage Blob Data Contributor' {_SIGN_IN}"
_PROCESSOR = f"Give this identity the role 'Storage Queue Data Message Processor' on the queue {_SIGN_IN}"
_SENDER = f"Give this identity the role 'Storage Queue Data Message Sender' on the queue {_SIGN_IN}"
_SERVICE = "Give this identity the role 'Search Service Contributor', or set azure.search_key to an admin key."
_DATA = "Give this identity the role 'Search Index Data Contributor', or set azure.search_key to an admin key."

_PEEKED = 32


def storage(store: BlobStore, read: Sequence[str], written: Sequence[str]) -> list[Finding]:
    """Rights on each place.

    Args:
        read: Places that are only read.
        written: Places that are ours.
    """
    rows = [judged(f"blob: list and read {place}/", partial(_read, store, place), _READER) for place in read]
    rows += [judged(f"blob: write and delete {place}/", partial(_write, store, place), _CONTRIBUTOR) for place in written]
    return [_with_own_remedy(row) for row in rows]


def _with_own_remedy(row: Finding) -> Finding:
    """Where no right is missing, the error says better what to do."""
    about_rights = any(sign in row.detail for sign in ("401", "403", "Authoriz", "Authentic"))
    return row if row.state != "fail" or about_rights else Finding(row.what, row.state, row.detail)


def _read(store: BlobStore, place: str) -> str:
    folders = store.list_folders(f"{place}/")
    store.find(f"{place}/_doctor")  # a question about a blob's properties takes the right to read it
    return f"{len(folders)} folders" if folders else "nothing there yet"


def _write(store: BlobStore, place: str) -> str:
    path = f"{place}/_doctor/{uuid4().hex}"
    store.write(path, b"imaging-assets doctor")
    try:
        store.read(path)
    finally:
        store.delete(path)
    return "written, read, deleted"


def events(queue: StorageEventQueue) -> list[Finding]:
    """Rights on the queue of events and on the one beside it; no message is touched."""

    def look() -> str:
        waiting = queue.peek()
        queue.try_to_delete()
        return f"{waiting or 'no'} messages wait" if waiting < _PEEKED else f"{_PEEKED} messages and more wait"

    def poison() -> str:
        queue.try_to_set_aside()
        return "a message sent that goes by itself"

    return [
        _with_own_remedy(judged(f"queue: receive and delete {queue.name}", look, _PROCESSOR)),
        _with_own_remedy(judged(f"queue: send to {queue.name}-poison", poison, _SENDER)),
    ]


def search(
    endpoint: str, credential: AzureKeyCredential | TokenCredential, alias: str, store: BlobStore, pointer: str
) -> list[Finding]:
    """Rights on indexes, documents and aliases, and whether the index that serves is there."""
    service = SearchIndexClient(endpoint, credential, retry_total=0)
    calls = Calls(endpoint, Patience(tries=2))
    listed: list[str] = []

    def list_indexes() -> str:
        listed.extend(calls.call("list indexes", lambda: list(service.list_index_names())))
        return f"{len(listed)} indexes"

    rows = [_with_own_remedy(judged("search: list indexes", list_indexes, _SERVICE))]
    if rows[0].state == "fail":
        return rows
    rows.append(judged("search: index that serves", lambda: _serving(store, pointer, listed)))
    name = f"{alias[:40].rstrip('-')}-doctor-{uuid4().hex[:8]}"
    return rows + _on_an_index_of_our_own(service, calls, SearchClient(endpoint, name, credential, retry_total=0), name)


def _serving(store: BlobStore, pointer: str, listed: Sequence[str]) -> str | Finding:
    try:
        named = json.loads(store.read(pointer).data)
    except BlobNotFoundError:
        return "none yet; the first day makes it"
    if gone := sorted({named["serving"], named["writing"]} - set(listed)):
        remedy = "Run `imaging-assets audit --repair`, then `imaging-assets run`: every document is sent again."
        return Finding("search: index that serves", "fail", f"{', '.join(gone)} is gone", remedy)
    return str(named["serving"])


def _on_an_index_of_our_own(service: SearchIndexClient, calls: Calls, client: SearchClient, name: str) -> list[Finding]:
    fields = [SimpleField(name="id", type=SearchFieldDataType.STRING, key=True)]
    rows: list[Finding] = []

    def check(what: str, role: str, steps: Sequence[tuple[str, Callable[[], object]]]) -> bool:
        def look() -> str:
            for doing, step in steps:
                calls.call(doing, step)
            return "done and undone"

        rows.append(_with_own_remedy(judged(what, look, role)))
        return rows[-1].state == "ok"

    made = check(
        "search: make an index",
        _SERVICE,
        [("make an index", lambda: service.create_index(SearchIndex(name=name, fields=fields)))],
    )
    if not made:
        return rows
    check("search: write documents", _DATA, [("write a document", lambda: client.upload_documents([{"id": "doctor"}]))])
    check("search: read documents", _DATA, [("count documents", client.get_document_count)])
    front = SearchAlias(name=f"{name}-alias", indexes=[name])
    check(
        "search: point an alias",
        _SERVICE,
        [
            ("point an alias", lambda: service.create_or_update_alias(front)),
            ("delete an alias", lambda: service.delete_alias(front.name)),
        ],
    )
    try:
        calls.call("delete an index", lambda: service.delete_index(name))
    except ImagingError as error:
        rows.append(Finding("search: delete an index", "fail", str(error), f"Delete the index {name} in the portal. {_SERVICE}"))
    return rows
