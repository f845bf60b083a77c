"""What every search index answers, whichever service does.

Belongs here: text, conditions, facets, order, pages, vectors, refused queries. Does not: writing (`test_search_index.py`).
"""

from pathlib import Path
from typing import Any

import pytest

from imaging_assets.errors import QueryError
from imaging_assets.ports.search_index import SearchIndex
from imaging_assets.records.search import Condition, Order, SearchQuery
from imaging_assets_tests.contracts.test_search_index import BUILDERS, document, found, put, vector


@pytest.fixture(params=BUILDERS)
def index(request: pytest.FixtureRequest, tmp_path: Path) -> SearchIndex:
    return BUILDERS[request.param](tmp_path)


def found_where(index: SearchIndex, field: str, operator: Any, *values: str | float | bool) -> set[str]:
    return set(found(index, SearchQuery(where=(Condition(field, operator, values),))))


def test_all_words_must_occur_but_in_any_fields(index: SearchIndex) -> None:
    put(index, document("a", text="red car", tags=["street"]), document("b", text="red car"), document("c", predicted="street"))

    assert found(index, SearchQuery(text="street red")) == ["a"]
    assert found(index, SearchQuery(text="red car street nothing")) == []


def test_the_last_word_matches_as_a_prefix_and_the_others_do_not(index: SearchIndex) -> None:
    put(index, document("a", text="mountain lake"))

    assert found(index, SearchQuery(text="mountain la")) == ["a"]
    assert found(index, SearchQuery(text="mount lake")) == []


@pytest.mark.parametrize("text", ["café", "CAFE", "Cafe\u0301", "caf"])
def test_case_and_accents_do_not_matter(index: SearchIndex, text: str) -> None:
    put(index, document("a", text="Café de Flore"))

    assert found(index, SearchQuery(text=text)) == ["a"]


def test_parts_of_a_path_are_words(index: SearchIndex) -> None:
    put(index, document("a", path="garage/2026-01-02/IMG_0042.jpg"))

    assert found(index, SearchQuery(text="garage/2026-01-02/IMG_0042.jpg")) == ["a"]
    assert found(index, SearchQuery(text="0042")) == ["a"]


SYNTAX = [
    '"',
    "'",
    '"cat',
    "cat*",
    "*",
    "cat AND",
    "NOT",
    "NEAR(cat",
    "text:cat",
    "-cat",
    "(",
    "cat)",
    "^cat",
    "%",
    ";drop table words",
]
AWKWARD = ["\x00", "\ud800", "💥", "𞤀 x", "a" * 10_000, "a b " * 10_000, "हिन्दी", "日本"]


@pytest.mark.parametrize("text", [*SYNTAX, *AWKWARD])
def test_any_text_is_a_safe_query(index: SearchIndex, text: str) -> None:
    put(index, document("a", text="cat"))

    assert index.query(SearchQuery(text=text)).count in {0, 1}


@pytest.mark.parametrize("text", ["", "  ", "?!", "*"])
def test_a_text_without_words_matches_everything(index: SearchIndex, text: str) -> None:
    put(index, document("a"), document("b"))

    assert index.query(SearchQuery(text=text)).count == 2


def test_operators_in_the_text_are_words(index: SearchIndex) -> None:
    put(index, document("a", text="salt and pepper"), document("b", text="salt pepper"))

    assert found(index, SearchQuery(text="salt AND pepper")) == ["a"]


def test_a_document_that_says_it_more_ranks_first(index: SearchIndex) -> None:
    put(index, document("a", text="cat " + "filler " * 50), document("b", text="cat cat cat"), document("c", text="dog"))

    answer = index.query(SearchQuery(text="cat"))

    assert [hit.document["id"] for hit in answer.hits] == ["b", "a"]
    assert answer.hits[0].score > answer.hits[1].score


def test_a_text_hit_is_highlighted_and_others_are_not(index: SearchIndex) -> None:
    put(index, document("a", text="a black cat at night", vector=vector(1, 0, 0, 0)))

    assert index.query(SearchQuery(text="cat")).hits[0].highlight == "a black «cat» at night"
    assert index.query(SearchQuery(text="cat", vector=vector(1, 0, 0, 0))).hits[0].highlight == "a black «cat» at night"
    assert index.query(SearchQuery()).hits[0].highlight == ""


def test_conditions_compare_by_type(index: SearchIndex) -> None:
    put(index, document("a", width=9, probability=0.5, disagrees=True, captured_at="2026-01-02T03:04:05Z"))
    put(index, document("b", width=10, probability=1, disagrees=False, captured_at="2026-01-02T03:04:05.5Z"))

    assert found_where(index, "width", "lt", 10) == {"a"}
    assert found_where(index, "width", "ge", 9) == {"a", "b"}
    assert found_where(index, "probability", "gt", 0.5) == {"b"}
    assert found_where(index, "probability", "eq", 1) == {"b"}
    assert found(index, SearchQuery(where=(Condition("disagrees", "eq", (True,)),))) == ["a"]
    assert found_where(index, "captured_at", "gt", "2026-01-02T04:04:05+01:00") == {"b"}
    assert found_where(index, "captured_at", "eq", "2026-01-02T04:04:05+01:00") == {"a"}
    assert found_where(index, "name", "le", "a.jpg") == {"a"}
    assert found_where(index, "id", "eq", "a") == {"a"}


def test_a_missing_value_matches_only_not_equal(index: SearchIndex) -> None:
    put(index, document("a", width=5, model_id="m"), document("b"))

    assert found_where(index, "model_id", "ne", "x") == {"a", "b"}
    assert found_where(index, "model_id", "ne", "m") == {"b"}
    assert found_where(index, "model_id", "eq", "m") == {"a"}
    for operator in ("lt", "le", "gt", "ge"):
        assert found_where(index, "width", operator, 5) <= {"a"}


def test_one_of_several_values_is_enough_and_all_conditions_must_hold(index: SearchIndex) -> None:
    put(index, document("a", predicted="cat", width=1), document("b", predicted="dog", width=2), document("c", predicted="cow"))

    assert found_where(index, "predicted", "eq", "cat", "dog") == {"a", "b"}
    assert found_where(index, "predicted", "ne", "cat", "dog") == {"c"}
    assert found_where(index, "width", "lt", 1, 2) == {"a"}
    both = (Condition("predicted", "eq", ("cat", "dog")), Condition("width", "ge", (2,)))
    assert found(index, SearchQuery(where=both)) == ["b"]


def test_conditions_on_a_list_ask_what_it_contains(index: SearchIndex) -> None:
    put(index, document("a", tags=["cat", "dog"]), document("b", tags=["dog"]), document("c"))

    assert found_where(index, "tags", "eq", "cat") == {"a"}
    assert found_where(index, "tags", "eq", "cat", "dog") == {"a", "b"}
    assert found_where(index, "tags", "ne", "cat") == {"b", "c"}
    assert found_where(index, "tags", "ne", "cat", "dog") == {"c"}


def test_text_and_conditions_hold_together(index: SearchIndex) -> None:
    put(index, document("a", text="cat", tags=["x"], width=1), document("b", text="cat", tags=["x"]), document("c", text="cat"))

    where = (Condition("tags", "eq", ("x",)),)
    assert set(found(index, SearchQuery(text="cat", where=where))) == {"a", "b"}
    assert found(index, SearchQuery(text="cat", where=(*where, Condition("width", "eq", (1,))))) == ["a"]
    assert found(index, SearchQuery(text="dog", where=where)) == []


def test_facets_count_all_matches_and_not_the_page(index: SearchIndex) -> None:
    put(index, *(document(f"a{n}", predicted="cat", disagrees=True, tags=["x", "y"], text="one") for n in range(3)))
    put(index, *(document(f"b{n}", predicted="dog", disagrees=False, tags=["y"], text="two") for n in range(2)), document("c"))

    answer = index.query(SearchQuery(facets=("predicted", "disagrees", "tags", "duplicate_group"), top=1))
    filtered = index.query(SearchQuery(text="two", facets=("predicted", "tags"), top=1))

    assert answer.count == 6
    assert dict(answer.facets) == {
        "predicted": (("cat", 3), ("dog", 2)),
        "disagrees": (("true", 3), ("false", 2)),
        "tags": (("y", 5), ("x", 3)),
        "duplicate_group": (),
    }
    assert dict(filtered.facets) == {"predicted": (("dog", 2),), "tags": (("y", 2),)}


def test_sides_quality_and_text_are_facets_and_conditions(index: SearchIndex) -> None:
    put(
        index,
        document("a", split="train", quality=["dark", "blurred"], has_text=True),
        document("b", split="test", quality=["dark"], has_text=False),
        document("c"),  # not placed, nothing wrong with it, nobody looked for text
    )

    answer = index.query(SearchQuery(facets=("split", "quality", "has_text")))

    assert {name: dict(counts) for name, counts in answer.facets.items()} == {
        "split": {"train": 1, "test": 1},
        "quality": {"dark": 2, "blurred": 1},
        "has_text": {"true": 1, "false": 1},
    }
    assert found_where(index, "split", "eq", "train", "test") == {"a", "b"}
    assert found_where(index, "quality", "ne", "dark") == {"c"}
    assert found_where(index, "has_text", "eq", False) == {"b"}  # noqa: FBT003


@pytest.mark.parametrize("share", [2, 50])
def test_facets_are_right_for_few_and_for_many_matches(index: SearchIndex, share: int) -> None:
    put(index, *(document(f"k{n}", tags=[f"t{n % 3}"], predicted=f"p{n % 2}", width=n % share) for n in range(300)))

    answer = index.query(SearchQuery(where=(Condition("width", "eq", (0,)),), facets=("tags", "predicted")))

    kept = range(0, 300, share)
    assert dict(answer.facets["tags"]) == {f"t{rest}": sum(n % 3 == rest for n in kept) for rest in range(3)}
    assert dict(answer.facets["predicted"]) == {"p0": len(kept)}


def test_a_facet_shows_its_most_frequent_values(index: SearchIndex) -> None:
    put(index, *(document(f"k{n}", predicted="often" if n < 3 else f"once{n}") for n in range(6)))

    for where in ((), (Condition("id", "ne", ("k5",)),)):
        answer = index.query(SearchQuery(where=where, facets=("predicted",), facet_values=2))
        assert answer.facets["predicted"] == (("often", 3), ("once3", 1))


def test_hits_are_sorted_with_the_key_as_last_word_and_missing_values_at_the_end(index: SearchIndex) -> None:
    put(index, document("d"), document("b", width=2), document("c", width=1), document("a", width=2))

    assert found(index, SearchQuery(order=(Order("width"),))) == ["c", "a", "b", "d"]
    assert found(index, SearchQuery(order=(Order("width", descending=True),))) == ["a", "b", "c", "d"]
    assert found(index, SearchQuery(order=(Order("day"), Order("name", descending=True)))) == ["d", "c", "b", "a"]


def test_an_order_replaces_the_ranking_of_text_and_vector(index: SearchIndex) -> None:
    put(index, document("a", text="cat", width=2, vector=vector(1, 0, 0, 0)))
    put(index, document("b", text="cat cat cat", width=3, vector=vector(0, 1, 0, 0)), document("c", text="cat", width=1))

    assert found(index, SearchQuery(text="cat", order=(Order("width"),))) == ["c", "a", "b"]
    assert found(index, SearchQuery(vector=vector(0, 1, 0, 0), order=(Order("width"),))) == ["a", "b"]


@pytest.mark.parametrize("query", [SearchQuery(), SearchQuery(text="cat"), SearchQuery(vector=vector(1, 0, 0, 0))], ids=str)
def test_pages_neither_overlap_nor_leave_out(index: SearchIndex, query: SearchQuery) -> None:
    put(index, *(document(f"k{n:02}", text="cat", vector=vector(1, 0, 0, 0)) for n in range(25)))

    pages = [SearchQuery(text=query.text, vector=query.vector, top=10, skip=skip) for skip in (0, 10, 20, 30)]

    assert [len(found(index, page)) for page in pages] == [10, 10, 5, 0]
    assert {key for page in pages for key in found(index, page)} == {f"k{n:02}" for n in range(25)}
    assert {index.query(page).count for page in pages} == {25}


def test_the_nearest_vectors_come_first_with_their_cosine(index: SearchIndex) -> None:
    put(index, document("far", vector=vector(0, 2, 0, 0)), document("near", vector=vector(3, 0, 0, 0)), document("none"))
    put(index, document("half", vector=[1.0, 1.0, 0.0, 0.0]), document("away", vector=vector(-1, 0, 0, 0)))

    answer = index.query(SearchQuery(vector=vector(7, 0, 0, 0)))

    assert [hit.document["id"] for hit in answer.hits] == ["near", "half", "far", "away"]
    assert [hit.score for hit in answer.hits] == pytest.approx([1, 0.5**0.5, 0, -1], abs=1e-6)
    assert answer.count == 4


def test_text_and_conditions_filter_a_vector_query(index: SearchIndex) -> None:
    put(
        index,
        document("a", text="cat", tags=["x"], vector=vector(1, 0, 0, 0)),
        document("b", text="cat", vector=vector(1, 1, 0, 0)),
    )
    put(index, document("c", text="dog", tags=["x"], vector=vector(1, 0, 0, 0)), document("d", text="cat", tags=["x"]))

    both = SearchQuery(text="cat", where=(Condition("tags", "eq", ("x",)),), vector=vector(1, 0, 0, 0), facets=("tags",))

    assert found(index, SearchQuery(text="cat", vector=vector(1, 0, 0, 0))) == ["a", "b"]
    assert found(index, both) == ["a"]
    assert index.query(both).count == 1
    assert index.query(both).facets["tags"] == (("x", 1),)


def test_a_vector_query_sees_each_later_change(index: SearchIndex) -> None:
    query = SearchQuery(vector=vector(1, 0, 0, 0))
    put(index, document("a", vector=vector(1, 0, 0, 0)), document("b", vector=vector(0, 1, 0, 0)))
    assert found(index, query) == ["a", "b"]

    put(index, document("a", vector=vector(-1, 0, 0, 0)), document("c", vector=vector(1, 1, 0, 0)))
    assert found(index, query) == ["c", "b", "a"]
    index.delete(["b"])
    assert found(index, query) == ["c", "a"]
    put(index, document("d", vector=vector(1, 0, 0, 0)), document("c"))
    assert found(index, query) == ["d", "a"]


def test_a_vector_of_zeros_is_similar_to_nothing(index: SearchIndex) -> None:
    put(index, document("a", vector=vector(0, 0, 0, 0)))

    assert index.query(SearchQuery(vector=vector(1, 0, 0, 0))).hits[0].score == 0


@pytest.mark.parametrize(
    ("query", "named"),
    [
        (SearchQuery(where=(Condition("colour", "eq", ("red",)),)), "colour"),
        (SearchQuery(where=(Condition("text", "eq", ("cat",)),)), "text"),
        (SearchQuery(where=(Condition("width", "eq", ("wide",)),)), "width"),
        (SearchQuery(where=(Condition("width", "eq", (True,)),)), "width"),
        (SearchQuery(where=(Condition("predicted", "eq", (7,)),)), "predicted"),
        (SearchQuery(where=(Condition("captured_at", "gt", ("yesterday",)),)), "captured_at"),
        (SearchQuery(where=(Condition("tags", "lt", ("cat",)),)), "tags"),
        (SearchQuery(where=(Condition("disagrees", "gt", (True,)),)), "disagrees"),
        (SearchQuery(where=(Condition("day", "like", ("2026",)),)), "like"),  # type: ignore[arg-type]
        (SearchQuery(where=(Condition("day", "eq", ()),)), "day"),
        (SearchQuery(order=(Order("tags"),)), "tags"),
        (SearchQuery(order=(Order('"; drop table words'),)), "drop table"),
        (SearchQuery(facets=("path",)), "path"),
        (SearchQuery(facets=("day",), facet_values=0), "facet_values"),
        (SearchQuery(top=0), "top"),
        (SearchQuery(top=1001), "top"),
        (SearchQuery(skip=-1), "skip"),
        (SearchQuery(vector=vector(1, 0, 0)), "vector"),
    ],
)
def test_a_wrong_query_is_refused_with_the_field_and_the_remedy(index: SearchIndex, query: SearchQuery, named: str) -> None:
    with pytest.raises(QueryError, match=r"(Use|Give|Ask|use) .*\.$") as refused:
        index.query(query)
    assert named in str(refused.value)
