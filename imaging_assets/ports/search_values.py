"""What every search index takes: checked documents and queries with canonical values; what is wrong is said in a sentence.

Belongs here: the schema of an index, types and canonical forms of values, words of a text. Does not: how an index keeps or finds them.
The rules are Azure AI Search's, so that what one index accepts another accepts, too.
"""

import math
import re
import reprlib
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np

from imaging_assets.errors import QueryError
from imaging_assets.records.search import Condition, Document, DocumentResult, SearchField, SearchQuery

_KEY = re.compile(r"[A-Za-z0-9_=-]{1,1024}")
_COMPARISONS = {"lt", "le", "gt", "ge"}
_MOST_VALUES = 1000
_MOST_WORDS = 200


@dataclass(frozen=True)
class SearchSchema:
    """Declared fields, the vectors' length and the name of what made them."""

    fields: tuple[SearchField, ...]
    dimensions: int
    embedding_id: str = ""

    @cached_property
    def by_name(self) -> dict[str, SearchField]:
        """Fields by name."""
        return {field.name: field for field in self.fields}

    @cached_property
    def key(self) -> str:
        """Name of the key field."""
        return next(field.name for field in self.fields if field.key)


class ValueRejected(ValueError):  # noqa: N818 - never leaves this package
    """A value that its field cannot hold; the text says why."""


@dataclass(frozen=True, slots=True)
class CheckedDocument:
    """A document that every generation of its schema can hold.

    `values` holds the canonical values that are there; `vector` is the unit vector's float32 bytes, or None.
    """

    key: str
    values: Mapping[str, Any]
    vector: bytes | None


def check_document(document: Document, schema: SearchSchema) -> CheckedDocument:
    """Check every field.

    Raises:
        ValueRejected: Bad key, unknown field, wrong type or wrong vector length.
    """
    key = document.get(schema.key)
    if not isinstance(key, str) or not is_key(key):
        raise ValueRejected(f"{schema.key}: {reprlib.repr(key)} is no document key; use 1-1024 of the letters A-Z a-z 0-9 - _ =.")
    values: dict[str, Any] = {}
    vector = None
    for name, value in document.items():
        field = schema.by_name.get(name)
        if field is None:
            raise ValueRejected(f"{name}: there is no such field; declare it in imaging_assets.records.search.FIELDS.")
        if value is None:
            continue
        if field.type == "vector":
            vector = unit_vector(value, schema.dimensions, name).tobytes()
        else:
            values[name] = canonical(field, value)
    return CheckedDocument(key, values, vector)


def check_documents(documents: Iterable[Document], schema: SearchSchema) -> tuple[list[CheckedDocument], list[DocumentResult]]:
    """What an index has to take, each key once and as it was given last, and a result for each document, in order."""
    accepted: dict[str, CheckedDocument] = {}
    results = []
    for document in documents:
        try:
            checked = check_document(document, schema)
        except ValueRejected as error:
            key = document.get(schema.key)
            results.append(DocumentResult(key if isinstance(key, str) else "", str(error)))
        else:
            accepted[checked.key] = checked
            results.append(DocumentResult(checked.key))
    return list(accepted.values()), results


def is_key(value: object) -> bool:
    """Whether a document may have that key."""
    return isinstance(value, str) and bool(_KEY.fullmatch(value))


def check_query(query: SearchQuery, schema: SearchSchema) -> None:
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


def canonical_values(condition: Condition, field: SearchField) -> list[Any]:
    """The values that a condition compares a field, or an item of a list field, with.

    Raises:
        ValueRejected: Not of the field's type.
    """
    if field.type == "strings":
        return [canonical(field, [value])[0] for value in condition.values]
    return [canonical(field, value) for value in condition.values]


def words_of(text: str) -> list[str]:
    """The words of any user input, each once but the last, which somebody may still be typing."""
    spaced = "".join(letter if _in_word(letter) else " " for letter in unicodedata.normalize("NFC", text))
    words = [word for word in spaced.split() if any(letter.isalnum() for letter in word)]
    # A pasted page is cut to its end.
    return [*dict.fromkeys(words[-_MOST_WORDS:-1]), *words[-1:]]


def _in_word(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter) in {"Mn", "Mc"}


def _field(name: str, ability: str, schema: SearchSchema) -> SearchField:
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
        canonical_values(condition, field)
    except ValueRejected as error:
        raise QueryError(f"{error} Give values of the field's type.") from error


def canonical(field: SearchField, value: Any) -> Any:
    """The value as documents return it.

    Raises:
        ValueRejected: Not of the field's type.
    """
    try:
        return _CANONICAL[field.type](value)
    except ValueRejected as error:
        raise ValueRejected(f"{field.name}: {reprlib.repr(value)} is not {error}.") from error


def unit_vector(value: Any, dimensions: int, name: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """float32 of shape (dimensions,) and length 1; zeros stay zeros and are similar to nothing.

    Raises:
        ValueRejected: Other shape, or not finite.
    """
    try:
        with np.errstate(over="ignore"):  # becomes infinite and is refused below
            vector = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueRejected(f"{name}: a vector is {dimensions} numbers; compute it again.") from error
    if vector.shape != (dimensions,):
        raise ValueRejected(f"{name}: shape {vector.shape} instead of ({dimensions},); use the index's embedding.")
    length = float(np.linalg.norm(vector.astype(np.float64)))
    if not math.isfinite(length):
        raise ValueRejected(f"{name}: holds values that are not finite; compute it again.")
    return vector / np.float32(length or 1)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueRejected("a str")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueRejected("valid Unicode") from error
    return value


def _int64(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
        raise ValueRejected("an int of 64 bits")
    return value


def _double(value: Any) -> float:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(number := float(value)):
            return number
    except OverflowError:  # an int beyond all doubles
        pass
    raise ValueRejected("a finite number")


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueRejected("a bool")
    return value


def _datetime(value: Any) -> str:
    message = "ISO 8601 text with an offset, such as 2026-01-02T03:04:05Z"
    if not isinstance(value, str):
        raise ValueRejected(message)
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return _iso(moment)
    except (ValueError, OverflowError) as error:
        raise ValueRejected(message) from error
    raise ValueRejected(message)


def _strings(value: Any) -> list[str]:
    if not isinstance(value, list | tuple):
        raise ValueRejected("a list of str")
    return [_string(item) for item in value]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


_CANONICAL: Mapping[str, Callable[[Any], Any]] = {
    "string": _string,
    "int64": _int64,
    "double": _double,
    "boolean": _boolean,
    "datetime": _datetime,
    "strings": _strings,
}
