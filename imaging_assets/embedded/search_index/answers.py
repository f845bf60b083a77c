"""Pages, counts and highlights of one query, read in one transaction.

Belongs here: the statements that run a query. Does not: what a query means (`questions`), similarity (`vectors`), `facets`.
"""
# ruff: noqa: S608 - identifiers come from declared fields only, values travel as parameters

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from imaging_assets.embedded.search_index.facets import FacetCounter, FacetCounts
from imaging_assets.embedded.search_index.kept_columns import KeptColumns, fetch_docs
from imaging_assets.embedded.search_index.pages import first_page, ordered_page
from imaging_assets.embedded.search_index.questions import Selection, match_expression, selection
from imaging_assets.embedded.search_index.schema import Schema
from imaging_assets.embedded.search_index.vectors import Docs, VectorMatrix
from imaging_assets.ports.search_values import unit_vector
from imaging_assets.records.search import Document, SearchAnswer, SearchHit, SearchQuery

_Page = list[tuple[int, float]]
_SNIPPET = "snippet(words, -1, '«', '»', '…', 16)"


@dataclass(frozen=True, slots=True)
class Answerer:
    """One open read transaction, the fields its generation shares with the declared ones, and the declared ones."""

    connection: sqlite3.Connection
    schema: Schema
    declared: Schema
    kept: KeptColumns

    def ranked_by_sql(self, query: SearchQuery) -> SearchAnswer:
        """Answer ranked by text, by order or not at all."""
        selected = selection(query, self.schema)
        if selected and match_expression(query.text) and not query.order:
            rows = self.connection.execute(selected.sql, selected.parameters).fetchall()
            matches, scores = np.array([doc for doc, _ in rows], np.int64), np.array([score for _, score in rows])
            docs, best = first_page(scores, matches, query)
            page = list(zip(docs.tolist(), (0.0 - best).tolist(), strict=True))
        else:
            matches = self._fetch(selected) if selected else self.kept.docs(self.connection)
            if query.order:
                page = [(doc, 0.0) for doc in ordered_page(self.connection, self.schema, self.kept, matches, query)]
            else:
                page = [(doc, 0.0) for doc in np.sort(matches)[query.skip : query.skip + query.top].tolist()]
        return SearchAnswer(self._hits(page, query.text), len(matches), self._facets(query, matches))

    def ranked_by(self, vectors: VectorMatrix, query: SearchQuery) -> SearchAnswer:
        """Answer ranked by similarity."""
        vector = unit_vector(query.vector, self.schema.dimensions, "vector")
        narrowed = selection(replace(query, vector=None), self.schema)  # the matrix knows by itself who has a vector
        among = self._fetch(narrowed) if narrowed else None
        nearest = vectors.nearest(vector, among, skip=query.skip, top=query.top)
        page = list(zip(nearest.docs.tolist(), nearest.scores.tolist(), strict=True))
        return SearchAnswer(self._hits(page, query.text), len(nearest.candidates), self._facets(query, nearest.candidates))

    def _fetch(self, selected: Selection) -> Docs:
        return fetch_docs(self.connection, f"({selected.sql})", selected.parameters)

    def _facets(self, query: SearchQuery, matches: Docs) -> Mapping[str, FacetCounts]:
        if not query.facets:
            return {}
        counter = FacetCounter(self.connection, self.schema, self.kept, matches, query.facet_values)
        return {name: counter.count(self.declared.by_name[name]) for name in query.facets}

    def _hits(self, page: _Page, text: str) -> tuple[SearchHit, ...]:
        docs = [doc for doc, _ in page]
        marks = ", ".join("?" * len(docs))
        bodies = dict(self.connection.execute(f"select doc, body from bodies where doc in ({marks})", docs))
        highlights = {}
        if expression := match_expression(text):
            # The plus makes one pass over the matches; asking FTS5 once per hit would look a prefix up as often.
            sql = f"select rowid, {_SNIPPET} from words where words match ? and +rowid in ({marks})"
            highlights = dict(self.connection.execute(sql, (expression, *docs)))
        return tuple(SearchHit(document_of(bodies[doc], self.declared), score, highlights.get(doc, "")) for doc, score in page)


def document_of(body: str, declared: Schema) -> Document:
    """The document of a row of `bodies`: every declared field but the vector; what is missing is None or []."""
    values = json.loads(body)
    fields = (field for field in declared.fields if field.type != "vector")
    return {field.name: values.get(field.name, [] if field.type == "strings" else None) for field in fields}
