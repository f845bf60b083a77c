"""Which labels count as looked at twice."""

from datetime import timedelta
from typing import Any

from imaging_assets.stages.manifests.confirmed import confirmed
from imaging_assets.stages.tables import LABEL_RECORDS
from imaging_assets_tests.stages.manifests.days import NOON


def said(file: str, *tags: str, who: str = "", minutes: float = 0) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(LABEL_RECORDS.columns)
    at = NOON + timedelta(minutes=minutes)
    return row | {
        "file": file,
        "sha256": "a",
        "tags": list(tags),
        "who": who,
        "stated_at": at,
        "statement": f"{file} {at}",
        "line": 1,
    }


def test_two_files_that_say_the_same_confirm_each_other() -> None:
    assert confirmed(LABEL_RECORDS.frame([said("a.csv", "cat", "dog"), said("b.csv", "dog", "cat")])) == {("a", ("cat", "dog"))}
    assert confirmed(LABEL_RECORDS.frame([said("a.csv", "cat"), said("b.csv", "dog")])) == set()
    assert confirmed(LABEL_RECORDS.frame([said("a.csv", "cat"), said("a.csv", "cat", minutes=1)])) == set()


def test_two_people_or_one_at_two_times_do_so_in_one_file() -> None:
    both = [said("a.json", "cat", who="ann"), said("a.json", "cat", who="bob", minutes=1)]
    again = [said("a.json", "cat", who="ann"), said("a.json", "cat", who="ann", minutes=1)]
    assert confirmed(LABEL_RECORDS.frame(both)) == confirmed(LABEL_RECORDS.frame(again)) == {("a", ("cat",))}


def test_a_statement_that_is_exported_again_counts_once() -> None:
    exports = [said("monday.json", "cat", who="ann"), said("tuesday.json", "cat", who="ann")]
    assert confirmed(LABEL_RECORDS.frame(exports)) == set()


def test_nothing_said_confirms_nothing() -> None:
    assert confirmed(LABEL_RECORDS.frame([])) == set()
