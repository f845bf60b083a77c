"""Search index over Azure AI Search: an index per generation, an alias in front of the one that serves.

Belongs here: the port, generations, rebuild and promotion. Does not: definitions (`search_schema`), queries (`search_queries`), patience
and batches (`search_calls`), the pointer (`search_pointer`).

An index is called `<alias>-<hash of its schema>-<when and at random>`. Queries and writes go to indexes by name; the alias is for everybody
else, and is moved before the pointer, so that what it names is always there. An index that was deleted behind our back is made anew,
under another name, which puts every day behind: its documents are sent again.
"""

import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from azure.core.credentials import AzureKeyCredential, TokenCredential
from azure.search.documents import SearchClient
from azure.search.documents.indexes import SearchIndexClient
from azure.search.documents.indexes.models import SearchAlias
from typing_extensions import override

from imaging_assets.azure.search_answers import Answerer
from imaging_assets.azure.search_calls import Calls, Patience
from imaging_assets.azure.search_pointer import Pointer, PointerBlob
from imaging_assets.azure.search_schema import definition, digest_of, shared_with, to_json
from imaging_assets.errors import SearchIndexError, SearchIndexMissingError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.search_index import SearchIndex
from imaging_assets.ports.search_values import CheckedDocument, SearchSchema, ValueRejected, check_document, check_query, is_key
from imaging_assets.records.search import FIELDS, Document, DocumentResult, SearchAnswer, SearchField, SearchQuery

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class AzureAISearchIndex(SearchIndex):
    """An index behind an alias, made on first use; safe from threads and shared by processes.

    Args:
        endpoint: Of the service.
        credential: An admin key, or an identity with the roles Search Service Contributor and Search Index Data Contributor.
        alias: Its name, and the beginning of its indexes' names.
        store: Keeps the pointer ...
        pointer: ... at this path.
        dimensions: Length of the vectors.
        embedding_id: What made the vectors; another one is another schema.
        fields: The schema.
        patience: How long to wait for what.
    """

    def __init__(
        self,
        endpoint: str,
        credential: AzureKeyCredential | TokenCredential,
        *,
        alias: str,
        store: BlobStore,
        pointer: str,
        dimensions: int,
        embedding_id: str = "",
        fields: tuple[SearchField, ...] = FIELDS,
        patience: Patience | None = None,
    ) -> None:
        self._schema = SearchSchema(fields, dimensions, embedding_id)
        self._digest = digest_of(self._schema)
        self._alias = alias
        self._patience = patience or Patience()
        self._calls = Calls(endpoint, self._patience)
        self._service = SearchIndexClient(endpoint, credential, retry_total=0)
        self._open: Callable[[str], SearchClient] = lambda name: SearchClient(endpoint, name, credential, retry_total=0)
        self._clients: dict[str, tuple[SearchClient, SearchSchema]] = {}
        self._opening = threading.Lock()
        self._pointer = PointerBlob(store, pointer)

    @property
    @override
    def generation(self) -> str:
        return self._writers_pointer(self._pointer.glance).writing

    @property
    @override
    def serving(self) -> str:
        return (self._pointer.glance() or self._make(lambda _: True)).serving

    @property
    @override
    def settles_within_seconds(self) -> float:
        return self._patience.settled

    @override
    def put(self, documents: Sequence[Document]) -> list[DocumentResult]:
        accepted: dict[str, CheckedDocument] = {}
        results = []
        for document in documents:
            try:
                checked = check_document(document, self._schema)
            except ValueRejected as error:
                key = document.get(self._schema.key)
                results.append(DocumentResult(key if isinstance(key, str) else "", str(error)))
            else:
                accepted[checked.key] = checked
                results.append(DocumentResult(checked.key))
        batch = list(accepted.values())
        errors = self._write(lambda name: self._put(name, batch)) if batch else {}
        return [result if result.error else DocumentResult(result.id, errors.get(result.id, "")) for result in results]

    @override
    def delete(self, ids: Sequence[str]) -> list[DocumentResult]:
        # A key that no document can have is not there.
        keys = [key for key in dict.fromkeys(ids) if is_key(key)]
        errors = self._write(lambda name: self._delete(name, keys)) if keys else {}
        return [DocumentResult(key, errors.get(key, "")) for key in ids]

    @override
    def get(self, document_id: str) -> Document | None:
        return self._ask(lambda name: self._answerer(name).get(document_id)) if is_key(document_id) else None

    @override
    def query(self, query: SearchQuery) -> SearchAnswer:
        check_query(query, self._schema)
        return self._ask(lambda name: self._answerer(name).answer(query))

    @override
    def ids(self) -> Iterator[str]:
        last = ""
        while page := self._ask(lambda name, after=last: self._answerer(name).keys_after(after), writing=True):  # type: ignore[misc]
            yield from page
            last = page[-1]

    @override
    def rebuild(self) -> str:
        while True:
            before = self._pointer.read() or self._make(lambda _: True)
            writing = self._new_index()
            if self._pointer.replace(Pointer(before.serving, writing)):
                if before.writing != before.serving:
                    self._drop(before.writing)
                return writing
            self._drop(writing)

    @override
    def promote(self) -> None:
        pointer = self._pointer.read() or self._make(lambda _: True)
        if pointer.serving == pointer.writing:
            return
        self._patience.wait(0, self._patience.settled)  # what was accepted last is visible by then
        self._point_alias(pointer.writing)
        self._patience.wait(0, self._patience.alias)
        if self._pointer.replace(Pointer(pointer.writing, pointer.writing)):
            self._drop(pointer.serving)
        elif now := self._pointer.read():  # a rebuild began meanwhile
            self._point_alias(now.serving)

    def leftovers(self) -> list[str]:
        """Indexes of this alias that the pointer does not name: a crash, or a service that refused to delete them, left them."""
        pointer = self._pointer.read()
        named = {pointer.serving, pointer.writing} if pointer else set()
        return sorted(name for name in self._names() if name not in named)

    def _put(self, name: str, batch: Sequence[CheckedDocument]) -> dict[str, str]:
        client, schema = self._client(name)
        return self._calls.send(client, self._schema.key, [to_json(checked, schema) for checked in batch])

    def _delete(self, name: str, keys: Sequence[str]) -> dict[str, str]:
        rows = [{self._schema.key: key} for key in keys]
        return self._calls.send(self._client(name)[0], self._schema.key, rows, delete=True)

    def _write(self, step: Callable[[str], dict[str, str]]) -> dict[str, str]:
        """Errors by key. The pointer is read again afterwards: where a rebuild began meanwhile, its index gets the write, too."""
        errors: dict[str, str] = {}
        done: set[str] = set()
        while True:
            pointer = self._writers_pointer(self._pointer.read)
            missed = [name for name in dict.fromkeys((pointer.writing, pointer.serving)) if name not in done]
            if not missed:
                return errors
            for name in missed:
                try:
                    errors |= step(name)
                except SearchIndexMissingError:
                    self._mend(pointer)
                    break
                done.add(name)

    def _ask(self, step: Callable[[str], _T], *, writing: bool = False) -> _T:
        while True:
            glance = self._pointer.glance
            pointer = self._writers_pointer(glance) if writing else glance() or self._make(lambda _: True)
            try:
                return step(pointer.writing if writing else pointer.serving)
            except SearchIndexMissingError:
                self._mend(pointer)

    def _writers_pointer(self, read: Callable[[], Pointer | None]) -> Pointer:
        """A pointer whose writers' index has the declared schema; else a rebuild begins."""
        pointer = read()
        return pointer if pointer and self._is_declared(pointer) else self._make(self._is_declared)

    def _is_declared(self, pointer: Pointer) -> bool:
        return self._has_digest(pointer.writing)

    def _has_digest(self, name: str) -> bool:
        return name.startswith(f"{self._alias}-{self._digest}-")

    def _make(self, good: Callable[[Pointer], bool]) -> Pointer:
        """A good pointer; where there is none at all, the index that the alias names is taken over."""
        while True:
            pointer = self._pointer.read()
            if pointer and good(pointer):
                return pointer
            serving = pointer.serving if pointer else self._alias_target()
            adopted = serving if serving and not pointer and self._has_digest(serving) else None
            writing = adopted or self._new_index()
            made = Pointer(serving or writing, writing)
            if self._pointer.replace(made):
                if serving is None:
                    self._point_alias(writing)
                return made
            if not adopted:
                self._drop(writing)

    def _mend(self, seen: Pointer) -> None:
        """Put new indexes in the place of those that are gone, unless somebody did.

        Raises:
            SearchIndexError: None is gone: the service contradicts itself.
        """
        if self._pointer.read() != seen:
            return
        there = set(self._names())
        gone = {seen.writing, seen.serving} - there
        if not gone:
            raise SearchIndexError(
                f"{self._calls.endpoint} lists the index {seen.serving!r} and does not find it. Run again in a few minutes."
            )
        writing = self._new_index() if seen.writing in gone else seen.writing
        serving = writing if seen.serving in gone else seen.serving
        if self._pointer.replace(Pointer(serving, writing)):
            _log.warning("Index %s is gone from %s; documents are sent again", ", ".join(sorted(gone)), self._calls.endpoint)
            if serving != seen.serving:
                self._point_alias(serving)
        elif writing != seen.writing:
            self._drop(writing)

    def _new_index(self) -> str:
        name = f"{self._alias}-{self._digest}-{datetime.now(UTC):%Y%m%d%H%M%S}{secrets.token_hex(2)}"
        self._calls.call(f"make index {name!r}", lambda: self._service.create_index(definition(name, self._schema)))
        return name

    def _drop(self, name: str) -> None:
        """Delete an index that nobody needs; where that fails, `leftovers` tells of it."""
        try:
            self._calls.call(f"delete index {name!r}", lambda: self._service.delete_index(name))
        except SearchIndexError as error:
            _log.warning("%s", error)

    def _names(self) -> list[str]:
        names = self._calls.call("list indexes", lambda: list(self._service.list_index_names()))
        return [name for name in names if name.startswith(f"{self._alias}-")]

    def _alias_target(self) -> str | None:
        try:
            alias = self._calls.call(f"look for alias {self._alias!r}", lambda: self._service.get_alias(self._alias))
        except SearchIndexMissingError:
            return None
        return alias.indexes[0]

    def _point_alias(self, name: str) -> None:
        alias = SearchAlias(name=self._alias, indexes=[name])
        self._calls.call(f"point alias {self._alias!r} to {name!r}", lambda: self._service.create_or_update_alias(alias))

    def _answerer(self, name: str) -> Answerer:
        client, schema = self._client(name)
        return Answerer(self._calls, client, schema, self._schema)

    def _client(self, name: str) -> tuple[SearchClient, SearchSchema]:
        """A client of an index, and the fields that it shares with the declared ones."""
        with self._opening:
            if name not in self._clients:
                schema = self._schema
                if not self._has_digest(name):
                    there = self._calls.call(f"look at index {name!r}", lambda: self._service.get_index(name))
                    schema = shared_with(self._schema, there)
                self._clients[name] = (self._open(name), schema)
            return self._clients[name]
