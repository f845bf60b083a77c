"""The tables of one generation, derived from declared fields; and the hash that tells one schema from another.

Belongs here: which field lives in which table. Does not: values (`columns`) or questions (`questions`).

    documents   one narrow row per document: key, whether it has a vector, and each field that is filtered, counted or sorted
    bodies      the document as JSON, read for the hits of a page only
    list_<f>    one row per value of a `strings` field
    words       FTS5 over all searchable text
    vectors     unit vectors; a row whose document lost its vector stays, empty, so that other processes hear of it
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property

from imaging_assets.ports.search_values import SearchSchema
from imaging_assets.records.search import SearchField

_LAYOUT = 1
"""Raised when the tables change without a change of fields: older generations are then rebuilt."""

_COLUMN_TYPES = {"string": "text", "int64": "integer", "double": "real", "boolean": "integer", "datetime": "integer"}


@dataclass(frozen=True)
class Schema(SearchSchema):
    """A schema and its tables; the key field's column is called `key`."""

    def to_json(self) -> str:
        """Text from which `from_json` makes an equal schema."""
        return json.dumps({"layout": _LAYOUT, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Schema":
        """Inverse of `to_json`."""
        values = json.loads(text)
        return cls(tuple(SearchField(**field) for field in values["fields"]), values["dimensions"], values["embedding_id"])

    @cached_property
    def digest(self) -> str:
        """Twelve hex digits; equal for equal schemas of one layout."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    @cached_property
    def columns(self) -> tuple[SearchField, ...]:
        """Fields with a column in `documents`."""
        return tuple(field for field in self.fields if field.type in _COLUMN_TYPES and _is_asked(field) and not field.key)

    @cached_property
    def lists(self) -> tuple[SearchField, ...]:
        """`strings` fields with a table of their own."""
        return tuple(field for field in self.fields if field.type == "strings" and _is_asked(field))

    @cached_property
    def words(self) -> tuple[SearchField, ...]:
        """Fields whose text is searched."""
        return tuple(field for field in self.fields if field.searchable and field.type != "vector")

    def shared_with(self, other: "Schema") -> "Schema":
        """This schema without the fields that `other` lacks or gives another type."""
        types = {field.name: field.type for field in other.fields}
        fields = tuple(field for field in self.fields if types.get(field.name) == field.type)
        return Schema(fields, self.dimensions, self.embedding_id)

    def same_vectors(self, other: "Schema") -> bool:
        """Whether vectors of both may be compared."""
        return (self.dimensions, self.embedding_id) == (other.dimensions, other.embedding_id)

    def tables(self) -> Iterator[str]:
        """Statements that make the tables of an empty generation."""
        columns = "".join(f', "{field.name}" {_COLUMN_TYPES[field.type]}' for field in self.columns)
        yield "create table about (schema text not null)"
        yield f"create table documents (doc integer primary key, key text not null unique, has_vector integer not null{columns})"
        yield "create table bodies (doc integer primary key, body text not null)"
        yield "create table vectors (doc integer primary key, changed integer not null, vector blob)"
        yield "create index vectors_changed on vectors (changed)"
        for field in self.columns:
            if field.facetable:  # few distinct values: worth an index to count and to filter by; others are scanned
                yield f'create index "by_{field.name}" on documents ("{field.name}")'
        for field in self.lists:
            name = list_table(field)
            yield f"create table {name} (value text not null, doc integer not null, primary key (value, doc)) without rowid"
            yield f'create index "by_doc_{field.name}" on {name} (doc)'
        words = "".join(f'"{field.name}", ' for field in self.words)
        yield f"create virtual table words using fts5 ({words}tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3')"


def list_table(field: SearchField) -> str:
    """Quoted name of the table of a `strings` field."""
    return f'"list_{field.name}"'


def _is_asked(field: SearchField) -> bool:
    return field.filterable or field.facetable or field.sortable
