"""The inventory of a day: from a listing alone, and suspicious of mass deletion."""

from dataclasses import astuple
from pathlib import Path

import pytest

from imaging_assets.errors import ManifestCorruptError, MassDeletionError, StoreUnavailableError
from imaging_assets.policies import Deletions
from imaging_assets.stages.images.landing import MARKER, Landing
from imaging_assets.stages.images.raw import (
    InventoryReport,
    check_deletions,
    leave_marker,
    raw_inputs,
    take_inventory,
)
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RAW_IMAGES
from imaging_assets_tests.builders import DAY, a_pipeline, land
from imaging_assets_tests.doubles import CountingBlobStore, over

FOLDER = f"landing/{DAY.replace('-', '/')}"


def inventory(pipeline: Pipeline, *, accept_deletions: bool = False) -> InventoryReport:
    draft, report = take_inventory(pipeline, DAY, accept_deletions=accept_deletions)
    pipeline.manifests.commit(draft)
    return report


def rows(pipeline: Pipeline) -> list[str]:
    frame = pipeline.manifests.read(pipeline.manifests.find("raw_images", DAY), RAW_IMAGES)
    return list(frame["path"])


def some(count: int, name: str = "img") -> dict[str, bytes]:
    return {f"{name}-{number:03}.jpg": f"{name}{number}".encode() for number in range(count)}


def remove(pipeline: Pipeline, *names: str) -> None:
    for name in names:
        assert pipeline.store.delete(f"{FOLDER}/{name}")


# --- what it tells


def test_an_inventory_has_a_row_for_each_landed_blob(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {"b.jpg": b"12", "a/c.png": b"3"})

    report = inventory(pipeline)

    assert report == InventoryReport(images=2, new=2, changed=0, deleted=0, size=3)
    assert rows(pipeline) == [f"{FOLDER}/a/c.png", f"{FOLDER}/b.jpg"]


def test_an_inventory_reads_and_changes_no_image(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, some(5))
    inventory(pipeline)
    land(pipeline, some(7))
    counting = CountingBlobStore(pipeline.store)

    inventory(over(pipeline, counting))

    assert counting.reads_below("landing/") == []
    assert all(path.startswith("manifests/") for path in [*counting.writes, *counting.deletes])


def test_new_changed_and_deleted_images_are_counted(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, some(4))
    inventory(pipeline)
    land(pipeline, {"img-000.jpg": b"changed", "new.jpg": b"new"})
    remove(pipeline, "img-001.jpg", "img-002.jpg")

    assert astuple(inventory(pipeline))[:4] == (3, 1, 1, 2)


def test_an_unchanged_day_is_done(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, some(4))
    inventory(pipeline)
    counting = CountingBlobStore(pipeline.store)

    report = inventory(over(pipeline, counting))

    assert report == InventoryReport(images=4, new=0, changed=0, deleted=0, size=16)
    assert (counting.reads, counting.writes, counting.deletes) == ([], [], [])


def test_the_same_bytes_written_again_are_a_change_of_the_listing(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, some(1))
    before = raw_inputs(pipeline, Landing(pipeline).of_day(DAY))

    land(pipeline, some(1))

    assert raw_inputs(pipeline, Landing(pipeline).of_day(DAY)) != before


def test_an_empty_day_has_an_empty_inventory(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)

    assert astuple(inventory(pipeline)) == (0, 0, 0, 0, 0)
    assert rows(pipeline) == []


def test_neighbouring_days_are_not_mixed_up(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, some(1))
    land(pipeline, some(3), "2026-03-20")
    pipeline.store.write(f"{FOLDER}x/y.jpg", b"not of that day")

    assert inventory(pipeline).images == 1


# --- what is none of our business


def test_hidden_files_and_files_of_hidden_folders_are_ignored(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    hidden = [".DS_Store", "a/._b.jpg", ".thumbnails/b.jpg", ".Trash-1000/files/b.jpg"]
    land(pipeline, dict.fromkeys([*hidden, "a/b.jpg", "_a/_b.jpg", "a.b/e.jpg"], b"x"))

    inventory(pipeline)

    assert rows(pipeline) == [f"{FOLDER}/_a/_b.jpg", f"{FOLDER}/a.b/e.jpg", f"{FOLDER}/a/b.jpg"]


@pytest.mark.parametrize(
    ("path", "day"),
    [
        ("landing/2026/03/02/a.jpg", "2026-03-02"),
        ("landing/2026/03/02/a/b/c.jpg", "2026-03-02"),
        ("landing/2024/02/29/a.jpg", "2024-02-29"),
        ("landing/2026/02/29/a.jpg", None),
        ("landing/2026/13/01/a.jpg", None),
        ("landing/2026/00/10/a.jpg", None),
        ("landing/0000/01/01/a.jpg", None),
        ("landing/2026/3/2/a.jpg", None),
        ("landing/26/03/02/a.jpg", None),
        ("landing/2026/03/02", None),
        ("landing/2026/03/02/", None),
        ("landing/2026/03/a.jpg", None),
        ("landing/a.jpg", None),
        ("landing/x/2026/03/02/a.jpg", None),
        ("landing/+026/03/02/a.jpg", None),
        ("landing/٢٠٢٦/03/02/a.jpg", None),
        ("landing/2026/03/02x/a.jpg", None),
        ("labels/2026/03/02/a.csv", None),
    ],
)
def test_a_day_is_a_folder_with_a_possible_date(tmp_path: Path, path: str, day: str | None) -> None:
    assert Landing(a_pipeline(tmp_path)).day_of(path) == day


def test_days_are_found_sorted_and_impossible_dates_are_left_out(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    for day in ("2026-03-02", "2019-12-31", "2026-02-30", "2026-3-2"):
        land(pipeline, some(1), day)
    for path in ("landing/loose.jpg", "landing/inbox/a.jpg", "landing/2026/notes.txt", "landing/2026/03/02x/a.jpg"):
        pipeline.store.write(path, b"x")

    days = Landing(pipeline).days()

    assert days == ["2019-12-31", "2026-03-02"]
    assert all(Landing(pipeline).of_day(day) for day in days)


# --- mass deletion


@pytest.mark.parametrize(
    ("before", "lost", "stops"),
    [
        (3, 1, False),
        (3, 3, False),
        (19, 19, False),
        (20, 20, True),
        (66, 20, True),
        (67, 20, False),
        (100, 30, False),
        (100, 31, True),
    ],
)
def test_only_many_and_a_large_share_together_stop_a_day(tmp_path: Path, before: int, lost: int, *, stops: bool) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, some(before))
    inventory(pipeline)
    remove(pipeline, *list(some(before))[:lost])

    if stops:
        with pytest.raises(MassDeletionError, match=rf"{lost} of {before} images of {DAY}.*--day {DAY} --accept-deletions"):
            inventory(pipeline)
        assert len(rows(pipeline)) == before
    else:
        assert inventory(pipeline).deleted == lost


def test_the_limits_of_deletion_are_settings() -> None:
    check_deletions(Deletions(max_share=1.0), DAY, lost=100, before=100)
    with pytest.raises(MassDeletionError):
        check_deletions(Deletions(max_share=0.0, max_images=1), DAY, lost=1, before=100)
    check_deletions(Deletions(max_share=0.0, max_images=0), DAY, lost=0, before=100)


def test_a_day_that_stopped_stays_stopped_until_a_person_agrees(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, some(40))
    inventory(pipeline)
    remove(pipeline, *list(some(40))[5:])
    for _ in range(2):
        with pytest.raises(MassDeletionError):
            inventory(pipeline)

    assert inventory(pipeline, accept_deletions=True).deleted == 35
    assert inventory(pipeline).images == 5


def test_images_brought_back_after_a_stop_need_no_consent(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, some(40))
    inventory(pipeline)
    remove(pipeline, *some(40))
    with pytest.raises(MassDeletionError):
        inventory(pipeline)
    land(pipeline, some(40))

    assert astuple(inventory(pipeline))[:4] == (40, 0, 40, 0)


def test_a_renamed_folder_is_no_deletion(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {f"old/{name}": data for name, data in some(40).items()})
    inventory(pipeline)
    for name in some(40):
        pipeline.store.copy(f"{FOLDER}/old/{name}", f"{FOLDER}/new/{name}")
        remove(pipeline, f"old/{name}")

    assert astuple(inventory(pipeline))[:4] == (40, 40, 0, 40)


# --- the marker


def test_a_marker_that_was_seen_must_stay(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, some(3))
    inventory(pipeline)
    pipeline.store.delete(f"landing/{MARKER}")
    remove(pipeline, "img-000.jpg")

    with pytest.raises(StoreUnavailableError, match="nothing was deleted"):
        inventory(pipeline)
    assert len(rows(pipeline)) == 3
    leave_marker(pipeline)
    assert inventory(pipeline).deleted == 1


def test_the_remedy_for_a_store_that_really_was_emptied_works(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, some(3))
    inventory(pipeline)
    pipeline.store.delete(f"landing/{MARKER}")
    with pytest.raises(StoreUnavailableError) as caught:
        inventory(pipeline)
    seen = next(blob.path for blob in pipeline.store.list_blobs("manifests/_"))
    assert seen in str(caught.value)

    pipeline.store.delete(seen)

    assert inventory(pipeline).images == 3


def test_a_store_that_never_had_a_marker_needs_none(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    pipeline.store.delete(f"landing/{MARKER}")
    land(pipeline, some(3))

    assert inventory(pipeline).images == 3
    assert [blob.path for blob in pipeline.store.list_blobs("manifests/_")] == []


def test_a_marker_is_left_once_and_is_no_image(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    before = pipeline.store.find(f"landing/{MARKER}")

    leave_marker(pipeline)

    assert pipeline.store.find(f"landing/{MARKER}") == before is not None
    assert Landing(pipeline).days() == []


def test_a_damaged_inventory_stops_the_day_before_anything_is_taken_for_deleted(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, some(3))
    inventory(pipeline)
    path = pipeline.manifests.find("raw_images", DAY).blob.path
    pipeline.store.write(path, b"damaged")
    land(pipeline, some(4))

    with pytest.raises(ManifestCorruptError, match="Delete it and run its day again"):
        inventory(pipeline)
    pipeline.store.delete(path)
    assert astuple(inventory(pipeline))[:4] == (4, 4, 0, 0)
