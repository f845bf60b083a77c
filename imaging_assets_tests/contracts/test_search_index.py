"""What every search index promises, whichever service answers.

Belongs here: writing, reading back, rebuilding. Does not: queries (`test_search_index_queries.py`); files and processes of one
implementation (`test_sqlite_search_index.py`). Another implementation joins by a line in `BUILDERS`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from azure.core.credentials import AzureKeyCredential

from imaging_assets.azure.search_calls import Patience
from imaging_assets.azure.search_index import AzureAISearchIndex
from imaging_assets.embedded.blob_store import DirectoryBlobStore
from imaging_assets.embedded.search_index import SqliteSearchIndex
from imaging_assets.ports.search_index import SearchIndex
from imaging_assets.records.search import FIELDS, Condition, Document, Order, SearchQuery
from imaging_assets_tests.azure.azurite import a_name
from imaging_assets_tests.azure.search_server.server import ADMIN_KEY, shared_search_server

DIMENSIONS = 4


def sqlite_index(folder: Path) -> SearchIndex:
    return SqliteSearchIndex(folder / "search", dimensions=DIMENSIONS)


def azure_index(folder: Path) -> SearchIndex:
    return AzureAISearchIndex(
        shared_search_server().endpoint,
        AzureKeyCredential(ADMIN_KEY),
        alias=a_name(),
        store=DirectoryBlobStore.create(folder / "store"),
        pointer="manifests/_search_index.json",
        dimensions=DIMENSIONS,
        patience=Patience(tries=3, first_wait=0.01, alias=0.0, settled=0.0),
    )


BUILDERS: dict[str, Callable[[Path], SearchIndex]] = {"sqlite": sqlite_index, "azure": azure_index}


@pytest.fixture(params=BUILDERS)
def index(request: pytest.FixtureRequest, tmp_path: Path) -> SearchIndex:
    return BUILDERS[request.param](tmp_path)


def document(key: str, **fields: Any) -> Document:
    return {"id": key, "path": f"camera/{key}.jpg", "name": f"{key}.jpg", "day": "2026-01-02", "status": "ready", **fields}


def put(index: SearchIndex, *documents: Document) -> None:
    assert [result.error for result in index.put(documents)] == [""] * len(documents)


def found(index: SearchIndex, query: SearchQuery) -> list[str]:
    return [hit.document["id"] for hit in index.query(query).hits]


def vector(*values: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(values, np.float32)


def test_an_empty_index_answers_with_nothing(index: SearchIndex) -> None:
    answer = index.query(SearchQuery(text="cat", facets=("tags",)))

    assert (answer.hits, answer.count, dict(answer.facets)) == ((), 0, {"tags": ()})
    assert index.get("a") is None
    assert list(index.ids()) == []


def test_a_document_is_found_as_soon_as_put_returns(index: SearchIndex) -> None:
    put(index, document("a", text="a cat on a mat"))

    assert found(index, SearchQuery(text="cat")) == ["a"]


def test_a_document_comes_back_complete_and_without_its_vector(index: SearchIndex) -> None:
    put(index, document("a", tags=["cat", "dog"], width=640, captured_at="2026-01-02T04:04:05+01:00", vector=vector(1, 0, 0, 0)))

    stored = index.get("a")

    assert stored is not None
    assert set(stored) == {field.name for field in FIELDS} - {"vector"}
    assert (stored["tags"], stored["width"], stored["captured_at"]) == (["cat", "dog"], 640, "2026-01-02T03:04:05Z")
    assert (stored["predicted"], stored["probability"]) == (None, None)
    assert index.query(SearchQuery()).hits[0].document == stored


def test_a_missing_list_comes_back_empty(index: SearchIndex) -> None:
    put(index, document("a"), document("b", tags=None))

    assert [hit.document["tags"] for hit in index.query(SearchQuery()).hits] == [[], []]


def test_putting_again_replaces_every_field(index: SearchIndex) -> None:
    put(index, document("a", text="cat", tags=["cat"], predicted="cat", vector=vector(1, 0, 0, 0)))
    put(index, document("a", text="dog"))

    assert found(index, SearchQuery(text="cat")) == []
    assert found(index, SearchQuery(where=(Condition("tags", "eq", ("cat",)),))) == []
    assert found(index, SearchQuery(vector=vector(1, 0, 0, 0))) == []
    assert index.query(SearchQuery(text="dog", facets=("tags", "predicted"))).facets == {"tags": (), "predicted": ()}
    assert index.query(SearchQuery()).count == 1


def test_of_one_key_twice_in_a_batch_the_last_one_stays(index: SearchIndex) -> None:
    put(index, document("a", text="first"), document("a", text="second"))

    assert index.query(SearchQuery()).count == 1
    assert found(index, SearchQuery(text="second")) == ["a"]


def test_a_batch_of_any_size_is_taken(index: SearchIndex) -> None:
    put(index, *(document(f"k{number:04}") for number in range(2500)))

    assert list(index.ids()) == [f"k{number:04}" for number in range(2500)]
    assert {result.error for result in index.delete([f"k{number:04}" for number in range(2400)])} == {""}
    assert index.query(SearchQuery()).count == 100


def test_deleting_is_final_and_may_be_repeated(index: SearchIndex) -> None:
    put(index, document("a", text="cat", tags=["x"], vector=vector(1, 0, 0, 0)), document("b", text="cat"))

    for _ in range(2):
        assert [(result.id, result.error) for result in index.delete(["a", "never there"])] == [("a", ""), ("never there", "")]
    assert found(index, SearchQuery(text="cat")) == ["b"]
    assert found(index, SearchQuery(vector=vector(1, 0, 0, 0))) == []
    assert index.query(SearchQuery(facets=("tags",))).facets == {"tags": ()}
    assert list(index.ids()) == ["b"]


def test_a_document_with_an_unknown_field_is_rejected_and_its_batch_mates_are_kept(index: SearchIndex) -> None:
    results = index.put([document("a"), document("b", colour="red"), document("c")])

    assert [(result.id, bool(result.error)) for result in results] == [("a", False), ("b", True), ("c", False)]
    assert "colour" in results[1].error
    assert list(index.ids()) == ["a", "c"]


@pytest.mark.parametrize("key", ["", "a/b", "a b", "ä", "a.b", 7, None, "x" * 1025])
def test_a_key_with_other_characters_is_rejected_by_its_document_only(index: SearchIndex, key: Any) -> None:
    bad, good = index.put([{"id": key}, document("aZ09-_=")])

    assert "id" in bad.error
    assert good.error == ""
    assert list(index.ids()) == ["aZ09-_="]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", 7),
        ("text", "\ud800"),
        ("tags", "cat"),
        ("tags", ["cat", 7]),
        ("width", "640"),
        ("width", True),
        ("width", 2**63),
        ("width", 1.5),
        ("probability", "0.5"),
        ("probability", float("nan")),
        ("disagrees", 1),
        ("probability", 10**400),
        ("captured_at", "yesterday"),
        ("captured_at", "0001-01-01T00:00:00+01:00"),
        ("captured_at", "2026-01-02T03:04:05"),
        ("captured_at", 1_767_323_045),
        ("vector", [1.0, 0.0, 0.0]),
        ("vector", [[1.0, 0.0, 0.0, 0.0]]),
        ("vector", [1.0, 0.0, 0.0, float("inf")]),
        ("vector", [1e300, 0.0, 0.0, 0.0]),
        ("vector", "vector"),
    ],
)
def test_a_value_of_another_type_is_rejected_by_its_document_only(index: SearchIndex, field: str, value: Any) -> None:
    bad, good = index.put([document("a", **{field: value}), document("b")])

    assert field in bad.error
    assert good.error == ""
    assert list(index.ids()) == ["b"]


def test_a_rebuild_fills_aside_until_it_is_promoted(index: SearchIndex) -> None:
    put(index, document("old", text="cat"))
    before = index.generation

    started = index.rebuild()

    assert (index.generation, index.serving) == (started, before)
    assert started != before
    assert list(index.ids()) == []
    assert found(index, SearchQuery()) == ["old"]

    put(index, document("new", text="cat"))
    assert list(index.ids()) == ["new"]
    assert set(found(index, SearchQuery(text="cat"))) == {"old", "new"}

    index.promote()
    assert index.generation == index.serving == started
    assert found(index, SearchQuery()) == ["new"]


def test_what_is_deleted_during_a_rebuild_stays_deleted(index: SearchIndex) -> None:
    put(index, document("a"), document("b"))
    index.rebuild()
    put(index, document("a"), document("b"))
    index.delete(["a"])

    assert found(index, SearchQuery()) == ["b"]
    index.promote()
    assert found(index, SearchQuery()) == ["b"]


@pytest.mark.parametrize("key", ["", "a/b", "\ud800", "\x00"])
def test_a_key_that_no_document_can_have_is_not_there(index: SearchIndex, key: str) -> None:
    put(index, document("a"))

    assert index.get(key) is None
    assert index.delete([key])[0].error == ""
    assert list(index.ids()) == ["a"]


def test_promoting_what_serves_already_changes_nothing(index: SearchIndex) -> None:
    put(index, document("a"))
    before = index.generation

    index.promote()

    assert index.generation == index.serving == before
    assert found(index, SearchQuery()) == ["a"]


def test_an_abandoned_rebuild_may_be_started_again(index: SearchIndex) -> None:
    put(index, document("a"))
    abandoned = index.rebuild()
    put(index, document("b"))

    assert index.rebuild() != abandoned
    assert list(index.ids()) == []
    assert found(index, SearchQuery(order=(Order("name"),))) == ["a", "b"]
