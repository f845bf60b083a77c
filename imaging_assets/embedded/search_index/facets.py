"""How often each value of a field occurs among the matches of a query.

Belongs here: counting, by the way that is fastest for the number of matches. Does not: finding the matches (`answers`).
"""
# ruff: noqa: S608 - identifiers come from declared fields only, values travel as parameters

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

import numpy as np

from imaging_assets.embedded.search_index.columns import facet_value
from imaging_assets.embedded.search_index.kept_columns import KeptColumns
from imaging_assets.embedded.search_index.questions import column_of
from imaging_assets.embedded.search_index.schema import Schema, list_table
from imaging_assets.embedded.search_index.vectors import Docs
from imaging_assets.records.search import SearchField

FacetCounts = tuple[tuple[str, int], ...]
_Counted = Iterable[tuple[Any, int]]


class FacetCounter:
    """Counts over the matches of one query, at most `most` values per field, most frequent first, ties by value."""

    def __init__(self, connection: sqlite3.Connection, schema: Schema, kept: KeptColumns, matches: Docs, most: int) -> None:
        self._connection = connection
        self._schema = schema
        self._kept = kept
        self._matches = matches
        self._most = most
        self._few = len(matches) * 4 < connection.execute("select count(*) from documents").fetchone()[0]
        self._noted = False

    def count(self, field: SearchField) -> FacetCounts:
        """(value, count) pairs; none where this generation does not have the field."""
        is_list = field.type == "strings"
        known = field.name in {shared.name for shared in self._schema.lists} if is_list else column_of(field.name, self._schema)
        if not known:
            return ()
        # A few matches are joined faster than a column is loaded.
        counted = self._join(field) if self._few and not self._kept.has(field) else self._count(field)
        return tuple((facet_value(field, value), count) for value, count in counted)

    def _count(self, field: SearchField) -> _Counted:
        if field.type == "strings":
            pairs = self._kept.list_column(self._connection, field)
            values, places = pairs.values, pairs.places[self._mask(pairs.docs)]
        else:
            column = self._kept.column(self._connection, self._schema, field)
            values, places = column.values, column.places[self._matches]
        counts = np.bincount(places[places >= 0], minlength=len(values))
        # The values are in order, and a stable sort leaves ties so.
        best = np.argsort(-counts, kind="stable")[: self._most]
        return [(values[place], int(counts[place])) for place in best.tolist() if counts[place]]

    def _mask(self, docs: Docs) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which of some row numbers are matches."""
        last = max(int(docs.max(initial=0)), int(self._matches.max(initial=0)))
        is_match = np.zeros(last + 1, np.bool_)
        is_match[self._matches] = True
        mask: np.ndarray[tuple[int], np.dtype[np.bool_]] = is_match[docs]
        return mask

    def _join(self, field: SearchField) -> _Counted:
        table, value = (list_table(field), "value") if field.type == "strings" else ("documents", f'"{field.name}"')
        self._note_matches()
        # "cross" keeps SQLite from walking through all values for a handful of matches.
        sql = (
            f"select v.{value}, count(*) from temp.matches m cross join {table} v on v.doc = m.doc "
            f"where v.{value} is not null group by 1 order by 2 desc, 1 limit ?"
        )
        return self._connection.execute(sql, (self._most,))

    def _note_matches(self) -> None:
        if not self._noted:
            self._connection.execute("create temp table if not exists matches (doc integer)")
            self._connection.execute("delete from temp.matches")
            text = json.dumps(self._matches.tolist())
            self._connection.execute("insert into temp.matches select value from json_each(?)", (text,))
            self._noted = True
