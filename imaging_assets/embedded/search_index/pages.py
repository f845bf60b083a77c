"""Which documents stand on a page of ordered matches.

Belongs here: finding a page without sorting all matches, however deep it lies. Does not: what an order means (`questions`).
"""
# ruff: noqa: S608 - identifiers come from declared fields only, values travel as parameters

import json
import sqlite3

import numpy as np
import numpy.typing as npt

from imaging_assets.embedded.search_index.kept_columns import KeptColumns
from imaging_assets.embedded.search_index.questions import column_of, ordering
from imaging_assets.embedded.search_index.schema import Schema
from imaging_assets.embedded.search_index.vectors import Docs
from imaging_assets.records.search import Order, SearchQuery

_SORTED_BY_SQL = 2_000
"""As many matches are sorted whole; of more, a column tells first which may stand on the page."""


def ordered_page(
    connection: sqlite3.Connection, schema: Schema, kept: KeptColumns, matches: Docs, query: SearchQuery
) -> list[int]:
    """Row numbers of the page of a query with an order."""
    skip, docs = query.skip, matches
    few = len(matches) * 4 < connection.execute("select count(*) from documents").fetchone()[0]
    for order in query.order:
        field = schema.by_name.get(order.field)
        if field is None or not column_of(field.name, schema):
            continue
        if len(docs) <= _SORTED_BY_SQL or skip >= len(docs) or (few and not kept.has(field)):
            break
        keys = _keys(kept.column(connection, schema, field).places[docs], order)
        last = min(skip + query.top, len(docs)) - 1
        low, high = np.partition(keys, (skip, last))[[skip, last]]
        skip -= int(np.count_nonzero(keys < low))
        docs = docs[(keys >= low) & (keys <= high)]
    return _sorted_by_sql(connection, schema, docs, query, skip)


def first_page(scores: npt.NDArray[np.float64], docs: Docs, query: SearchQuery) -> tuple[Docs, npt.NDArray[np.float64]]:
    """Row numbers and scores of a page, the lowest score first, ties by row number."""
    last = min(query.skip + query.top, len(docs))
    best = np.arange(len(docs))
    if 0 < last < len(docs):
        # All ties of the last place stay in, so that pages neither overlap nor leave out.
        best = np.flatnonzero(scores <= np.partition(scores, last - 1)[last - 1])
    page = best[np.lexsort((docs[best], scores[best]))][query.skip : last]
    return docs[page], scores[page]


def _keys(places: npt.NDArray[np.int64], order: Order) -> npt.NDArray[np.int64]:
    """Numbers that sort as the order does: missing values last."""
    ranked = -places if order.descending else places
    keys: npt.NDArray[np.int64] = np.where(places < 0, np.iinfo(np.int64).max, ranked)
    return keys


def _sorted_by_sql(connection: sqlite3.Connection, schema: Schema, docs: Docs, query: SearchQuery, skip: int) -> list[int]:
    sql = (
        f"select d.doc from json_each(?) m cross join documents d on d.doc = m.value order by {ordering(query.order, schema)} "
        "limit ? offset ?"
    )
    return [doc for (doc,) in connection.execute(sql, (json.dumps(docs.tolist()), query.top, skip))]
