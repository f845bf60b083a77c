"""From a `SearchQuery` to what Azure AI Search is asked: Lucene text, OData filter, order, facets.

Belongs here: what a query means in the service's words. Does not: refusing it (`ports/search_values.py`), calls (`search_answers`).
A field that the asked index does not have yet (a rebuild is under way) is missing in all its documents.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imaging_assets.azure.search_schema import absent
from imaging_assets.ports.search_values import SearchSchema, canonical_values, words_of
from imaging_assets.records.search import Condition, SearchField, SearchQuery

FACET_VALUES = 1000
"""Asked for at least: the service counts few values only roughly, and orders ties as it likes."""

_ALL = "*"
_NEVER = "id eq ''"  # no document has an empty key
_UNDECOMPOSED = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"}
)
"""Letters that Lucene's folding makes ASCII and Unicode's decomposition does not."""


def text_arguments(query: SearchQuery, schema: SearchSchema) -> dict[str, Any]:
    """Arguments of the SDK's `search` for a page ranked by text, or ordered."""
    extra = [_has_vector(schema)] if query.vector is not None else []
    text = lucene(query.text)
    return {
        "search_text": text or _ALL,
        "filter": odata(query, schema, extra) or None,
        "order_by": _orders(query, schema),
        "highlight_fields": ",".join(_searchable(schema)) if text else None,
    }


def vector_filter(query: SearchQuery, schema: SearchSchema) -> str:
    """The filter of a page ranked by likeness: a text narrows and does not rank."""
    text = lucene(query.text)
    quoted = _quoted(text)
    matches = [f"search.ismatch({quoted}, '{','.join(_searchable(schema))}', 'full', 'all')"] if text else []
    return odata(query, schema, [_has_vector(schema), *matches])


def lucene(text: str) -> str:
    """Lucene query of all words of any user input, the last one also as a prefix; "" where there is no word."""
    words = words_of(text)
    if not words:
        return ""
    # Quoted, no word is an operator. A prefix is not analysed by the service, so it is folded here.
    last = words[-1]
    return " ".join([*(f'"{word}"' for word in words[:-1]), f'("{last}" OR {_folded(last)}*)'])


def odata(query: SearchQuery, schema: SearchSchema, extra: Sequence[str] = ()) -> str:
    """The filter of all conditions; "" for none."""
    return " and ".join([*(f"({_condition(each, schema)})" for each in query.where), *extra])


def facet_arguments(query: SearchQuery, schema: SearchSchema) -> list[str] | None:
    """Facet expressions of fields that the index has."""
    return [f"{name},count:{max(query.facet_values, FACET_VALUES)}" for name in query.facets if name in schema.by_name] or None


def facet_counts(query: SearchQuery, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, tuple[tuple[str, int], ...]]:
    """Facets of an answer: most frequent first, ties by value."""
    counts = {}
    for name in query.facets:
        values = [(_spoken(each["value"]), each["count"]) for each in found.get(name, ())]
        counts[name] = tuple(sorted(values, key=lambda pair: (-pair[1], pair[0]))[: query.facet_values])
    return counts


def one_of(variable: str, values: Sequence[str]) -> str:
    """Condition that a string is one of many; `search.in` stays fast where hundreds of `or` are refused."""
    if len(values) == 1:
        return f"{variable} eq {_quoted(values[0])}"
    used = set("".join(values))
    delimiter = next(mark for mark in "|,;\t\n\x1e\x1f" + "".join(map(chr, range(0xE000, 0xF8FF))) if mark not in used)
    empty = [f"{variable} eq ''"] if "" in values else []
    joined = delimiter.join(value for value in values if value)
    return " or ".join([f"search.in({variable}, {_quoted(joined)}, {_quoted(delimiter)})", *empty])


def _condition(condition: Condition, schema: SearchSchema) -> str:
    field = schema.by_name.get(condition.field)
    if field is None:
        return f"not ({_NEVER})" if condition.operator == "ne" else _NEVER
    values = canonical_values(condition, field)
    if condition.operator not in {"eq", "ne"}:
        # True for any of the values: the widest one decides.
        widest = max(values) if condition.operator in {"lt", "le"} else min(values)
        return f"{field.name} {condition.operator} {_literal(field, widest)}"
    if field.type == "strings":
        equal = f"{field.name}/any(item: {one_of('item', values)})"
    elif field.type == "string":
        equal = one_of(field.name, values)
    else:
        equal = " or ".join(f"{field.name} eq {_literal(field, value)}" for value in values)
    return f"not ({equal})" if condition.operator == "ne" else equal


def _orders(query: SearchQuery, schema: SearchSchema) -> list[str]:
    return [*_order_terms(query, schema), f"{schema.key} asc"]


def _order_terms(query: SearchQuery, schema: SearchSchema) -> Iterator[str]:
    if not query.order and words_of(query.text):
        yield "search.score() desc"
    for order in query.order:
        field = schema.by_name.get(order.field)
        if field is None:
            continue
        if not field.key:
            yield f"{absent(field)} asc"
        yield f"{field.name} {'desc' if order.descending else 'asc'}"


def _has_vector(schema: SearchSchema) -> str:
    vector = next((field for field in schema.fields if field.type == "vector"), None)
    return f"{absent(vector)} eq false" if vector else _NEVER


def _searchable(schema: SearchSchema) -> list[str]:
    return [field.name for field in schema.fields if field.searchable and field.type != "vector"]


def _literal(field: SearchField, value: Any) -> str:
    if field.type == "string":
        return _quoted(value)
    return _spoken(value)


def _spoken(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _folded(word: str) -> str:
    """As the index's analyzer folds it."""
    lowered = "".join(letter for letter in word.lower() if unicodedata.category(letter) != "Mn")
    return "".join(map(_folded_letter, lowered.translate(_UNDECOMPOSED)))


def _folded_letter(letter: str) -> str:
    plain = "".join(part for part in unicodedata.normalize("NFKD", letter) if unicodedata.category(part) != "Mn")
    return plain if plain.isascii() else letter
