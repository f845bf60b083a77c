"""Port: documents that can be searched by text, filter, facet, order and vector (SQLite here, Azure AI Search there).

An index is a row of *generations*. One serves queries; writers fill one. They are the same except while the schema changes
(a release, another embedding): then writers write to both until `promote` moves the queries over.

Promises:

- `put` and `delete` are idempotent by key and report per document; a rejected document does not spoil its batch.
- Nothing that a `put` or `delete` of any process reported as accepted is lost by a rebuild or promotion happening meanwhile.
- Local backends answer with a write as soon as `put` returns; a service may take seconds.
- `generation` differs for an index that was lost and made anew, so that its documents are sent again.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from imaging_assets.records.search import Document, DocumentResult, SearchAnswer, SearchQuery


class SearchIndex(ABC):
    """Search documents declared by `imaging_assets.records.search.FIELDS`."""

    @property
    @abstractmethod
    def generation(self) -> str:
        """Name of the generation that writers fill; made (with the index) on first use."""

    def known_generation(self) -> str:
        """As `generation`, or "" where that would make one; changes nothing."""
        return self.generation

    @property
    @abstractmethod
    def serving(self) -> str:
        """Name of the generation that answers queries; equals `generation` unless a rebuild is under way."""

    @property
    def settles_within_seconds(self) -> float:
        """After so long, every accepted write is seen by queries, `get` and `ids`."""
        return 0.0

    @abstractmethod
    def put(self, documents: Sequence[Document]) -> list[DocumentResult]:
        """Add or replace by key, any number of documents; one result each, in order."""

    @abstractmethod
    def delete(self, ids: Sequence[str]) -> list[DocumentResult]:
        """Delete by key; a key that is not there counts as deleted."""

    @abstractmethod
    def get(self, document_id: str) -> Document | None:
        """One document without its vector, or None."""

    @abstractmethod
    def query(self, query: SearchQuery) -> SearchAnswer:
        """A page of matches.

        Raises:
            QueryError: Unknown field, a field without that ability, or a bad page.
        """

    @abstractmethod
    def ids(self) -> Iterator[str]:
        """Keys of all documents of the writers' generation, sorted."""

    def faults(self, *, repair: bool = False) -> list[str]:
        """What is wrong with the index as a whole, in words; with `repair`, mended."""
        del repair
        return []

    @abstractmethod
    def rebuild(self) -> str:
        """Start a new, empty generation for writers; queries stay where they are. Returns its name."""

    @abstractmethod
    def promote(self) -> None:
        """Let the writers' generation serve and drop older ones; a no-op when it already serves."""
