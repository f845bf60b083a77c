"""What is special about the embedded search index: files, generations of several schemas, damage.

Belongs here: behaviour that only an index of files has. Does not: the port's promises (`test_search_index.py`), several writers
at once (`test_sqlite_search_index_processes.py`).
"""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from imaging_assets.embedded.search_index import SqliteSearchIndex
from imaging_assets.embedded.search_index.database import translated
from imaging_assets.errors import QueryError, SearchIndexError
from imaging_assets.records.search import FIELDS, Condition, Order, SearchField, SearchQuery
from imaging_assets_tests.contracts.test_search_index import document, found, put, vector


def index_in(
    folder: Path, *, dimensions: int = 4, embedding_id: str = "", fields: tuple[SearchField, ...] = FIELDS
) -> SqliteSearchIndex:
    return SqliteSearchIndex(folder / "search", dimensions=dimensions, embedding_id=embedding_id, fields=fields)


def databases(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "search").glob("*.db")}


def test_an_index_is_made_on_first_use_and_read_by_the_next_object(tmp_path: Path) -> None:
    assert not (tmp_path / "search").exists()
    put(index_in(tmp_path), document("a"))

    assert found(index_in(tmp_path), SearchQuery()) == ["a"]


def test_an_index_made_anew_has_another_generation(tmp_path: Path) -> None:
    index = index_in(tmp_path)
    put(index, document("a"))
    before = index.generation

    shutil.rmtree(tmp_path / "search")

    assert index.generation != before
    assert found(index, SearchQuery()) == []
    put(index, document("b"))
    assert found(index, SearchQuery()) == ["b"]


def test_a_lost_database_beside_its_pointer_is_a_lost_index(tmp_path: Path) -> None:
    before = index_in(tmp_path).generation
    (tmp_path / "search" / f"{before}.db").unlink()

    index = index_in(tmp_path)

    assert index.generation != before
    assert index.query(SearchQuery()).count == 0


def test_a_promotion_leaves_one_file(tmp_path: Path) -> None:
    index = index_in(tmp_path)
    put(index, document("a"))
    index.rebuild()
    rebuilt = index.rebuild()
    assert len(databases(tmp_path)) == 2

    index.promote()

    assert databases(tmp_path) == {rebuilt}


@pytest.mark.parametrize("change", [{"dimensions": 8}, {"embedding_id": "b"}, {"fields": FIELDS[:-2]}], ids=str)
def test_another_schema_starts_a_rebuild_and_queries_stay(tmp_path: Path, change: dict[str, int]) -> None:
    put(index_in(tmp_path), document("a", text="cat"))
    before = index_in(tmp_path).generation

    index = index_in(tmp_path, **change)  # type: ignore[arg-type]

    assert index.serving == before
    assert databases(tmp_path) == {before}
    assert index.generation != before
    assert index.serving == before
    assert found(index, SearchQuery(text="cat")) == ["a"]
    assert list(index.ids()) == []


def test_during_a_change_of_fields_both_generations_get_what_they_can_hold(tmp_path: Path) -> None:
    lens = SearchField("lens", "string", searchable=True, filterable=True, facetable=True, sortable=True)
    labels = SearchField("labels", "strings", filterable=True, facetable=True)
    fields = (*(field for field in FIELDS if field.name != "status"), lens, labels)
    put(index_in(tmp_path), document("a", text="cat", status="ready"))
    index = index_in(tmp_path, fields=fields)
    new = {"id": "b", "text": "cat", "lens": "wide", "labels": ["x"], "tags": ["t"], "vector": vector(1, 0, 0, 0)}
    wide, labelled = (Condition("lens", "eq", ("wide",)),), (Condition("labels", "eq", ("x",)),)
    counted = SearchQuery(facets=("lens", "labels", "tags"), order=(Order("lens"),))

    put(index, new)

    assert found(index, counted) == ["a", "b"]
    assert found(index, SearchQuery(where=wide)) == found(index, SearchQuery(where=labelled)) == []
    assert found(index, SearchQuery(where=(Condition("lens", "ne", ("wide",)),), text="cat", order=(Order("path"),))) == [
        "a",
        "b",
    ]
    assert index.query(counted).facets == {"lens": (), "labels": (), "tags": (("t", 1),)}
    assert found(index, SearchQuery(vector=vector(1, 0, 0, 0))) == ["b"]
    assert found(index_in(tmp_path), SearchQuery(where=(Condition("status", "eq", ("ready",)),))) == ["a"]

    index.promote()

    assert found(index, SearchQuery(where=wide)) == found(index, SearchQuery(where=labelled)) == ["b"]
    assert index.query(counted).facets["lens"] == (("wide", 1),)


def test_vectors_of_another_embedding_are_never_compared(tmp_path: Path) -> None:
    put(index_in(tmp_path, embedding_id="a"), document("x", vector=vector(1, 0, 0, 0)))
    index = index_in(tmp_path, embedding_id="b")
    put(index, document("x", text="sent again", vector=vector(0, 1, 0, 0)))

    with pytest.raises(QueryError, match=r"Promote .*\.$"):
        index.query(SearchQuery(vector=vector(0, 1, 0, 0)))
    old = index_in(tmp_path, embedding_id="a").query(SearchQuery(vector=vector(1, 0, 0, 0)))
    assert [hit.score for hit in old.hits] == [1]
    assert found(index, SearchQuery(text="again")) == ["x"]

    index.promote()
    assert index.query(SearchQuery(vector=vector(0, 1, 0, 0))).hits[0].score == 1


def test_a_promotion_by_another_release_does_not_empty_the_index(tmp_path: Path) -> None:
    index = index_in(tmp_path)
    put(index, document("a"))

    index_in(tmp_path, dimensions=8).promote()

    assert found(index, SearchQuery()) == ["a"]


def test_a_damaged_database_says_how_to_go_on(tmp_path: Path) -> None:
    name = index_in(tmp_path).generation
    (tmp_path / "search" / f"{name}.db").write_bytes(b"not a database" * 1000)

    with pytest.raises(SearchIndexError, match=r"delete the index's folder: .*\.$"):
        index_in(tmp_path).query(SearchQuery())


def test_a_damaged_pointer_says_how_to_go_on(tmp_path: Path) -> None:
    index_in(tmp_path).promote()
    (tmp_path / "search" / "pointer.json").write_text(json.dumps(["index"]))

    with pytest.raises(SearchIndexError, match=r"Delete .*\.$"):
        index_in(tmp_path).query(SearchQuery())


def test_a_sqlite_without_full_text_search_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(SearchIndexError, match=r"no full-text search: use a Python .*\.$"), translated(tmp_path):
        raise sqlite3.OperationalError("no such module: fts5")


def test_a_page_among_thousands_is_the_one_that_sorting_them_all_gives_whoever_wrote_last(tmp_path: Path) -> None:
    index, other = index_in(tmp_path), index_in(tmp_path)
    documents = {
        f"k{n}": document(
            f"k{n}", width=None if n % 7 == 0 else n % 40, faces=1, tags=[f"t{n % 3}"], day=f"2026-01-{n % 3 + 1:02}"
        )
        for n in range(2_500)
    }
    put(index, *documents.values())
    orders = [
        (Order("width"),),
        (Order("width", descending=True), Order("name")),
        (Order("faces"), Order("name", descending=True)),
        (Order("height"), Order("day", descending=True), Order("path")),
    ]

    def sorted_by(order: tuple[Order, ...]) -> list[str]:
        keys = sorted(documents)
        for each in reversed(order):
            there = [key for key in keys if documents[key].get(each.field) is not None]
            there.sort(key=lambda key: documents[key][each.field], reverse=each.descending)
            keys = [*there, *(key for key in keys if documents[key].get(each.field) is None)]
        return keys

    def agrees() -> None:
        for order in orders:
            wanted = sorted_by(order)
            for skip in (0, 1_000, len(wanted) - 3, len(wanted) + 5):
                answer = index.query(SearchQuery(order=order, skip=skip, top=20, facets=("tags", "day")))
                assert [hit.document["id"] for hit in answer.hits] == wanted[skip : skip + 20]
                assert answer.count == sum(dict(answer.facets["day"]).values()) == len(wanted)
                tags = [tag for each in documents.values() for tag in each["tags"]]
                assert dict(answer.facets["tags"]) == {tag: tags.count(tag) for tag in set(tags)}

    agrees()
    documents |= {f"k{n}": document(f"k{n}", width=99 - n, day="2026-02-01", tags=["new"]) for n in range(5)}
    put(other, *(documents[f"k{n}"] for n in range(5)))
    agrees()
    for key in ("k100", "k2499"):
        del documents[key]
    other.delete(["k100", "k2499"])
    agrees()
