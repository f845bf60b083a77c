"""Values of the group *search*: the one index schema, its documents, queries and answers.

Every search backend builds its index from `FIELDS`; nothing else declares a field. A query is the same on each backend.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

FieldType = Literal["string", "int64", "double", "boolean", "datetime", "strings", "vector"]
Document = Mapping[str, Any]
"""Field name to value; `strings` are lists of str, `datetime` ISO 8601 UTC, `vector` float32 of the declared length."""


@dataclass(frozen=True, slots=True)
class SearchField:
    """One field of the index.

    `searchable` text takes part in full-text queries; `filterable`, `facetable` and `sortable` mean what they mean in
    Azure AI Search. Exactly one field is the `key`.
    """

    name: str
    type: FieldType
    key: bool = False
    searchable: bool = False
    filterable: bool = False
    facetable: bool = False
    sortable: bool = False


FIELDS: tuple[SearchField, ...] = (
    SearchField("id", "string", key=True, filterable=True),
    SearchField("path", "string", searchable=True, filterable=True, sortable=True),
    SearchField("name", "string", searchable=True, filterable=True, sortable=True),
    SearchField("sha256", "string", filterable=True),
    SearchField("source", "string", filterable=True, facetable=True),
    SearchField("day", "string", filterable=True, facetable=True, sortable=True),
    SearchField("status", "string", filterable=True, facetable=True),
    SearchField("duplicate_group", "string", filterable=True, facetable=True),
    SearchField("tags", "strings", searchable=True, filterable=True, facetable=True),
    SearchField("label_source", "string", filterable=True),
    SearchField("predicted", "string", searchable=True, filterable=True, facetable=True),
    SearchField("probability", "double", filterable=True, sortable=True),
    SearchField("model_id", "string", filterable=True, facetable=True),
    SearchField("disagrees", "boolean", filterable=True, facetable=True),
    SearchField("split", "string", filterable=True, facetable=True),  # train, validation, test, excluded; None when not placed
    SearchField("quality", "strings", filterable=True, facetable=True),  # what may be wrong with the picture
    SearchField("has_text", "boolean", filterable=True, facetable=True),  # None when no step looked for text
    SearchField("text", "string", searchable=True),
    SearchField("caption", "string", searchable=True),
    SearchField("image_tags", "strings", searchable=True, filterable=True, facetable=True),
    SearchField("faces", "int64", filterable=True, facetable=True, sortable=True),
    SearchField("batch_id", "string", filterable=True, facetable=True),
    SearchField("width", "int64", filterable=True, sortable=True),
    SearchField("height", "int64", filterable=True, sortable=True),
    SearchField("size", "int64", filterable=True, sortable=True),
    SearchField("captured_at", "datetime", filterable=True, sortable=True),
    SearchField("thumbnail", "string"),
    SearchField("resized", "string"),
    SearchField("vector", "vector", searchable=True),
)

Operator = Literal["eq", "ne", "lt", "le", "gt", "ge"]


@dataclass(frozen=True, slots=True)
class Condition:
    """`field operator value`, true when it holds for any of `values`.

    On a `strings` field, `eq` means "the list contains it" and `ne` "the list does not contain it". `ne` with several values
    holds when none of them is equal.
    """

    field: str
    operator: Operator
    values: tuple[str | int | float | bool, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """Sort by a sortable field; the document key breaks ties."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class SearchQuery:
    """One question to the index; every part is optional and all given parts hold together.

    Attributes:
        text: Words that must all occur (any searchable field, prefix match on the last word); "" matches everything.
        where: All conditions must hold.
        vector: float32 of the index's dimensions; hits are then ranked by cosine similarity.
        order: Replaces ranking.
        facets: Field names to count distinct values of, over all matches.
        facet_values: At most this many values per facet, most frequent first.
        top, skip: Page; `top` is 1-1000.
    """

    text: str = ""
    where: tuple[Condition, ...] = ()
    vector: npt.NDArray[np.float32] | None = None
    order: tuple[Order, ...] = ()
    facets: tuple[str, ...] = ()
    facet_values: int = 20
    top: int = 20
    skip: int = 0


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A found document without its vector; `score` ranks within one answer only; `highlight` is a text snippet or ""."""

    document: Document
    score: float
    highlight: str = ""


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """A page of hits, the number of all matches, and facet name to (value, count) pairs."""

    hits: tuple[SearchHit, ...]
    count: int
    facets: Mapping[str, tuple[tuple[str, int], ...]]


@dataclass(frozen=True, slots=True)
class DocumentResult:
    """What an index said about one document of a batch; `error` is "" when it was accepted."""

    id: str
    error: str = ""
