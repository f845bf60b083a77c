"""From a `Document` to checked, canonical values; what is wrong with it is said in a sentence.

Belongs here: types and canonical forms of values, in documents and in conditions. Does not: tables (`schema`).
The rules are Azure AI Search's, so that a document accepted here is accepted there.
"""

import math
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from imaging_assets.embedded.search_index.schema import Schema
from imaging_assets.records.search import Document, SearchField

_KEY = re.compile(r"[A-Za-z0-9_=-]{1,1024}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


def check(document: Document, schema: Schema) -> CheckedDocument:
    """Check every field.

    Raises:
        ValueRejected: Bad key, unknown field, wrong type or wrong vector length.
    """
    key = document.get(schema.key)
    if not isinstance(key, str) or not _KEY.fullmatch(key):
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


def canonical(field: SearchField, value: Any) -> Any:
    """The value as documents return it.

    Raises:
        ValueRejected: Not of the field's type.
    """
    try:
        return _CANONICAL[field.type](value)
    except ValueRejected as error:
        raise ValueRejected(f"{field.name}: {reprlib.repr(value)} is not {error}.") from error


def stored(field: SearchField, value: Any) -> Any:
    """A canonical value as its column holds it: comparable in SQL."""
    if value is None or field.type != "datetime":
        return value
    return (datetime.fromisoformat(value) - _EPOCH) // timedelta(microseconds=1)


def facet_value(field: SearchField, value: Any) -> str:
    """A column's value as an answer's facet names it."""
    if field.type == "boolean":
        return "true" if value else "false"
    if field.type == "datetime":
        return _iso(_EPOCH + timedelta(microseconds=value))
    return str(value)


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
