"""What an audit finds and mends, over the embedded index; what is special about a service is in `azure/test_audit.py`."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typing_extensions import override

from imaging_assets.embedded.search_index import SqliteSearchIndex
from imaging_assets.records.search import SearchQuery
from imaging_assets.stages.audit import Differences, audit
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.search import document_id
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain

EARLIER = "2026-03-01"


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """Two days of three images each, indexed."""
    made = a_pipeline(tmp_path)
    for day in (EARLIER, DAY):
        land(made, {f"{n}.jpg": a_picture(10 * n + len(day) + int(day[-1]), (64, 48)) for n in range(3)}, day)
        run_chain(made, day)
    for day in (EARLIER, DAY):  # labels of the later day concern the earlier one
        run_chain(made, day)
    return made


def path_of(number: int, day: str = DAY) -> str:
    return f"landing/{day.replace('-', '/')}/{number}.jpg"


def key_of(number: int, day: str = DAY) -> str:
    return document_id(path_of(number, day))


def test_an_index_as_the_manifests_say_is_good(pipeline: Pipeline) -> None:
    done = audit(pipeline)
    assert done.good
    assert done.differences == Differences(documents=6)


def test_missing_stale_and_stray_documents_are_told_and_mended(pipeline: Pipeline) -> None:
    index = pipeline.index
    good = {hit.document["id"]: hit.document for hit in index.query(SearchQuery()).hits}
    index.delete([key_of(0), key_of(1, EARLIER)])
    index.put([{"id": key_of(2), "path": path_of(2), "day": DAY, "predicted": "cat"}])
    index.put([{"id": "of-nobody", "path": "landing/2026/03/02/gone.jpg", "day": DAY}])

    found = audit(pipeline)
    mended = audit(pipeline, repair=True)

    assert not found.good
    assert found.differences.missing == {key_of(0): (DAY, path_of(0)), key_of(1, EARLIER): (EARLIER, path_of(1, EARLIER))}
    assert found.differences.stale == {key_of(2): (DAY, path_of(2))}
    assert found.differences.strays == {"of-nobody"}
    assert (mended.good, mended.mended) == (True, 4)
    assert {hit.document["id"]: hit.document for hit in index.query(SearchQuery()).hits} == good
    assert audit(pipeline).differences == Differences(documents=6)


def test_a_repaired_index_is_found_by_likeness_again(pipeline: Pipeline) -> None:
    index = pipeline.index
    index.delete([key_of(0)])
    audit(pipeline, repair=True)

    vectors = pipeline.embedder.embed([a_picture(10 * 0 + len(DAY) + int(DAY[-1]), (64, 48))])
    assert index.query(SearchQuery(vector=vectors[0])).hits[0].document["id"] == key_of(0)


def test_a_day_that_is_behind_is_not_judged_and_loses_nothing(pipeline: Pipeline) -> None:
    land(pipeline, {"new.jpg": a_picture(77, (64, 48))})
    pipeline.store.delete(path_of(0))
    for blob in list(pipeline.store.list_blobs(f"manifests/search_documents/{DAY}.")):
        pipeline.store.delete(blob.path)

    done = audit(pipeline, repair=True)

    assert done.good
    assert done.differences.days_behind == (DAY,)
    assert len(list(pipeline.index.ids())) == 6


class _Late(SqliteSearchIndex):
    """Shows deletions only from the second look on, as a service may."""

    looks = 0

    @property
    @override
    def settles_within_seconds(self) -> float:
        return 5.0

    @override
    def ids(self) -> Iterator[str]:
        self.looks += 1
        late = ["just-deleted"] if self.looks == 1 else []
        return iter(sorted([*super().ids(), *late]))


def test_a_difference_that_passes_with_time_is_none(tmp_path: Path, pipeline: Pipeline) -> None:
    embedder = pipeline.embedder
    late = _Late(tmp_path / "search", dimensions=embedder.dimensions, embedding_id=embedder.embedding_id)
    late.delete([key_of(0)])
    waits: list[float] = []

    done = audit(replace(pipeline, index=late), wait=waits.append)

    assert waits == [5.0]
    assert (set(done.differences.missing), done.differences.strays) == ({key_of(0)}, frozenset())


class _Refusing(SqliteSearchIndex):
    """Has something against the index as a whole that it cannot mend."""

    @override
    def faults(self, *, repair: bool = False) -> list[str]:
        return [f"asked with repair={repair}"]


def test_faults_of_the_index_as_a_whole_are_told(tmp_path: Path, pipeline: Pipeline) -> None:
    embedder = pipeline.embedder
    index = _Refusing(tmp_path / "search", dimensions=embedder.dimensions, embedding_id=embedder.embedding_id)

    done = audit(replace(pipeline, index=index))

    assert (done.good, done.faults) == (False, ("asked with repair=False",))
