"""From a `SearchQuery` to SQL: the match expression, the conditions, the order.

Belongs here: what a query means. Does not: running it (`answers`), refusing it (`ports/search_values.py`). A field that the asked
generation does not have yet (a rebuild is under way) is missing in all its documents.
"""
# ruff: noqa: S608 - identifiers come from declared fields only, values travel as parameters

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imaging_assets.embedded.search_index.columns import stored
from imaging_assets.embedded.search_index.schema import Schema, list_table
from imaging_assets.ports.search_values import canonical_values, words_of
from imaging_assets.records.search import Condition, Order, SearchQuery

_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}


@dataclass(frozen=True, slots=True)
class Selection:
    """A statement that selects (doc, score) of all matches; lower scores are better."""

    sql: str
    parameters: tuple[Any, ...]


def match_expression(text: str) -> str:
    """FTS5 expression of all words of any user input, the last one as a prefix; "" where there is no word."""
    quoted = [f'"{word}"' for word in words_of(text)]
    return f"{' '.join(quoted)} *" if quoted else ""


def selection(query: SearchQuery, schema: Schema) -> Selection | None:
    """Matches of text, conditions and "has a vector"; None where the query names none of them, so that all match."""
    expression = match_expression(query.text)
    # The plus keeps SQLite from asking FTS5 once per document of a list condition, "cross" from doing so for the others.
    doc = "+words.rowid" if expression else "d.doc"
    parts = [_condition(condition, schema, doc) for condition in query.where]
    if query.vector is not None:
        parts.append(("d.has_vector = 1", ()))
    where = " and ".join([*(["words match ?"] if expression else []), *(sql for sql, _ in parts)])
    parameters = (*([expression] if expression else []), *(value for _, values in parts for value in values))
    if not expression:
        return Selection(f"select d.doc, 0.0 from documents d where {where}", parameters) if parts else None
    score = "0.0" if query.order or query.vector is not None else "bm25(words)"
    joined = " cross join documents d on d.doc = words.rowid" if "d." in where else ""
    return Selection(f"select words.rowid as doc, {score} from words{joined} where {where}", parameters)


def ordering(orders: Sequence[Order], schema: Schema) -> str:
    """Terms of "order by" over `documents d`: missing values last, the key breaks ties."""
    columns = ((column_of(order.field, schema), "desc" if order.descending else "asc") for order in orders)
    terms = [f"{column} is null, {column} {direction}" for column, direction in columns if column]
    return ", ".join([*terms, "d.key"])


def column_of(name: str, schema: Schema) -> str:
    """Column of a field that is no list; "" where this generation does not have it."""
    if name == schema.key:
        return "d.key"
    return f'd."{name}"' if any(field.name == name for field in schema.columns) else ""


def _condition(condition: Condition, schema: Schema, doc: str) -> tuple[str, tuple[Any, ...]]:
    field = schema.by_name.get(condition.field)
    if field is None or not (field in schema.lists or column_of(field.name, schema)):
        return ("1" if condition.operator == "ne" else "0"), ()
    values = tuple(stored(field, value) for value in canonical_values(condition, field))
    marks = ", ".join("?" * len(values))
    if field.type == "strings":
        negation = "not " if condition.operator == "ne" else ""
        return f"{doc} {negation}in (select doc from {list_table(field)} where value in ({marks}))", values
    column = column_of(field.name, schema)
    if condition.operator == "eq":
        return f"{column} in ({marks})", values
    if condition.operator == "ne":
        return f"({column} is null or {column} not in ({marks}))", values
    # True for any of the values: the widest one decides.
    widest = max(values) if condition.operator in {"lt", "le"} else min(values)
    return f"{column} {_COMPARISONS[condition.operator]} ?", (widest,)
