"""What else befalls a day: a full disk, a read-only one, a clock that jumps, files replaced under a run, two runs, four writers.

Belongs here: faults of the machine and of people, over whole days. Does not: kills (`test_killed_runs.py`), services
(`azure/test_faulty_days_*.py`), manifests and pictures (`test_changed_files.py`).
"""

import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from imaging_assets.backends import build, store_folder
from imaging_assets.errors import CatalogError, SearchIndexError, StoreUnavailableError
from imaging_assets.records.images import Blob
from imaging_assets.records.search import SearchQuery
from imaging_assets.stages.days import Days
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RAW_IMAGES, TAGGED_MANIFESTS
from imaging_assets_tests.builders import DAY, a_picture, land, run_chain, state_labels
from imaging_assets_tests.chaos.state import differences, state_of
from imaging_assets_tests.chaos.story import FIRST, a_place, begin, pictures, run_in_child, settings_at
from imaging_assets_tests.doubles import CountingBlobStore, over

SEARCH_ALL = SearchQuery()


def a_small_day(home: Path) -> Pipeline:
    """Eight labelled pictures over an index and a catalogue that are there already, so that copies of the folder share their names."""
    pipeline = a_place(home)
    assert pipeline.index.generation
    assert pipeline.catalog.catalog_id
    land(pipeline, {f"{number}.jpg": a_picture(number, (200, 150)) for number in range(8)})
    state_labels(pipeline, {f"{number}.jpg": "heron" for number in range(4)})
    return pipeline


@contextmanager
def a_small_disk(folder: Path) -> Iterator[Callable[[str], object]]:
    """A disk of 2 MB in memory at `folder`; the value mounts it again with other options."""
    folder.mkdir()
    if (
        sys.platform != "linux"
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("a disk can be made only by root on Linux")
    try:
        yield lambda options: subprocess.check_call(["mount", "-o", f"remount,{options}", str(folder)])
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def in_processes(calls: Sequence[tuple[Callable[..., object], tuple[object, ...]]]) -> None:
    """Each call in a process of its own, all at once."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=function, args=arguments) for function, arguments in calls]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)


def fill_but(folder: Path, kilobytes: int) -> Path:
    """Leave so much of a disk free; the file that takes the rest."""
    ballast = folder / "ballast"
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    ballast.write_bytes(b"\0" * max(0, free - kilobytes * 1024))
    return ballast


def error_of_a_run(home: Path) -> str:
    """What stopped a day, or ""."""
    try:
        run_chain(build(settings_at(home)))
    except (StoreUnavailableError, SearchIndexError, CatalogError) as error:
        return str(error)
    return ""


@pytest.mark.slow
def test_a_full_disk_stops_a_day_with_the_remedy_and_with_space_it_ends_as_if_there_had_been_enough(tmp_path: Path) -> None:
    a_small_day(tmp_path / "before")
    shutil.copytree(tmp_path / "before", tmp_path / "calm")
    calm = build(settings_at(tmp_path / "calm"))
    run_chain(calm)
    stopped = 0
    for kilobytes in (0, 4, 16, 40, 64, 96, 128, 192):
        with a_small_disk(tmp_path / f"disk-{kilobytes}"):
            home = tmp_path / f"disk-{kilobytes}" / "home"
            shutil.copytree(tmp_path / "before", home)
            ballast = fill_but(home.parent, kilobytes)
            said = error_of_a_run(home)
            stopped += bool(said)
            assert not said or "Free space" in said or "Look after the database" in said, said
            ballast.unlink()

            run_chain(build(settings_at(home)))

            assert differences(state_of(calm), state_of(build(settings_at(home)))) == [], kilobytes
    assert stopped >= 5


def a_day_with_a_late_picture(home: Path) -> None:
    """A day that is done, but for one picture."""
    pipeline = a_small_day(home)
    run_chain(pipeline)
    land(pipeline, {"late.jpg": a_picture(99, (200, 150))})


@pytest.mark.slow
def test_a_read_only_store_answers_questions_refuses_a_run_with_the_remedy_and_goes_on_when_it_is_writable(
    tmp_path: Path,
) -> None:
    with a_small_disk(tmp_path / "disk") as remount:
        home = tmp_path / "disk" / "home"
        in_processes([(a_day_with_a_late_picture, (home,))])  # no file of it stays open
        remount("ro")

        reader = build(settings_at(home))
        assert reader.catalog.query("select count(*) from image_catalog").rows == ((8,),)
        with pytest.raises(SearchIndexError, match="fix the rights"):
            reader.index.query(SEARCH_ALL)  # SQLite keeps a file beside its own, for readers too
        assert (behind := Days(reader).behind(DAY)) is not None
        assert behind.steps == Days(reader).chain
        with pytest.raises(StoreUnavailableError, match="fix the rights"):
            run_chain(reader)

        remount("rw")
        run_chain(reader)
        assert reader.index.query(SEARCH_ALL).count == 9
        assert Days(reader).behind(DAY) is None


@pytest.mark.parametrize("killed", [False, True], ids=["whole", "killed before it tidied up"])
def test_a_clock_that_jumps_back_a_day_loses_nothing(killed: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter
    pipeline = a_small_day(tmp_path)
    run_chain(pipeline)
    for path in store_folder(settings_at(tmp_path)).rglob("*.parquet"):
        there = path.stat()
        os.utime(path, ns=(there.st_atime_ns, there.st_mtime_ns + 86_400_000_000_000))
    pipeline.store.delete("landing/2026/03/02/0.jpg")
    land(pipeline, {"1.jpg": a_picture(100, (200, 150)), "new.jpg": a_picture(101, (200, 150))})
    kept = {blob.path: pipeline.store.read(blob.path).data for blob in pipeline.store.list_blobs("manifests/")}

    run_chain(pipeline)
    if killed:
        for name, data in kept.items():
            if pipeline.store.find(name) is None:
                pipeline.store.write(name, data)  # newer than what replaced it
        run_chain(pipeline)

    raw = pipeline.manifests.read(pipeline.manifests.find("raw_images", DAY), RAW_IMAGES)
    assert [path.rpartition("/")[2] for path in raw["path"]] == sorted([*(f"{n}.jpg" for n in range(1, 8)), "new.jpg"])
    assert {key: len(found) for key, found in pipeline.manifests.standing("resized_images").items()} == {DAY: 1}
    assert pipeline.index.query(SEARCH_ALL).count == 8
    assert Days(pipeline).behind(DAY) is None


class ReplacingBlobStore(CountingBlobStore):
    """Replaces the label file right after it was read for the first time."""

    @override
    def read(self, path: str) -> Blob:
        read = super().read(path)
        if path == "labels/labels.csv" and self.reads.count(path) == 1:
            self.inner.write(path, b"path,tags\n0.jpg,egret\n7.jpg,egret\n")
        return read


def tags_of(pipeline: Pipeline) -> dict[str, list[str]]:
    frame = pipeline.manifests.read(pipeline.manifests.find("tagged_manifests", DAY), TAGGED_MANIFESTS)
    return {path.rpartition("/")[2]: tags for path, tags in frame.select("path", "tags").rows() if tags}


def test_a_label_file_replaced_while_a_day_runs_is_one_version_or_the_other_and_the_next_run_has_the_newer(
    tmp_path: Path,
) -> None:
    pipeline = a_small_day(tmp_path)
    run_chain(over(pipeline, ReplacingBlobStore(pipeline.store)))
    older = {f"{number}.jpg": ["heron"] for number in range(4)}
    assert tags_of(pipeline) == older
    assert Days(pipeline).labels_behind()

    run_chain(pipeline)

    assert {name: tags for name, tags in tags_of(pipeline).items() if tags == ["egret"]} == {
        "0.jpg": ["egret"],
        "7.jpg": ["egret"],
    }
    assert not Days(pipeline).labels_behind()
    assert Days(pipeline).behind(DAY) is None


HOSTILE = (
    "trailing.", "trailing.jpg ", "con", "NUL.jpg", "aux.png", "💥🏞.jpg", "é.jpg", "e\u0301.jpg", "A.jpg", "a.jpg",
    "a..jpg", "a...", "-rf", "$(reboot).jpg", "'; drop table image_catalog; --.jpg", "a,b\"c.jpg", "%2e%2e%2f.jpg", "x" * 251 + ".jpg",
)  # fmt: skip


def test_a_day_of_hostile_names_is_worked_like_any_other_and_writes_nothing_outside_its_folder(tmp_path: Path) -> None:
    pipeline = a_place(tmp_path / "home")
    land(pipeline, {name: a_picture(number, (64, 48)) for number, name in enumerate(HOSTILE)})

    run_chain(pipeline)

    raw = pipeline.manifests.read(pipeline.manifests.find("raw_images", DAY), RAW_IMAGES)
    assert sorted(path.removeprefix("landing/2026/03/02/") for path in raw["path"]) == sorted(HOSTILE)
    found = (pipeline.index.get(key) for key in pipeline.index.ids())
    assert sorted(document["name"] for document in found if document) == sorted(HOSTILE)
    assert pipeline.catalog.query("select count(*) from image_catalog").rows == ((len(HOSTILE),),)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert Days(pipeline).behind(DAY) is None


@pytest.mark.slow
def test_two_runs_of_the_same_days_at_once_end_as_one_run_alone(tmp_path: Path) -> None:
    pipeline = a_place(tmp_path / "before")
    assert pipeline.index.generation
    assert pipeline.catalog.catalog_id
    begin(pipeline)
    for name in ("alone", "together"):
        shutil.copytree(tmp_path / "before", tmp_path / name)
    assert run_in_child(tmp_path / "alone") == 0
    in_processes([(run_in_child, (tmp_path / "together",))] * 2)

    assert run_in_child(tmp_path / "together") == 0

    alone, together = (build(settings_at(tmp_path / name)) for name in ("alone", "together"))
    expected, found = state_of(alone), state_of(together)
    # Two runs that train at the same moment may both write down the one judgement; whoever reads the ledger gets it once.
    written = found["ledger"]
    assert sorted({*written}) == expected["ledger"]
    assert len(Registry(together.store).ledger()) == len(expected["ledger"])
    assert differences(expected, found | {"ledger": expected["ledger"]}) == []


def run_a_day_of_ones_own(home: Path, day: str, number: int) -> None:
    """What each of four writers does: a day, over the index and the catalogue of all."""
    pipeline = build(settings_at(home))
    land(pipeline, pictures(number, 8), day)
    for _ in range(2):
        run_chain(pipeline, day)


@pytest.mark.slow
def test_four_processes_writing_manifests_index_and_catalogue_during_a_rebuild_keep_every_row(tmp_path: Path) -> None:
    pipeline = a_place(tmp_path)
    land(pipeline, pictures(1), FIRST)
    run_chain(pipeline, FIRST)
    pipeline.index.rebuild()
    days = [f"2026-03-{number:02}" for number in range(10, 14)]
    in_processes([(run_a_day_of_ones_own, (tmp_path, day, 10 + place)) for place, day in enumerate(days)])
    run_chain(pipeline, FIRST)
    pipeline.index.promote()

    counted: dict[str, Any] = dict(
        pipeline.catalog.query("select cast(day as text), count(*) from image_catalog group by 1").rows
    )
    assert counted == {FIRST: 12, **dict.fromkeys(days, 8)}
    assert pipeline.index.query(SEARCH_ALL).count == len(list(pipeline.index.ids())) == 44
    for asset in ("raw_images", "resized_images", "image_vectors", "tagged_manifests", "search_documents", "image_catalog"):
        assert {key: len(found) for key, found in pipeline.manifests.standing(asset).items()} == dict.fromkeys([FIRST, *days], 1)
    assert [day for day in (FIRST, *days) if Days(pipeline).behind(day)] == []
