"""How often each value of a field occurs among the matches of a query.

Belongs here: counting, by the way that is fastest for the number of matches. Does not: finding the matches (`answers`), which
are expected in the table `temp.matches`.
"""
# ruff: noqa: S608 - identifiers come from declared fields only, values travel as parameters

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from imaging_assets.embedded.search_index.columns import facet_value
from imaging_assets.embedded.search_index.questions import column_of
from imaging_assets.embedded.search_index.schema import Schema, list_table
from imaging_assets.embedded.search_index.vectors import Docs
from imaging_assets.records.search import SearchField

FacetCounts = tuple[tuple[str, int], ...]
_Counted = Iterable[tuple[Any, int]]


class FacetCounter:
    """Counts over the matches of one query, at most `most` values per field, most frequent first, ties by value."""

    def __init__(self, connection: sqlite3.Connection, schema: Schema, most: int, *, all_match: bool) -> None:
        self._connection = connection
        self._schema = schema
        self._most = most
        self._all_match = all_match
        self._is_match = None if all_match else self._mask_of_many()

    def count(self, field: SearchField) -> FacetCounts:
        """(value, count) pairs; none where this generation does not have the field."""
        if field.type == "strings":
            known, table, value = field.name in {shared.name for shared in self._schema.lists}, list_table(field), "value"
        else:
            known, table, value = bool(column_of(field.name, self._schema)), "documents", f'"{field.name}"'
        if not known:
            return ()
        counted = self._count_many(table, value) if self._is_match is not None else self._count_in_sql(table, value)
        return tuple((facet_value(field, value), count) for value, count in counted)

    def _mask_of_many(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
        """Whether each document is a match, or None where they are too few for this to be faster than a join."""
        sql = "select (select count(*) from temp.matches) * 4, (select count(*) from documents), max(doc) from documents"
        four_times, total, last = self._connection.execute(sql).fetchone()
        if four_times < total or not total:
            return None
        mask = np.zeros(last + 1, np.bool_)
        mask[fetch_docs(self._connection, "temp.matches")] = True
        return mask

    def _count_in_sql(self, table: str, value: str) -> _Counted:
        # "cross" keeps SQLite from walking through all values for a handful of matches.
        rows = f"{table} v" if self._all_match else f"temp.matches m cross join {table} v on v.doc = m.doc"
        sql = f"select v.{value}, count(*) from {rows} where v.{value} is not null group by 1 order by 2 desc, 1 limit ?"
        return self._connection.execute(sql, (self._most,))

    def _count_many(self, table: str, value: str) -> _Counted:
        assert self._is_match is not None
        sql = f"select {value}, group_concat(doc) from {table} where {value} is not null group by 1"
        counted = [(value, int(self._is_match[_parse(docs)].sum())) for value, docs in self._connection.execute(sql)]
        return sorted((pair for pair in counted if pair[1]), key=lambda pair: (-pair[1], pair[0]))[: self._most]


def fetch_docs(connection: sqlite3.Connection, source: str, parameters: Sequence[Any] = ()) -> Docs:
    """Row numbers of a table or subquery; one text is several times faster to fetch than a row per document."""
    return _parse(connection.execute(f"select group_concat(doc) from {source}", parameters).fetchone()[0] or "")


def _parse(docs: str) -> Docs:
    return np.fromstring(docs, np.int64, sep=",")
