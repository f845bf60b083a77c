"""One generation: a file of documents of one schema, written and asked.

Belongs here: the statements that keep its tables in step. Does not: which generation is the right one (`index`), what a query
means (`questions`), how an answer is put together (`answers`).
"""
# ruff: noqa: S608 - identifiers come from declared fields only, values travel as parameters

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from imaging_assets.embedded.search_index.answers import Answerer, document_of
from imaging_assets.embedded.search_index.columns import stored
from imaging_assets.embedded.search_index.database import Database, create
from imaging_assets.embedded.search_index.kept_columns import KeptColumns, count_version, version_of
from imaging_assets.embedded.search_index.schema import Schema, list_table
from imaging_assets.embedded.search_index.vectors import VectorMatrix
from imaging_assets.errors import QueryError
from imaging_assets.ports.search_values import CheckedDocument
from imaging_assets.records.search import Document, SearchAnswer, SearchQuery

_TRANSACTION = 1000
"""Documents per transaction: other writers wait for some tenths of a second at most."""


class Generation:
    """Documents in one file, as far as its own schema and the `declared` one agree."""

    def __init__(self, path: Path, declared: Schema) -> None:
        self._database = Database(path)
        self._declared = declared
        with self._database.reading() as connection:
            self._own = Schema.from_json(connection.execute("select schema from about").fetchone()[0])
        self._schema = self._own.shared_with(declared)
        self._vectors = VectorMatrix(self._own.dimensions)
        self._kept = KeptColumns(-1)

    @staticmethod
    def create(path: Path, schema: Schema) -> None:
        """Make the file of an empty generation."""
        quoted = schema.to_json().replace("'", "''")
        create(path, [*schema.tables(), f"insert into about values ('{quoted}')"])

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def put(self, documents: Sequence[CheckedDocument]) -> None:
        """Add or replace documents of different keys."""
        for start in range(0, len(documents), _TRANSACTION):
            with self._database.writing() as connection:
                count_version(connection)
                self._put(connection, documents[start : start + _TRANSACTION])

    def delete(self, keys: Sequence[str]) -> None:
        """Delete by key."""
        for start in range(0, len(keys), _TRANSACTION):
            with self._database.writing() as connection:
                count_version(connection)
                docs = [(doc,) for doc, _ in _known(connection, keys[start : start + _TRANSACTION]).values()]
                self._drop_vectors(connection, [doc for (doc,) in docs])
                for table in ["documents", "bodies", *map(list_table, self._own.lists)]:
                    connection.executemany(f"delete from {table} where doc = ?", docs)
                connection.executemany("delete from words where rowid = ?", docs)

    def get(self, key: str) -> Document | None:
        """One document, or None."""
        with self._database.reading() as connection:
            known = _known(connection, [key])
            if key not in known:
                return None
            body = connection.execute("select body from bodies where doc = ?", known[key][:1]).fetchone()[0]
        return document_of(body, self._declared)

    def keys(self) -> list[str]:
        """All keys, sorted."""
        with self._database.reading() as connection:
            return [key for (key,) in connection.execute("select key from documents order by key")]

    def query(self, query: SearchQuery) -> SearchAnswer:
        """Answer a checked query."""
        if query.vector is None or query.order:
            with self._database.reading() as connection:
                return self._answerer(connection).ranked_by_sql(query)
        if not self._own.same_vectors(self._declared):
            raise QueryError("The index still serves vectors of another embedding. Promote the rebuilt index, then ask again.")
        # The matrix must not run ahead of the snapshot that its hits are read from.
        with self._vectors.lock, self._database.reading() as connection:
            self._vectors.refresh(connection)
            return self._answerer(connection).ranked_by(self._vectors, query)

    def _answerer(self, connection: sqlite3.Connection) -> Answerer:
        """With the columns of the state that the transaction sees."""
        version, kept = version_of(connection), self._kept
        if kept.version != version:
            kept = self._kept = KeptColumns(version)
        return Answerer(connection, self._schema, self._declared, kept)

    def _put(self, connection: sqlite3.Connection, documents: Sequence[CheckedDocument]) -> None:
        known = _known(connection, [document.key for document in documents])
        free = connection.execute("select coalesce(max(doc), 0) from documents").fetchone()[0] + 1
        numbered = []
        for document in documents:
            if document.key in known:
                numbered.append((known[document.key][0], document))
            else:
                numbered.append((free, document))
                free += 1
        self._put_documents(connection, numbered, {doc for doc, has_vector in known.values() if has_vector})
        self._put_lists(connection, numbered, [(doc,) for doc, _ in known.values()])
        if self._own.same_vectors(self._declared):
            self._put_vectors(connection, numbered)

    def _put_documents(
        self, connection: sqlite3.Connection, numbered: list[tuple[int, CheckedDocument]], with_vector: set[int]
    ) -> None:
        ours = self._own.same_vectors(self._declared)
        _insert(
            connection,
            "documents",
            ["doc", "key", "has_vector", *(f'"{field.name}"' for field in self._schema.columns)],
            (
                (
                    doc,
                    document.key,
                    document.vector is not None if ours else doc in with_vector,
                    *(stored(field, document.values.get(field.name)) for field in self._schema.columns),
                )
                for doc, document in numbered
            ),
        )
        bodies = ((doc, json.dumps(document.values, ensure_ascii=False)) for doc, document in numbered)
        _insert(connection, "bodies", ["doc", "body"], bodies)
        words = ((doc, *(_text(document, field.name) for field in self._schema.words)) for doc, document in numbered)
        _insert(connection, "words", ["rowid", *(f'"{field.name}"' for field in self._schema.words)], words)

    def _put_lists(
        self, connection: sqlite3.Connection, numbered: list[tuple[int, CheckedDocument]], known: list[tuple[int]]
    ) -> None:
        for field in self._own.lists:
            connection.executemany(f"delete from {list_table(field)} where doc = ?", known)
        for field in self._schema.lists:
            values = ((value, doc) for doc, document in numbered for value in document.values.get(field.name, ()))
            _insert(connection, list_table(field), ["value", "doc"], values)

    def _put_vectors(self, connection: sqlite3.Connection, numbered: list[tuple[int, CheckedDocument]]) -> None:
        self._drop_vectors(connection, [doc for doc, document in numbered if document.vector is None])
        changed = _next_change(connection)
        vectors = ((doc, changed, document.vector) for doc, document in numbered if document.vector is not None)
        _insert(connection, "vectors", ["doc", "changed", "vector"], vectors)

    def _drop_vectors(self, connection: sqlite3.Connection, docs: list[int]) -> None:
        """Leave the rows, so that every process learns which vectors to forget."""
        changed = _next_change(connection)
        statement = "update vectors set vector = null, changed = ? where doc = ? and vector is not null"
        connection.executemany(statement, [(changed, doc) for doc in docs])


def _known(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, tuple[int, bool]]:
    """Number and "has a vector" of the documents that are there."""
    sql = "select key, doc, has_vector from documents where key in (select value from json_each(?))"
    return {key: (doc, bool(has_vector)) for key, doc, has_vector in connection.execute(sql, (json.dumps(list(keys)),))}


def _insert(connection: sqlite3.Connection, table: str, columns: list[str], rows: Iterator[tuple[object, ...]]) -> None:
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"insert or replace into {table} ({', '.join(columns)}) values ({marks})", rows)


def _text(document: CheckedDocument, name: str) -> str | None:
    value = document.values.get(name)
    return ", ".join(value) if isinstance(value, list) else value


def _next_change(connection: sqlite3.Connection) -> int:
    changed: int = connection.execute("select coalesce(max(changed), 0) + 1 from vectors").fetchone()[0]
    return changed
