"""Search index over Azure AI Search: an index per generation, an alias in front of the one that serves.

Belongs here: which index a write or a query goes to. Does not: making and changing indexes (`search_generations`, `search_pointer`), their
fields (`search_schema`), what is asked (`search_queries`, `search_answers`), patience and batches (`search_calls`).

Queries and writes go to indexes by name; the alias is for everybody else. An index that was deleted behind our back is made anew, under
another name, which puts every day behind: its documents are sent again.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from azure.core.credentials import AzureKeyCredential, TokenCredential
from azure.core.pipeline.transport import HttpTransport
from azure.search.documents import SearchClient
from azure.search.documents.indexes import SearchIndexClient
from typing_extensions import override

from imaging_assets.azure.search_answers import Answerer
from imaging_assets.azure.search_calls import Calls, Patience
from imaging_assets.azure.search_generations import Generations
from imaging_assets.azure.search_pointer import PointerBlob
from imaging_assets.azure.search_schema import to_json
from imaging_assets.errors import SearchIndexMissingError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.search_index import SearchIndex
from imaging_assets.ports.search_values import CheckedDocument, SearchSchema, check_documents, check_query, is_key
from imaging_assets.records.search import FIELDS, Document, DocumentResult, SearchAnswer, SearchField, SearchQuery

_T = TypeVar("_T")


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
        transport: What carries the calls, by default the SDK's own.
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
        transport: HttpTransport[Any, Any] | None = None,
    ) -> None:
        self._schema = SearchSchema(fields, dimensions, embedding_id)
        self._calls = Calls(endpoint, patience or Patience())
        how: dict[str, Any] = {"retry_total": 0} | ({"transport": transport} if transport else {})
        service = SearchIndexClient(endpoint, credential, **how)
        pointer_blob = PointerBlob(store, pointer)
        self._generations = Generations(service, self._calls, alias=alias, pointer=pointer_blob, schema=self._schema)
        self._open: Callable[[str], SearchClient] = lambda name: SearchClient(endpoint, name, credential, **how)
        self._clients: dict[str, tuple[SearchClient, SearchSchema]] = {}
        self._opening = threading.Lock()

    @property
    @override
    def generation(self) -> str:
        return self._generations.writers(now=False).writing

    @property
    @override
    def serving(self) -> str:
        return self._generations.readers().serving

    @property
    @override
    def settles_within_seconds(self) -> float:
        return self._calls.patience.settled

    @override
    def put(self, documents: Sequence[Document]) -> list[DocumentResult]:
        batch, results = check_documents(documents, self._schema)
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
        return self._generations.rebuild()

    @override
    def promote(self) -> None:
        self._generations.promote()

    @override
    def faults(self, *, repair: bool = False) -> list[str]:
        return self._generations.faults(repair=repair)

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
            pointer = self._generations.writers(now=True)
            missed = [name for name in dict.fromkeys((pointer.writing, pointer.serving)) if name not in done]
            if not missed:
                return errors
            for name in missed:
                try:
                    errors |= step(name)
                except SearchIndexMissingError:
                    self._generations.mend(pointer)
                    break
                done.add(name)

    def _ask(self, step: Callable[[str], _T], *, writing: bool = False) -> _T:
        while True:
            pointer = self._generations.writers(now=False) if writing else self._generations.readers()
            try:
                return step(pointer.writing if writing else pointer.serving)
            except SearchIndexMissingError:
                self._generations.mend(pointer)

    def _answerer(self, name: str) -> Answerer:
        client, schema = self._client(name)
        return Answerer(self._calls, client, schema, self._schema)

    def _client(self, name: str) -> tuple[SearchClient, SearchSchema]:
        """A client of an index, and the fields that it shares with the declared ones."""
        with self._opening:
            if name not in self._clients:
                self._clients[name] = (self._open(name), self._generations.schema_of(name))
            return self._clients[name]
