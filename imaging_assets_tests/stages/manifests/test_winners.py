"""Which of several statements counts."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from imaging_assets.stages.manifests.winners import Winner, winners
from imaging_assets_tests.stages.manifests.days import NOON

Row = dict[str, Any]


def stated(tags: str, path: str = "a.jpg", *, hours: float = 0, file: str = "x.csv", line: int = 1, **more: Any) -> Row:
    row = {"status": "bound", "retracted_at": None, "sha256": "one", "path": path, "tags": tags.split("|"), "regions": []}
    return row | {"source": "csv", "file": file, "line": line, "stated_at": NOON + timedelta(hours=hours)} | more


def winner(*statements: Row, standing: Collection[str] = ("a.jpg", "b.jpg", "c.jpg")) -> Winner:
    """Of the bytes `one`, whatever the order of the statements; `standing` are the paths where they still are."""
    found = winners(statements, lambda path, _: path in standing)
    assert found == winners(reversed(statements), lambda path, _: path in standing)
    return found["one"]


def test_the_newest_statement_about_a_path_wins() -> None:
    assert winner(stated("cat"), stated("dog", hours=1)).tags == ("dog",)
    assert winner(stated("cat", file="z.csv", line=9), stated("dog", hours=1)).tags == ("dog",)


def test_of_statements_of_one_time_the_last_file_and_then_the_last_line_wins() -> None:
    assert winner(stated("cat", line=9), stated("dog", file="y.csv")).tags == ("dog",)
    assert winner(stated("cat", line=2), stated("dog", line=10)).tags == ("dog",)


def test_correcting_a_path_is_no_conflict() -> None:
    assert winner(stated("cat"), stated("dog", hours=1)).conflict == ""


def test_only_bound_statements_that_stand_count() -> None:
    gone = stated("dog", hours=1, retracted_at=NOON)
    assert winner(stated("cat"), gone).tags == ("cat",)
    assert winners([gone, stated("x", status="unmatched"), stated("y", status="ambiguous")], lambda *_: True) == {}


def test_equal_bytes_with_equal_tags_agree_and_nobody_asks_where_they_are() -> None:
    asked: list[str] = []

    def exists(path: str, _: str) -> bool:
        asked.append(path)
        return True

    found = winners([stated("cat"), stated("cat", "b.jpg")], exists)
    assert (found["one"].conflict, asked) == ("", [])


def test_equal_bytes_with_other_tags_at_another_path_conflict_and_both_are_told() -> None:
    assert winner(stated("cat"), stated("dog|pet", "b.jpg", hours=1)).conflict == "a.jpg is cat; b.jpg is dog|pet"


def test_a_third_path_is_told_too() -> None:
    told = winner(stated("cat"), stated("dog", "b.jpg"), stated("cat", "c.jpg")).conflict
    assert told == "a.jpg is cat; b.jpg is dog; c.jpg is cat"


def test_a_newer_statement_about_both_paths_settles_it() -> None:
    found = winner(stated("cat"), stated("dog", "b.jpg"), stated("dog", hours=1), stated("dog", "b.jpg", hours=1))
    assert (found.tags, found.conflict) == (("dog",), "")


def test_deleting_either_image_settles_it_in_favour_of_the_one_that_stays() -> None:
    both = (stated("cat"), stated("dog", "b.jpg", hours=1))
    one, other = winner(*both, standing=["a.jpg"]), winner(*both, standing=["b.jpg"])
    assert (one.tags, one.conflict) == (("cat",), "")
    assert (other.tags, other.conflict) == (("dog",), "")


def test_when_the_bytes_have_left_all_the_paths_the_newest_statement_follows_them() -> None:
    found = winner(stated("cat"), stated("dog", "b.jpg", hours=1), standing=[])
    assert (found.tags, found.conflict) == (("dog",), "")


def test_a_statement_about_the_bytes_themselves_holds_at_every_path() -> None:
    settled = winner(stated("cat"), stated("dog", "b.jpg"), stated("bird", "", hours=1))
    assert (settled.tags, settled.conflict) == (("bird",), "")


def test_a_newer_statement_about_one_path_contradicts_an_older_one_about_the_bytes_only_elsewhere() -> None:
    assert winner(stated("cat", ""), stated("dog", hours=1)).tags == ("dog",)
    assert winner(stated("cat", ""), stated("dog", hours=1)).conflict == ""


def test_different_bytes_have_nothing_to_do_with_each_other() -> None:
    found = winners([stated("cat"), stated("dog", sha256="two")], lambda *_: True)
    assert {sha256: (won.tags, won.conflict) for sha256, won in found.items()} == {"one": (("cat",), ""), "two": (("dog",), "")}


def test_the_line_and_the_time_are_no_part_of_what_matters_downstream() -> None:
    one, other = winner(stated("cat")), winner(stated("cat", line=7, hours=3))
    assert one != other
    assert one.content == other.content
    assert winner(stated("dog")).content != one.content != winner(stated("cat", file="y.csv")).content
