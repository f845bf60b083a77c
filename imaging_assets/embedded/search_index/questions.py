"""From a `SearchQuery` to SQL: the match expression, the conditions, the order; and what is wrong with a query.

Belongs here: what a query means. Does not: running it (`generation`). A field that the asked generation does not have yet
(a rebuild is under way) is missing in all its documents.
"""
# ruff: noqa: S608 - identifiers come from declared fields only, values travel as parameters

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from imaging_assets.embedded.search_index.documents import ValueRejected, canonical, stored, unit_vector
from imaging_assets.embedded.search_index.schema import Schema, list_table
from imaging_assets.errors import QueryError
from imaging_assets.records.search import Condition, Order, SearchField, SearchQuery

_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_MOST_VALUES = 1000
_MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Selection:
    """A statement that selects (doc, score) of all matches; lower scores are better."""

    sql: str
    parameters: tuple[Any, ...]


def check(query: SearchQuery, schema: Schema) -> None:
    """Refuse what Azure AI Search would refuse.

    Raises:
        QueryError: Unknown field, a field without that ability, a value of another type, or a bad page.
    """
    if not 1 <= query.top <= 1000 or query.skip < 0:
        raise QueryError(f"top={query.top}, skip={query.skip} is no page. Ask for top 1-1000 and skip 0 or more.")
    if query.facet_values < 1:
        raise QueryError(f"facet_values={query.facet_values} counts nothing. Ask for 1 or more.")
    for condition in query.where:
        _check_condition(condition, _field(condition.field, "filterable", schema))
    for order in query.order:
        _field(order.field, "sortable", schema)
    for name in query.facets:
        _field(name, "facetable", schema)
    if query.vector is not None:
        try:
            unit_vector(query.vector, schema.dimensions, "vector")
        except ValueRejected as error:
            raise QueryError(str(error)) from error


def match_expression(text: str) -> str:
    """FTS5 expression of all words of any user input, the last one as a prefix; "" where there is no word."""
    spaced = "".join(letter if _in_word(letter) else " " for letter in unicodedata.normalize("NFC", text))
    words = [word for word in spaced.split() if any(letter.isalnum() for letter in word)]
    if not words:
        return ""
    # A pasted page is cut to its end, where somebody is still typing.
    quoted = [f'"{word}"' for word in dict.fromkeys(words[-_MOST_WORDS:-1])]
    return " ".join([*quoted, f'"{words[-1]}" *'])


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


def _in_word(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter) in {"Mn", "Mc"}


def _field(name: str, ability: str, schema: Schema) -> SearchField:
    field = schema.by_name.get(name)
    able = [field.name for field in schema.fields if getattr(field, ability)]
    if field is None or not getattr(field, ability):
        reason = f"is not {ability}" if field else "is not a field"
        raise QueryError(f"{name!r} {reason}. Use one of {', '.join(able)}.")
    return field


def _check_condition(condition: Condition, field: SearchField) -> None:
    if not 1 <= len(condition.values) <= _MOST_VALUES:
        raise QueryError(f"{field.name}: {len(condition.values)} values in one condition. Give 1-{_MOST_VALUES}.")
    if condition.operator not in {"eq", "ne", *_COMPARISONS}:
        raise QueryError(f"{field.name}: there is no operator {condition.operator!r}. Use eq, ne, lt, le, gt or ge.")
    if condition.operator in _COMPARISONS and field.type in {"strings", "boolean"}:
        raise QueryError(f"{field.name}: {condition.operator!r} does not compare {field.type}. Use eq or ne.")
    try:
        list(_stored_values(condition, field))
    except ValueRejected as error:
        raise QueryError(f"{error} Give values of the field's type.") from error


def _condition(condition: Condition, schema: Schema, doc: str) -> tuple[str, tuple[Any, ...]]:
    field = schema.by_name.get(condition.field)
    if field is None or not (field in schema.lists or column_of(field.name, schema)):
        return ("1" if condition.operator == "ne" else "0"), ()
    values = tuple(_stored_values(condition, field))
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


def _stored_values(condition: Condition, field: SearchField) -> Iterator[Any]:
    for value in condition.values:
        yield canonical(field, [value])[0] if field.type == "strings" else stored(field, canonical(field, value))
