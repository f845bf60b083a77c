"""From canonical values to what SQLite's columns hold, and back.

Belongs here: the form of a value in a column. Does not: which values there are (`ports/search_values.py`), tables (`schema`).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from imaging_assets.records.search import SearchField

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
        return (_EPOCH + timedelta(microseconds=value)).isoformat().replace("+00:00", "Z")
    return str(value)
