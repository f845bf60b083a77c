"""Whole days that other writers overtake: nobody's change is lost, and the day completes, or stops and the next run goes on.

Belongs here: sides of the split, the published model, the pointer to the index, the alias. Does not: two whole runs at once
(`chaos/test_faults.py`), the ports' own promises (`contracts/`).
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typing_extensions import override

from imaging_assets.errors import BlobConflictError, SearchIndexError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.images import BlobInfo
from imaging_assets.stages.models.registry import Registry
from imaging_assets_tests.azure.search_server.server import Fault
from imaging_assets_tests.azure.whole_day import POINTER, WholeDay, a_whole_day, cases, undisturbed, work
from imaging_assets_tests.builders import run_chain
from imaging_assets_tests.doubles import ForwardingBlobStore
from imaging_assets_tests.stages.manifests.days import gather
from imaging_assets_tests.stages.models.doubles import iterate_day

PUBLISHED, SIDES = "models/published.json", "models/splits.parquet"
AGAIN = r"was changed by another writer\. Run again: it is read anew, and the change is made over that\.$"


@pytest.fixture
def day(tmp_path: Path) -> Iterator[WholeDay]:
    with a_whole_day(tmp_path) as made:
        yield made


class OvertakenBlobStore(ForwardingBlobStore):
    """Somebody is faster, once, with a blob that is about to be written over the version that was read."""

    def __init__(self, inner: BlobStore, path: str, meanwhile: Callable[[], object]) -> None:
        super().__init__(inner)
        self.path = path
        self.meanwhile = [meanwhile]

    @override
    def write(self, path: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> BlobInfo:
        if path == self.path and self.meanwhile and (if_match or if_absent):
            self.meanwhile.pop()()
        return self.inner.write(path, data, if_match=if_match, if_absent=if_absent)


@pytest.mark.slow
def test_sides_that_another_run_gives_at_the_same_moment_are_given_once(day: WholeDay) -> None:
    overtaken = OvertakenBlobStore(day.store, SIDES, lambda: gather(day.open()))

    work(day.open(store=overtaken))

    assert overtaken.meanwhile == []
    assert day.differences() == []


def test_a_model_that_another_run_publishes_at_the_same_moment_is_published_once(day: WholeDay) -> None:
    published = json.loads(undisturbed()[PUBLISHED][0])
    registry = Registry(day.store)
    overtaken = OvertakenBlobStore(day.store, PUBLISHED, lambda: registry.publish(published["model_id"], published["reason"]))
    with pytest.raises(BlobConflictError, match=AGAIN):
        work(day.open(store=overtaken))

    work(day.open())

    assert overtaken.meanwhile == []
    assert day.differences() == []


@pytest.mark.slow
def test_a_model_is_not_published_over_one_that_came_meanwhile_before_it_was_compared_with_that(day: WholeDay) -> None:
    registry = Registry(day.store)
    run_chain(day.open())
    registry.publish("older", "by hand")
    pipeline = day.open(store=OvertakenBlobStore(day.store, PUBLISHED, lambda: registry.publish("newer", "by hand")))
    gather(pipeline)
    with pytest.raises(BlobConflictError, match=AGAIN):
        iterate_day(pipeline)
    serves = registry.published()
    assert serves is not None
    assert serves.model_id == "newer"

    iterate_day(day.open())
    run_chain(day.open())

    served = [(entry["model_id"], entry["previous"]) for entry in registry.ledger() if entry["event"] == "published"]
    ours = json.loads(undisturbed()[PUBLISHED][0])["model_id"]
    assert served == [("older", None), ("newer", "older"), (ours, "newer")]
    assert {name: day.state()[name] for name in ("indexes", "projects", "behind")} == {
        name: undisturbed()[name] for name in ("indexes", "projects", "behind")
    }


def test_an_index_that_another_run_makes_at_the_same_moment_is_the_only_one(day: WholeDay) -> None:
    others: list[str] = []
    overtaken = OvertakenBlobStore(day.store, POINTER, lambda: others.append(day.open().index.generation))

    work(day.open(store=overtaken))

    assert list(day.search.service.indexes) == others
    assert day.differences() == []


@pytest.mark.parametrize("status", cases({"409": 409, "412": 412}, "412"))
def test_an_alias_that_somebody_moves_at_the_same_moment_stops_the_day_and_the_next_run_goes_on(
    status: int, day: WholeDay
) -> None:
    day.search.faults = [Fault("PUT /aliases", status)]
    with pytest.raises(SearchIndexError, match=r"Look at the index with `imaging-assets audit`, then run again\.$"):
        work(day.open())

    work(day.open())

    assert day.differences() == []
