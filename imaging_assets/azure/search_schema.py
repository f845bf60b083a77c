"""From declared fields to an index of Azure AI Search, and documents on their way there and back.

Belongs here: which service type and analyzer a field gets, and the hash in an index's name. Does not: queries (`search_queries`), calls.

Beside each declared field that is sorted by, and beside the vector, an index has `<field>_absent`: the service puts missing values
first, and cannot ask whether a vector is there. The key is sortable, because it breaks ties and pages through all documents.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from azure.search.documents.indexes.models import (
    CustomAnalyzer,
    HnswAlgorithmConfiguration,
    HnswParameters,
    PatternReplaceCharFilter,
    PatternTokenizer,
    SearchField,
    SearchIndex,
    VectorSearch,
    VectorSearchProfile,
)

from imaging_assets.ports.search_values import CheckedDocument, SearchSchema, canonical
from imaging_assets.records.search import Document
from imaging_assets.records.search import SearchField as Declared

_LAYOUT = 1
"""Raised when definitions change without a change of fields: a new index is then filled beside the old."""

_TYPES = {
    "string": "Edm.String",
    "int64": "Edm.Int64",
    "double": "Edm.Double",
    "boolean": "Edm.Boolean",
    "datetime": "Edm.DateTimeOffset",
    "strings": "Collection(Edm.String)",
    "vector": "Collection(Edm.Single)",
}
_WORDS = "imaging_words"
_DECIMALS = 8
"""Of a unit vector's numbers: what float32 can tell apart."""


def digest_of(schema: SearchSchema) -> str:
    """Twelve hex digits; equal for equal schemas of one layout."""
    return hashlib.sha256(json.dumps({"layout": _LAYOUT, **asdict(schema)}, sort_keys=True).encode()).hexdigest()[:12]


def definition(name: str, schema: SearchSchema) -> SearchIndex:
    """The index to create.

    Words are runs of letters and digits without regard to case and accents, in every language alike.
    """
    fields = [_field(declared, schema) for declared in schema.fields]
    fields += [_field(Declared(absent(each), "boolean", filterable=True, sortable=True), schema) for each in _watched(schema)]
    return SearchIndex(
        name=name,
        fields=fields,
        analyzers=[
            CustomAnalyzer(
                name=_WORDS,
                tokenizer_name=f"{_WORDS}_split",
                char_filters=[f"{_WORDS}_unmarked"],
                token_filters=["lowercase", "asciifolding"],
            )
        ],
        tokenizers=[PatternTokenizer(name=f"{_WORDS}_split", pattern=r"[^\p{L}\p{N}\p{M}]+")],
        char_filters=[PatternReplaceCharFilter(name=f"{_WORDS}_unmarked", pattern=r"\p{Mn}+", replacement="")],
        vector_search=VectorSearch(
            algorithms=[HnswAlgorithmConfiguration(name="cosine", parameters=HnswParameters(metric="cosine"))],
            profiles=[VectorSearchProfile(name=_profile(schema), algorithm_configuration_name="cosine")],
        ),
    )


def shared_with(schema: SearchSchema, index: SearchIndex) -> SearchSchema:
    """The declared schema without the fields that an older index lacks, gives another type, or holds of another embedding."""
    there = {field.name: field for field in index.fields}

    def same(declared: Declared) -> bool:
        field = there.get(declared.name)
        if field is None or field.type != _TYPES[declared.type]:
            return False
        return declared.type != "vector" or field.vector_search_profile_name == _profile(schema)

    return SearchSchema(tuple(filter(same, schema.fields)), schema.dimensions, schema.embedding_id)


def absent(field: Declared) -> str:
    """Name of the companion that tells whether a field has no value."""
    return f"{field.name}_absent"


def to_json(document: CheckedDocument, schema: SearchSchema) -> dict[str, Any]:
    """What is sent: values that are there, and which are not."""
    sent: dict[str, Any] = {name: value for name, value in document.values.items() if name in schema.by_name}
    for field in _watched(schema):
        missing = document.vector is None if field.type == "vector" else field.name not in document.values
        sent[absent(field)] = missing
        if field.type == "vector" and document.vector is not None:
            numbers = np.frombuffer(document.vector, np.float32).astype(np.float64)
            sent[field.name] = np.round(numbers, _DECIMALS).tolist()
    return sent


def from_json(row: Mapping[str, Any], declared: SearchSchema) -> Document:
    """The document of an answer's row: every declared field but the vector; what is missing is None or []."""
    document: dict[str, Any] = {}
    for field in declared.fields:
        value = row.get(field.name)
        if field.type == "strings":
            document[field.name] = list(value or ())
        elif field.type != "vector":
            document[field.name] = canonical(field, value) if value is not None else None
    return document


def returned(schema: SearchSchema) -> list[str]:
    """Names of the fields that answers carry."""
    return [field.name for field in schema.fields if field.type != "vector"]


def _watched(schema: SearchSchema) -> list[Declared]:
    return [field for field in schema.fields if (field.sortable or field.type == "vector") and not field.key]


def _field(declared: Declared, schema: SearchSchema) -> SearchField:
    if declared.type == "vector":
        return SearchField(
            name=declared.name,
            type=_TYPES["vector"],
            searchable=True,
            retrievable=False,
            stored=False,
            vector_search_dimensions=schema.dimensions,
            vector_search_profile_name=_profile(schema),
        )
    return SearchField(
        name=declared.name,
        type=_TYPES[declared.type],
        key=declared.key,
        searchable=declared.searchable,
        filterable=declared.filterable,
        sortable=declared.sortable or declared.key,
        facetable=declared.facetable,
        retrievable=True,
        analyzer_name=_WORDS if declared.searchable else None,
    )


def _profile(schema: SearchSchema) -> str:
    """Name of the vectors' profile: tells what made them, so that vectors of two embeddings are never compared."""
    made_by = f"{schema.embedding_id} {schema.dimensions}"
    return f"embedding-{hashlib.sha256(made_by.encode()).hexdigest()[:8]}"
