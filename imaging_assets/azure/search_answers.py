"""Pages, counts, facets and single documents of one index.

Belongs here: which requests a query takes, and what their answers mean. Does not: their words (`search_queries`).

A query is one request. One ranked by likeness takes a second for the count and the facets of all matches, because the service counts
only the nearest; and a third for the highlights where it has a text, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from azure.core.exceptions import ResourceNotFoundError
from azure.search.documents import SearchClient
from azure.search.documents.models import VectorizedQuery

from imaging_assets.azure.search_calls import Calls
from imaging_assets.azure.search_queries import facet_arguments, facet_counts, one_of, text_arguments, vector_filter
from imaging_assets.azure.search_schema import from_json, returned
from imaging_assets.errors import QueryError
from imaging_assets.ports.search_values import SearchSchema, unit_vector
from imaging_assets.records.search import Document, SearchAnswer, SearchHit, SearchQuery

_PAGE = 1_000
_MOST_NEIGHBOURS = 10_000
_MARKS = {"highlight_pre_tag": "«", "highlight_post_tag": "»"}
_FULL = {"query_type": "full", "search_mode": "all"}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answerer:
    """An index, the fields that it shares with the declared ones, and the declared ones."""

    calls: Calls
    client: SearchClient
    schema: SearchSchema
    declared: SearchSchema

    def answer(self, query: SearchQuery) -> SearchAnswer:
        """Answer a checked query.

        Raises:
            QueryError: By likeness, while the index still holds vectors of another embedding, or further down than the service looks.
        """
        return self._ranked_by_text(query) if query.vector is None or query.order else self._ranked_by_likeness(query)

    def get(self, key: str) -> Document | None:
        """One document, or None."""

        def look_up() -> Document | None:
            try:
                return from_json(self.client.get_document(key, selected_fields=returned(self.schema)), self.declared)
            except ResourceNotFoundError:
                return None

        return self.calls.call(f"read document {key}", look_up)

    def keys_after(self, last: str) -> list[str]:
        """The next keys in order, a page of them; [] at the end."""
        key = self.schema.key
        rows, _, _ = self._search(search_text="*", filter=f"{key} gt '{last}'", order_by=[f"{key} asc"], select=[key], top=_PAGE)
        return [row[key] for row in rows]

    def _ranked_by_text(self, query: SearchQuery) -> SearchAnswer:
        rows, count, facets = self._search(
            **text_arguments(query, self.schema),
            **_FULL,
            **_MARKS,
            facets=facet_arguments(query, self.schema),
            include_total_count=True,
            select=returned(self.schema),
            top=query.top,
            skip=query.skip,
        )
        hits = tuple(self._hit(row, row["@search.score"], _first(row.get("@search.highlights"))) for row in rows)
        return SearchAnswer(hits, count, facet_counts(query, facets))

    def _ranked_by_likeness(self, query: SearchQuery) -> SearchAnswer:
        vector = next((field.name for field in self.schema.fields if field.type == "vector"), None)
        if vector is None:
            raise QueryError("The index still serves vectors of another embedding. Promote the rebuilt index, then ask again.")
        last = query.skip + query.top
        if last > _MOST_NEIGHBOURS:
            raise QueryError(f"The service knows the nearest {_MOST_NEIGHBOURS} only. Ask for a page before that.")
        matches = vector_filter(query, self.schema)
        _, count, facets = self._search(
            search_text="*", filter=matches, facets=facet_arguments(query, self.schema), include_total_count=True, top=0
        )
        wanted = unit_vector(query.vector, self.schema.dimensions, vector).astype(np.float64).tolist()
        # As many neighbours for every one of the first pages, so that pages of ties do not overlap.
        rows, _, _ = self._search(
            search_text=None,
            vector_queries=[VectorizedQuery(vector=wanted, k_nearest_neighbors=max(last, _PAGE), fields=vector)],
            filter=matches,
            order_by=["search.score() desc", f"{self.schema.key} asc"],
            select=returned(self.schema),
            top=query.top,
            skip=query.skip,
        )
        marked = self._highlights(query, [row[self.schema.key] for row in rows])
        # The service's score is 1 / (1 + cosine distance).
        hits = tuple(self._hit(row, 2 - 1 / row["@search.score"], marked.get(row[self.schema.key], "")) for row in rows)
        return SearchAnswer(hits, count, facet_counts(query, facets))

    def _highlights(self, query: SearchQuery, keys: Sequence[str]) -> dict[str, str]:
        """Highlights by key; a text that only narrows a search by likeness gets none from the service."""
        arguments = text_arguments(replace(query, where=(), vector=None), self.schema)
        if not keys or not arguments["highlight_fields"]:
            return {}
        arguments["filter"] = one_of(self.schema.key, keys)
        rows, _, _ = self._search(**arguments, **_FULL, **_MARKS, select=[self.schema.key], top=len(keys))
        return {row[self.schema.key]: _first(row.get("@search.highlights")) for row in rows}

    def _search(self, **arguments: Any) -> tuple[list[Row], int, dict[str, Any]]:
        """Rows of a page, the number of all matches, facets."""

        def ask() -> tuple[list[Row], int, dict[str, Any]]:
            # The SDK's conveniences ask a second time for what the first answer held.
            pages = self.client.search(**arguments).by_page()
            rows = [row for page in _until(pages, arguments["top"]) for row in page]
            return rows, pages.get_count() or 0, pages.get_facets() or {}  # type: ignore[attr-defined]

        return self.calls.call("search", ask)

    def _hit(self, row: Row, score: float, highlight: str) -> SearchHit:
        return SearchHit(from_json(row, self.declared), score, highlight)


def _until(pages: Iterator[Any], wanted: int) -> Iterator[list[Row]]:
    """Pages until so many rows came; the service may cut a page short."""
    found = 0
    for page in pages:
        rows = list(page)
        yield rows
        found += len(rows)
        if found >= wanted or not rows:
            return


def _first(highlights: Any) -> str:
    return next((fragments[0] for fragments in (highlights or {}).values() if fragments), "")
