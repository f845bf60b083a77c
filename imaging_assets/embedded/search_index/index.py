"""The port: which generations a write goes to and which one answers.

Belongs here: generations, rebuild and promotion. Does not: SQL (`generation`, `questions`).

A write reads the pointer, goes to every generation that it names, and reads it again after the commit: where a rebuild or a
promotion came between, the write is repeated in the generations that it missed. A file that vanished meanwhile is no error.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from typing_extensions import override

from imaging_assets.embedded.search_index.generation import Generation
from imaging_assets.embedded.search_index.pointer import Pointer, PointerFile, digest_of, new_name
from imaging_assets.embedded.search_index.schema import Schema
from imaging_assets.errors import SearchIndexError
from imaging_assets.ports.search_index import SearchIndex
from imaging_assets.ports.search_values import check_documents, check_query
from imaging_assets.records.search import FIELDS, Document, DocumentResult, SearchAnswer, SearchField, SearchQuery

_T = TypeVar("_T")


class SqliteSearchIndex(SearchIndex):
    """An index in `folder`, made on first use; safe from threads and shared by processes.

    Args:
        folder: On a local disk (SQLite's write-ahead log needs shared memory).
        dimensions: Length of the vectors.
        embedding_id: What made the vectors; another one is another schema.
        fields: The schema.
    """

    def __init__(
        self, folder: Path, *, dimensions: int, embedding_id: str = "", fields: tuple[SearchField, ...] = FIELDS
    ) -> None:
        self._schema = Schema(fields, dimensions, embedding_id)
        self._pointer_file = PointerFile(folder)
        self._open: dict[str, Generation] = {}
        self._opening = threading.Lock()

    @property
    @override
    def generation(self) -> str:
        return self._writers_pointer().writing

    @property
    @override
    def serving(self) -> str:
        return self._pointer().serving

    @override
    def known_generation(self) -> str:
        pointer = self._pointer_file.read()
        return pointer.writing if pointer and self._is_declared(pointer) else ""

    @override
    def put(self, documents: Sequence[Document]) -> list[DocumentResult]:
        batch, results = check_documents(documents, self._schema)
        self._write(lambda generation: generation.put(batch))
        return results

    @override
    def delete(self, ids: Sequence[str]) -> list[DocumentResult]:
        self._write(lambda generation: generation.delete(ids))
        return [DocumentResult(key) for key in ids]

    @override
    def get(self, document_id: str) -> Document | None:
        return self._ask(lambda generation: generation.get(document_id), lambda: self.serving)

    @override
    def query(self, query: SearchQuery) -> SearchAnswer:
        check_query(query, self._schema)
        return self._ask(lambda generation: generation.query(query), lambda: self.serving)

    @override
    def ids(self) -> Iterator[str]:
        return iter(self._ask(Generation.keys, lambda: self.generation))

    @override
    def rebuild(self) -> str:
        self._pointer()
        with self._pointer_file.lock():
            pointer = self._pointer_file.read()
            writing = self._new_generation()
            self._pointer_file.write(Pointer(pointer.serving if pointer else writing, writing))
        return writing

    @override
    def promote(self) -> None:
        self._pointer()
        with self._pointer_file.lock():
            pointer = self._pointer_file.read()
            if pointer and pointer.serving != pointer.writing:
                self._pointer_file.write(Pointer(pointer.writing, pointer.writing))

    def _write(self, step: Callable[[Generation], None]) -> None:
        done: set[str] = set()
        while True:
            pointer = self._writers_pointer()
            missed = [name for name in dict.fromkeys((pointer.writing, pointer.serving)) if name not in done]
            if not missed:
                return
            for name in missed:
                try:
                    step(self._generation(name))
                except SearchIndexError:
                    if self._pointer_file.read() == pointer:
                        raise
                    break
                done.add(name)

    def _ask(self, step: Callable[[Generation], _T], choose: Callable[[], str]) -> _T:
        while True:
            name = choose()
            try:
                return step(self._generation(name))
            except SearchIndexError:
                # A promotion may have dropped the file after it was chosen.
                if choose() == name:
                    raise

    def _pointer(self) -> Pointer:
        """The pointer as it is; an index that is not there is made."""
        return self._pointer_file.read() or self._make(lambda pointer: pointer is not None)

    def _writers_pointer(self) -> Pointer:
        """A pointer whose writers' generation has the declared schema; else a rebuild begins."""
        pointer = self._pointer_file.read()
        return pointer if pointer and self._is_declared(pointer) else self._make(self._is_declared)

    def _is_declared(self, pointer: Pointer) -> bool:
        return digest_of(pointer.writing) == self._schema.digest

    def _make(self, good: Callable[[Pointer], bool]) -> Pointer:
        with self._pointer_file.lock():
            pointer = self._pointer_file.read()
            if pointer and good(pointer):
                return pointer
            writing = self._new_generation()
            made = Pointer(pointer.serving if pointer else writing, writing)
            self._pointer_file.write(made)
            return made

    def _new_generation(self) -> str:
        name = new_name(self._schema.digest)
        Generation.create(self._pointer_file.file(name), self._schema)
        return name

    def _generation(self, name: str) -> Generation:
        """Open a generation once; let go of those that the pointer names no more."""
        with self._opening:
            if name not in self._open:
                for other in [other for other in self._open if not self._pointer_file.file(other).exists()]:
                    self._open.pop(other).close()
                self._open[name] = Generation(self._pointer_file.file(name), self._schema)
            return self._open[name]
