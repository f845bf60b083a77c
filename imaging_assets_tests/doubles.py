"""Ports around a real one, for tests: some pass everything on, one counts what is asked of it, one is killed after so many changes.

Belongs here: what watches or breaks a port. Does not: a store of its own, which the embedded one is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from threading import Lock

from typing_extensions import override

from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.catalog import Catalog
from imaging_assets.ports.search_index import SearchIndex
from imaging_assets.records.catalog import CatalogRow, SqlAnswer
from imaging_assets.records.images import Blob, BlobInfo
from imaging_assets.records.search import Document, DocumentResult, SearchAnswer, SearchQuery
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Manifests


def over(pipeline: Pipeline, store: BlobStore) -> Pipeline:
    """The same pipeline over another store, usually a double around its own."""
    return replace(pipeline, store=store, manifests=Manifests(store, pipeline.places.manifests))


class ForwardingBlobStore(BlobStore):
    """Passes everything on; a double overrides what it is about."""

    def __init__(self, inner: BlobStore) -> None:
        self.inner = inner

    @override
    def list_blobs(self, prefix: str = "") -> Iterator[BlobInfo]:
        return self.inner.list_blobs(prefix)

    @override
    def list_folders(self, prefix: str = "") -> list[str]:
        return self.inner.list_folders(prefix)

    @override
    def list_files(self, prefix: str = "") -> list[BlobInfo]:
        return self.inner.list_files(prefix)

    @override
    def find(self, path: str) -> BlobInfo | None:
        return self.inner.find(path)

    @override
    def read(self, path: str) -> Blob:
        return self.inner.read(path)

    @override
    def write(self, path: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> BlobInfo:
        return self.inner.write(path, data, if_match=if_match, if_absent=if_absent)

    @override
    def copy(self, source: str, target: str, *, if_match: str | None = None) -> BlobInfo:
        return self.inner.copy(source, target, if_match=if_match)

    @override
    def delete(self, path: str) -> bool:
        return self.inner.delete(path)

    @override
    def signed_url(self, path: str, valid_for: timedelta) -> str:
        return self.inner.signed_url(path, valid_for)


class ForwardingSearchIndex(SearchIndex):
    """Passes everything on; a double overrides what it is about."""

    def __init__(self, inner: SearchIndex) -> None:
        self.inner = inner

    @property
    @override
    def generation(self) -> str:
        return self.inner.generation

    @override
    def known_generation(self) -> str:
        return self.inner.known_generation()

    @property
    @override
    def serving(self) -> str:
        return self.inner.serving

    @property
    @override
    def settles_within_seconds(self) -> float:
        return self.inner.settles_within_seconds

    @override
    def put(self, documents: Sequence[Document]) -> list[DocumentResult]:
        return self.inner.put(documents)

    @override
    def delete(self, ids: Sequence[str]) -> list[DocumentResult]:
        return self.inner.delete(ids)

    @override
    def get(self, document_id: str) -> Document | None:
        return self.inner.get(document_id)

    @override
    def query(self, query: SearchQuery) -> SearchAnswer:
        return self.inner.query(query)

    @override
    def ids(self) -> Iterator[str]:
        return self.inner.ids()

    @override
    def faults(self, *, repair: bool = False) -> list[str]:
        return self.inner.faults(repair=repair)

    @override
    def rebuild(self) -> str:
        return self.inner.rebuild()

    @override
    def promote(self) -> None:
        self.inner.promote()


class ForwardingCatalog(Catalog):
    """Passes everything on; a double overrides what it is about."""

    def __init__(self, inner: Catalog) -> None:
        self.inner = inner

    @property
    @override
    def catalog_id(self) -> str:
        return self.inner.catalog_id

    @override
    def known_id(self) -> str:
        return self.inner.known_id()

    @override
    def write(self, rows: Sequence[CatalogRow], gone: Sequence[str]) -> None:
        self.inner.write(rows, gone)

    @override
    def query(self, sql: str) -> SqlAnswer:
        return self.inner.query(sql)


class CountingBlobStore(ForwardingBlobStore):
    """Passes everything on and remembers the paths, in order.

    Attributes:
        reads: Paths whose bytes were asked for.
        writes: Paths written, and the targets of copies.
        copies: Sources of copies.
        deletes: Paths deleted.
    """

    def __init__(self, inner: BlobStore) -> None:
        super().__init__(inner)
        self.reads: list[str] = []
        self.writes: list[str] = []
        self.copies: list[str] = []
        self.deletes: list[str] = []

    def reads_below(self, prefix: str) -> list[str]:
        """Reads of paths that start with `prefix`, sorted, for threads finish in any order."""
        return sorted(path for path in self.reads if path.startswith(prefix))

    @override
    def read(self, path: str) -> Blob:
        self.reads.append(path)
        return self.inner.read(path)

    @override
    def write(self, path: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> BlobInfo:
        self.writes.append(path)
        return self.inner.write(path, data, if_match=if_match, if_absent=if_absent)

    @override
    def copy(self, source: str, target: str, *, if_match: str | None = None) -> BlobInfo:
        self.copies.append(source)
        self.writes.append(target)
        return self.inner.copy(source, target, if_match=if_match)

    @override
    def delete(self, path: str) -> bool:
        self.deletes.append(path)
        return self.inner.delete(path)


class FailingBlobStore(ForwardingBlobStore):
    """Lets so many changes through; every write, copy and delete after them raises, as if the process had been killed.

    Attributes:
        changes: Changes that went through.
    """

    def __init__(self, inner: BlobStore, fail_after_changes: int) -> None:
        super().__init__(inner)
        self.fail_after_changes = fail_after_changes
        self.changes = 0
        self._lock = Lock()

    def _allow(self) -> None:
        with self._lock:
            if self.changes >= self.fail_after_changes:
                raise RuntimeError("killed")
            self.changes += 1

    @override
    def write(self, path: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> BlobInfo:
        self._allow()
        return self.inner.write(path, data, if_match=if_match, if_absent=if_absent)

    @override
    def copy(self, source: str, target: str, *, if_match: str | None = None) -> BlobInfo:
        self._allow()
        return self.inner.copy(source, target, if_match=if_match)

    @override
    def delete(self, path: str) -> bool:
        self._allow()
        return self.inner.delete(path)
