"""Columns of a generation in memory: for each document, the place of its value among all values of the field.

Belongs here: loading, and for how long what was loaded is good. Does not: counting (`facets`), pages (`pages`).

A column costs about as much to load as one question without it: the first question loads what it needs, and those after it, until the next
write, need no pass over the table.
"""
# ruff: noqa: S608 - identifiers come from declared fields only, values travel as parameters

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from imaging_assets.embedded.search_index.questions import column_of
from imaging_assets.embedded.search_index.schema import Schema, list_table
from imaging_assets.embedded.search_index.vectors import Docs
from imaging_assets.records.search import SearchField

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One field: its values in order, and for each row number of `documents` the place of its value, -1 for none."""

    values: Sequence[Any]
    places: Places


@dataclass(frozen=True, slots=True, eq=False)
class ListColumn:
    """One list field: its values in order, and pairs of a row number and the place of a value."""

    values: Sequence[Any]
    docs: Docs
    places: Places


class KeptColumns:
    """What was loaded of one state of a generation. Threads may share it: what two load at once is equal."""

    def __init__(self, version: int) -> None:
        self.version = version
        self._columns: dict[str, Column] = {}
        self._lists: dict[str, ListColumn] = {}
        self._docs: Docs | None = None

    def has(self, field: SearchField) -> bool:
        """Whether a field is here already."""
        return field.name in self._columns or field.name in self._lists

    def docs(self, connection: sqlite3.Connection) -> Docs:
        """Row numbers of all documents, in order."""
        if self._docs is None:
            self._docs = np.sort(fetch_docs(connection, "documents"))
        return self._docs

    def column(self, connection: sqlite3.Connection, schema: Schema, field: SearchField) -> Column:
        """A field that is no list and that the generation has."""
        if field.name not in self._columns:
            values, docs, places = _load(connection, "documents d", column_of(field.name, schema))
            last = connection.execute("select coalesce(max(doc), 0) from documents").fetchone()[0]
            of_doc = np.full(last + 1, -1, np.int64)
            of_doc[docs] = places
            self._columns[field.name] = Column(values, of_doc)
        return self._columns[field.name]

    def list_column(self, connection: sqlite3.Connection, field: SearchField) -> ListColumn:
        """A list field that the generation has."""
        if field.name not in self._lists:
            self._lists[field.name] = ListColumn(*_load(connection, f"{list_table(field)} d", "d.value"))
        return self._lists[field.name]


def version_of(connection: sqlite3.Connection) -> int:
    """Number of the state that a transaction sees; every write counts it up."""
    version: int = connection.execute("pragma user_version").fetchone()[0]
    return version


def count_version(connection: sqlite3.Connection) -> None:
    """Tell readers of all processes that this transaction changes something."""
    connection.execute(f"pragma user_version = {(version_of(connection) + 1) % 2**31}")


def fetch_docs(connection: sqlite3.Connection, source: str, parameters: Sequence[Any] = ()) -> Docs:
    """Row numbers of a table or subquery; one text is several times faster to fetch than a row per document."""
    return _parse(connection.execute(f"select group_concat(doc) from {source}", parameters).fetchone()[0] or "")


def _load(connection: sqlite3.Connection, table: str, value: str) -> tuple[Sequence[Any], Docs, Places]:
    """Values in order, and for each pair of a document and its value both numbers."""
    sql = f"select {value}, group_concat(d.doc) from {table} where {value} is not null group by 1 order by 1"
    rows = connection.execute(sql).fetchall()
    lengths = [docs.count(",") + 1 for _, docs in rows]
    docs = _parse(",".join(docs for _, docs in rows))
    return tuple(value for value, _ in rows), docs, np.repeat(np.arange(len(rows)), lengths)


def _parse(docs: str) -> Docs:
    return np.fromstring(docs, np.int64, sep=",")
