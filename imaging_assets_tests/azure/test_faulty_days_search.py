"""Whole days whose AI Search fails on the way: the day completes, or stops with the remedy and the next run ends as if it had not.

Belongs here: what a day makes of the faults. Does not: the adapter's own (`test_search_faults.py`), keys and tokens
(`test_faulty_days_sign_in.py`), other writers (`test_faulty_days_conflicts.py`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from imaging_assets.errors import SearchIndexError
from imaging_assets.records.search import Condition, SearchQuery
from imaging_assets.stages.days import Days
from imaging_assets.stages.search import document_id
from imaging_assets_tests.azure.search_server.server import Fault
from imaging_assets_tests.azure.test_search_faults import INDEX
from imaging_assets_tests.azure.whole_day import IMAGES, WholeDay, a_whole_day, cases, undisturbed, work
from imaging_assets_tests.builders import DAY, land, run_chain

CALLS = ("GET /aliases", "PUT /indexes", "PUT /aliases", INDEX)
"""All that a first day makes."""


@pytest.fixture
def day(tmp_path: Path) -> Iterator[WholeDay]:
    with a_whole_day(tmp_path) as made:
        yield made


def key_of(number: int) -> str:
    """Of a picture's document."""
    return document_id(f"landing/{DAY.replace('-', '/')}/{number:02}.jpg")


PASSING: dict[str, Callable[[str], Fault]] = {
    "429 with Retry-After": lambda call: Fault(call, 429, {"Retry-After": "0"}),
    "429 without": lambda call: Fault(call, 429),
    "503": lambda call: Fault(call, 503, times=2),
    "408": lambda call: Fault(call, 408),
    "cut": Fault,
    "cut mid-body": lambda call: Fault(call, late=True),
}


@pytest.mark.parametrize("fault", cases(PASSING, "429 without", "cut mid-body"))
def test_a_day_on_which_every_kind_of_call_fails_once_completes(fault: Callable[[str], Fault], day: WholeDay) -> None:
    day.search.faults = [fault(call) for call in CALLS]

    work(day.open())

    assert not any(fault.times for fault in day.search.faults)
    assert day.differences() == []


def take_less_at_once(day: WholeDay) -> None:
    """413 on all but small batches."""
    day.search.service.most_bytes = 20_000


def take_some_later(day: WholeDay) -> None:
    """207: some documents are taken at once, some when they come again, some when they come for the third time."""
    statuses = ([503], [429, 422], [409])
    day.search.service.item_statuses = {key_of(number): [*statuses[number % 3]] for number in range(0, IMAGES, 5)}


@pytest.mark.parametrize("disturb", [take_less_at_once, take_some_later], ids=["413 on big batches", "207, some later"])
def test_a_day_whose_documents_are_taken_bit_by_bit_completes(disturb: Callable[[WholeDay], None], day: WholeDay) -> None:
    disturb(day)

    work(day.open())

    assert len(day.search.batches) > 2
    assert day.differences() == []


def test_documents_that_a_mixed_answer_refuses_are_told_each_and_the_next_run_sends_them_again(day: WholeDay) -> None:
    refused, busy = key_of(3), key_of(8)
    day.search.service.item_statuses = {refused: [400] * 2, busy: [503] * 100}

    work(day.open())

    pipeline = day.open()
    behind = Days(pipeline).behind(DAY)
    assert behind is not None
    assert behind.steps == ("search_documents",)
    assert day.state()["indexes"][0].keys() == undisturbed()["indexes"][0].keys() - {refused, busy}
    errors = dict(run_chain(pipeline)["search_documents"].errors)
    assert errors.keys() == {"landing/2026/03/02/08.jpg"}
    assert errors["landing/2026/03/02/08.jpg"].endswith("503 injected (tried 4 times)")
    day.search.service.item_statuses.clear()

    run_chain(day.open())

    assert day.differences() == []


@pytest.mark.slow
def test_documents_that_could_not_be_deleted_stay_on_the_list_until_they_are(day: WholeDay) -> None:
    land(day.open(), {"gone.jpg": day.original(0)[:-2] + b"\xff\xd9", "gone-too.jpg": day.original(1)})
    work(day.open())
    gone = {path: document_id(f"landing/2026/03/02/{path}") for path in ("gone.jpg", "gone-too.jpg")}
    for path in gone:
        day.store.delete(f"landing/2026/03/02/{path}")
    day.search.service.item_statuses = {gone["gone.jpg"]: [400], gone["gone-too.jpg"]: [503]}

    assert run_chain(day.open())["search_documents"].rejected == 1
    assert len(day.state()["indexes"][0]) == IMAGES + 1
    run_chain(day.open())

    assert day.state()["indexes"][0].keys() == undisturbed()["indexes"][0].keys()
    assert day.state()["behind"] is None


@pytest.mark.slow
def test_the_same_picture_on_two_days_is_a_document_of_each(day: WholeDay) -> None:
    pipeline = day.open()
    land(pipeline, {"again.jpg": day.original(0), "twice.jpg": day.original(0)}, "2026-03-03")
    day.search.faults = [Fault(INDEX, late=True), Fault(INDEX, 503)]

    work(pipeline)
    run_chain(pipeline, "2026-03-03")
    run_chain(pipeline)

    same = SearchQuery(where=(Condition("sha256", "eq", (pipeline.index.get(key_of(0))["sha256"],)),))  # type: ignore[index]
    days = [hit.document["day"] for hit in pipeline.index.query(same).hits]
    assert sorted(days) == [DAY, "2026-03-03", "2026-03-03"]
    assert len(list(pipeline.index.ids())) == IMAGES + 2
    assert [Days(pipeline).behind(each) for each in (DAY, "2026-03-03")] == [None, None]


@dataclass(frozen=True)
class Stop:
    """What stops a day, and what is said at the end of the line."""

    fault: Fault
    remedy: str


MINUTES = "Run again in a few minutes; to send a document twice changes nothing."
STOPS = {
    **{f"503 of {call}": Stop(Fault(call, 503, times=100), MINUTES) for call in CALLS},
    "429": Stop(
        Fault(INDEX, 429, times=100),
        "The service allows no more indexes or requests: delete indexes that nobody uses, or raise its tier, then run again.",
    ),
    "cut of PUT /aliases": Stop(Fault("PUT /aliases", times=100), "Check azure.search_endpoint and the network, then run again."),
    "cut mid-body": Stop(Fault(INDEX, late=True, times=100), "Check azure.search_endpoint and the network, then run again."),
    "404 of an index that is there": Stop(Fault(INDEX, 404, times=100), "Run again in a few minutes."),
    "400": Stop(Fault(INDEX, 400, times=100), "Compare the index with `imaging-assets audit`, then run again."),
}


@pytest.mark.parametrize("stop", cases(STOPS, "503 of PUT /aliases"))
def test_a_day_that_is_stopped_says_what_to_do_and_the_next_run_ends_where_an_undisturbed_one_does(
    stop: Stop, day: WholeDay
) -> None:
    day.search.faults = [Fault(stop.fault.matches, stop.fault.status, times=stop.fault.times, late=stop.fault.late)]
    with pytest.raises(SearchIndexError) as caught:
        work(day.open())
    assert str(caught.value).endswith(stop.remedy)
    day.search.faults.clear()

    work(day.open())

    assert day.differences() == []


def test_a_service_without_room_for_an_index_is_told_and_the_next_run_makes_it(day: WholeDay) -> None:
    day.search.service.most_indexes = 0
    with pytest.raises(SearchIndexError, match=r"quota.*delete indexes that nobody uses, or raise its tier, then run again\.$"):
        work(day.open())
    day.search.service.most_indexes = 1

    work(day.open())

    assert day.differences() == []


@pytest.mark.parametrize("step", cases({step: step for step in ("raw_images", "predictions", "image_catalog")}, "predictions"))
def test_an_index_that_is_deleted_while_a_day_is_worked_is_made_anew_and_filled_by_the_next_run(step: str, day: WholeDay) -> None:
    def delete_the_index_then(done: str) -> None:
        if done == step:
            day.search.service.aliases.clear()
            day.search.service.indexes.clear()

    work(day.open(), delete_the_index_then)
    if step == "image_catalog":
        assert list(day.open().index.ids()) == []  # found out by whoever asks next

    run_chain(day.open())

    assert day.differences() == []


@pytest.mark.slow
def test_an_index_whose_alias_could_not_be_moved_after_it_was_deleted_is_named_by_it_in_the_end(day: WholeDay) -> None:
    work(day.open())
    day.search.service.aliases.clear()
    day.search.service.indexes.clear()
    day.search.faults = [Fault("PUT /aliases", 503, times=100)]
    with pytest.raises(SearchIndexError, match=MINUTES):
        list(day.open().index.ids())
    day.search.faults.clear()

    list(day.open().index.ids())
    run_chain(day.open())

    assert day.differences() == []
