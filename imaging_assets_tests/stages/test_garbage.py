"""Only what nothing refers to, and only when it is old enough, is garbage."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imaging_assets.errors import ManifestCorruptError
from imaging_assets.stages.digests import digest
from imaging_assets.stages.garbage import find_garbage
from imaging_assets.stages.images.raw import take_inventory
from imaging_assets.stages.images.resized import resize_day
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RESIZED_IMAGES, TRAINING_ITERATIONS, TRAINING_SETS
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.doubles import CountingBlobStore, FailingBlobStore, over
from imaging_assets_tests.stages.manifests.days import a_day, label_and_gather, write_labels

OTHER_DAY = "2026-03-03"
FOLDER = f"landing/{DAY.replace('-', '/')}"
PICTURES = {f"{number}.jpg": a_picture(number, (64, 48)) for number in range(3)}


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def garbage(pipeline: Pipeline, before: datetime | None = None) -> list[str]:
    return sorted(blob.path for blob in find_garbage(pipeline, before or soon()))


def resize(pipeline: Pipeline, day: str = DAY) -> None:
    pipeline.manifests.commit(take_inventory(pipeline, day)[0])
    pipeline.manifests.commit(resize_day(pipeline, pipeline.manifests.find("raw_images", day))[0])


def named(pipeline: Pipeline, name: str) -> list[str]:
    frame = pipeline.manifests.read(pipeline.manifests.find("resized_images", DAY), RESIZED_IMAGES)
    found = next(row for row in frame.iter_rows(named=True) if row["path"] == f"{FOLDER}/{name}")
    return sorted([found["resized"], found["thumbnail"]])


def test_a_finished_day_has_no_garbage(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, PICTURES)
    state_labels(pipeline, {"0.jpg": "cat"})
    run_chain(pipeline)

    assert garbage(pipeline) == []


def test_an_empty_store_has_no_garbage(tmp_path: Path) -> None:
    assert garbage(a_pipeline(tmp_path)) == []


def test_what_a_deleted_image_left_is_garbage(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, PICTURES)
    resize(pipeline)
    left = named(pipeline, "1.jpg")
    pipeline.store.delete(f"{FOLDER}/1.jpg")

    assert garbage(pipeline) == []
    resize(pipeline)

    assert garbage(pipeline) == left


def test_what_another_day_or_another_name_still_uses_is_kept(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, PICTURES | {"copy of 0.jpg": PICTURES["0.jpg"]})
    land(pipeline, {"same bytes.jpg": PICTURES["1.jpg"]}, OTHER_DAY)
    resize(pipeline)
    resize(pipeline, OTHER_DAY)
    left = named(pipeline, "2.jpg")
    for name in PICTURES:
        pipeline.store.delete(f"{FOLDER}/{name}")
    resize(pipeline)

    assert garbage(pipeline) == left


def test_what_older_settings_made_is_garbage_once_it_is_made_anew(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, PICTURES)
    resize(pipeline)
    before = {blob.path for place in ("resized/", "thumbnails/") for blob in pipeline.store.list_blobs(place)}

    resize(a_pipeline(tmp_path, resize={"max_edge": 64}))

    assert garbage(pipeline) == sorted(before)


def test_a_crop_goes_with_its_image_or_when_its_days_are_over(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, PICTURES)
    resize(pipeline)
    frame = pipeline.manifests.read(pipeline.manifests.find("resized_images", DAY), RESIZED_IMAGES)
    held, stray = (f"crops/{sha256[:2]}/{sha256}-0-abc.jpg" for sha256 in (frame["sha256"][0], "f" * 64))
    for path in (held, stray):
        pipeline.store.write(path, b"face")

    assert garbage(pipeline) == [stray]
    assert garbage(replace(pipeline, crop_days=1e-9), datetime(2000, 1, 1, tzinfo=UTC)) == sorted([held, stray])


def test_only_what_was_last_written_before_the_moment_is_garbage(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    written = pipeline.store.write("resized/aa/stray.jpg", b"x").modified_at

    assert garbage(pipeline, written) == []
    assert garbage(pipeline, written + timedelta(microseconds=1)) == ["resized/aa/stray.jpg"]


def test_a_journal_that_nobody_continued_is_garbage(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path, resize={"batch": 1, "workers": 1})
    land(pipeline, PICTURES)
    pipeline.manifests.commit(take_inventory(pipeline, DAY)[0])
    raw = pipeline.manifests.find("raw_images", DAY)
    with pytest.raises(RuntimeError, match="killed"):
        resize_day(over(pipeline, FailingBlobStore(pipeline.store, 4)), raw)
    stray = [
        blob.path
        for place in ("manifests/resized_images/_journal/", "resized/", "thumbnails/")
        for blob in pipeline.store.list_blobs(place)
    ]
    assert stray[0].startswith("manifests/resized_images/_journal/")

    assert garbage(pipeline) == sorted(stray)
    resize(pipeline)
    assert garbage(pipeline) == []


def test_landing_place_labels_models_and_manifests_are_never_garbage(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, PICTURES)
    state_labels(pipeline, {"0.jpg": "cat"})
    for path in (
        "landing/odd.txt",
        "labels/odd.txt",
        "models/odd/model.onnx",
        "manifests/odd/file.parquet",
        "review/x.json",
        "odd.txt",
    ):
        pipeline.store.write(path, b"x")

    assert garbage(pipeline) == []


def test_looking_for_garbage_deletes_nothing(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    pipeline.store.write("resized/aa/stray.jpg", b"x")
    counting = CountingBlobStore(pipeline.store)

    assert garbage(over(pipeline, counting)) == ["resized/aa/stray.jpg"]
    assert (counting.writes, counting.deletes) == ([], [])


def test_a_damaged_manifest_stops_the_search_for_what_it_named_is_unknown(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, PICTURES)
    resize(pipeline)
    pipeline.store.write(pipeline.manifests.find("resized_images", DAY).blob.path, b"damaged")

    with pytest.raises(ManifestCorruptError):
        find_garbage(pipeline, soon())


def test_training_sets_stay_while_they_are_among_the_newest_or_were_trained_on(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    days = [f"2026-03-{day:02}" for day in range(1, 12)]
    for day in days:
        work = pipeline.manifests.begin(TRAINING_SETS, day, digest(day))
        pipeline.manifests.commit(work.draft([]))
    for day, model_id in {days[0]: "a model", days[1]: ""}.items():
        row: dict[str, object] = dict.fromkeys(TRAINING_ITERATIONS.columns) | {"sequence": 1, "model_id": model_id}
        work = pipeline.manifests.begin(TRAINING_ITERATIONS, day, digest(day))
        pipeline.manifests.commit(work.draft([row]))

    gone = [path.removeprefix("manifests/training_sets/")[:10] for path in garbage(pipeline)]

    assert gone == days[1:4]


def test_a_part_stays_while_a_training_set_names_it(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    images = {f"{number}.jpg": f"{number}" for number in range(6)}
    a_day(pipeline, images)
    write_labels(tmp_path, "x.csv", "".join(f"{name},cat\n" for name in images))
    label_and_gather(pipeline, DAY)
    (first,) = pipeline.store.list_blobs("manifests/training_sets_parts/")
    a_day(pipeline, {"new.jpg": "new"}, OTHER_DAY)
    write_labels(tmp_path, "y.csv", "new.jpg,cat\n", hours=1)
    label_and_gather(pipeline, DAY, OTHER_DAY)
    assert [path for path in garbage(pipeline) if path.startswith("manifests/")] == []

    pipeline.store.delete(pipeline.manifests.find("training_sets", DAY).blob.path)
    assert [path for path in garbage(pipeline) if path.startswith("manifests/")] == [first.path]
    assert garbage(pipeline, datetime(2000, 1, 1, tzinfo=UTC)) == []
