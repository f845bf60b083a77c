"""Pages, counts and highlights of one query, read in one transaction.

Belongs here: the statements that run a query. Does not: what a query means (`questions`), similarity (`vectors`), `facets`.
"""
# ruff: noqa: S608 - identifiers come from declared fields only, values travel as parameters

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace

from imaging_assets.embedded.search_index.facets import FacetCounter, FacetCounts, fetch_docs
from imaging_assets.embedded.search_index.questions import Selection, match_expression, ordering, selection
from imaging_assets.embedded.search_index.schema import Schema
from imaging_assets.embedded.search_index.vectors import VectorMatrix
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

    def ranked_by_sql(self, query: SearchQuery) -> SearchAnswer:
        """Answer ranked by text, by order or not at all."""
        selected = selection(query, self.schema)
        if selected:
            self._note_matches(selected)
        source = "temp.matches" if selected else "(select doc, 0.0 as score from documents)"
        count = self.connection.execute(f"select count(*) from {source}").fetchone()[0]
        order, joined = "m.score, m.doc", ""
        if query.order:
            order, joined = ordering(query.order, self.schema), "join documents d on d.doc = m.doc"
        sql = f"select m.doc, 0.0 - m.score from {source} m {joined} order by {order} limit ? offset ?"
        page = self.connection.execute(sql, (query.top, query.skip)).fetchall()
        return SearchAnswer(self._hits(page, query.text), count, self._facets(query, all_match=not selected))

    def ranked_by(self, vectors: VectorMatrix, query: SearchQuery) -> SearchAnswer:
        """Answer ranked by similarity."""
        selected = selection(query, self.schema)
        assert selected is not None  # "has a vector" is a condition
        vector = unit_vector(query.vector, self.schema.dimensions, "vector")
        narrowed = selection(replace(query, vector=None), self.schema)  # the matrix knows by itself who has a vector
        among = fetch_docs(self.connection, f"({narrowed.sql})", narrowed.parameters) if narrowed else None
        nearest = vectors.nearest(vector, among, skip=query.skip, top=query.top)
        page = list(zip(nearest.docs.tolist(), nearest.scores.tolist(), strict=True))
        if query.facets:
            self._note_matches(selected)
        return SearchAnswer(self._hits(page, query.text), nearest.count, self._facets(query, all_match=False))

    def _note_matches(self, selected: Selection) -> None:
        self.connection.execute("create temp table if not exists matches (doc integer, score real)")
        self.connection.execute("delete from temp.matches")
        self.connection.execute(f"insert into temp.matches {selected.sql}", selected.parameters)

    def _facets(self, query: SearchQuery, *, all_match: bool) -> Mapping[str, FacetCounts]:
        if not query.facets:
            return {}
        counter = FacetCounter(self.connection, self.schema, query.facet_values, all_match=all_match)
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
