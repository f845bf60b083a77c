"""Training sets: cumulative, cheap to follow, and the same for a trainer whatever is moved about."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from imaging_assets.errors import ManifestCorruptError
from imaging_assets.stages.manifests.splits import known_sides
from imaging_assets.stages.models.iterations import training_digest, training_images
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import TRAINING_SETS
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.doubles import CountingBlobStore, over
from imaging_assets_tests.stages.manifests.days import (
    NEXT_DAY,
    a_day,
    follow_labels,
    gather,
    label_and_gather,
    rows,
    sha,
    sides,
    tag,
    write_labels,
)

THIRD_DAY = "2026-03-04"
DAYS = (DAY, NEXT_DAY, THIRD_DAY)


def names(count: int, start: int = 0) -> list[str]:
    return [f"{number}.jpg" for number in range(start, start + count)]


def three_days(home: Path, **settings: Any) -> Pipeline:
    """Ten labelled images on each of three days, gathered as of the last."""
    pipeline = a_pipeline(home, **settings)
    for place, day in enumerate(DAYS):
        a_day(pipeline, {name: name for name in names(10, 10 * place)}, day)
    write_labels(home, "x.csv", "".join(f"{name},{'cat' if place % 2 else 'dog'}\n" for place, name in enumerate(names(30))))
    label_and_gather(pipeline, *DAYS)
    return pipeline


def the_set(pipeline: Pipeline, day: str = THIRD_DAY) -> dict[str, dict[str, Any]]:
    """Rows by sha256."""
    return {row["sha256"]: row for row in rows(pipeline, TRAINING_SETS, day)}


def what_trains(pipeline: Pipeline, day: str = THIRD_DAY) -> str:
    return training_digest(
        pipeline, training_images(pipeline.manifests.read(pipeline.manifests.find("training_sets", day), TRAINING_SETS))
    )


def days_read(pipeline: Pipeline, step: Callable[[Pipeline], object]) -> list[str]:
    """Days whose tagged manifest a step reads."""
    store = CountingBlobStore(pipeline.store)
    step(over(pipeline, store))
    return [path.removeprefix("manifests/tagged_manifests/")[:10] for path in store.reads_below("manifests/tagged_manifests/")]


def test_a_set_holds_every_labelled_image_of_its_day_and_all_earlier_ones(tmp_path: Path) -> None:
    pipeline = three_days(tmp_path)
    for place, day in enumerate(DAYS, 1):
        report = gather(pipeline, day)
        assert set(the_set(pipeline, day)) == {sha(name) for name in names(10 * place)}
        assert (report.images, report.days) == (10 * place, place)


def test_a_row_tells_where_the_bytes_lie_and_what_was_said(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "one"})
    a_day(pipeline, {"c.jpg": "one"}, NEXT_DAY)
    write_labels(tmp_path, "x.csv", "a.jpg,cat|pet\n")
    label_and_gather(pipeline, DAY, NEXT_DAY)
    (row,) = rows(pipeline, TRAINING_SETS, NEXT_DAY)
    assert row["sightings"] == [
        {"day": DAY, "path": "landing/2026/03/02/a.jpg"},
        {"day": DAY, "path": "landing/2026/03/02/b.jpg"},
        {"day": NEXT_DAY, "path": "landing/2026/03/03/c.jpg"},
    ]
    assert (row["tags"], row["resized"]) == (["cat", "pet"], f"resized/{sha('one')}.jpg")
    assert (row["group"], row["split"], row["reason"]) == (sha("one"), "train", "")


def test_unlabelled_and_quarantined_images_are_no_part_of_it(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two", "bad.jpg": "three"}, quarantined=["bad.jpg"])
    write_labels(tmp_path, "x.csv", "a.jpg,cat\nbad.jpg,cat\n")
    label_and_gather(pipeline, DAY)
    assert set(sides(pipeline)) == {sha("one")}


def test_the_report_counts_sides_tags_and_reasons(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {name: name for name in names(20)} | {"x.jpg": "x", "y.jpg": "x"})
    write_labels(tmp_path, "x.csv", "".join(f"{name},cat\n" for name in names(20)) + "x.jpg,cat\ny.jpg,dog\n")
    report = label_and_gather(pipeline, DAY)
    counts = Counter(sides(pipeline).values())
    assert (report.train, report.validation, report.test, report.excluded) == (13, 3, 4, 1)
    assert counts == {"train": 13, "validation": 3, "test": 4, "excluded": 1}
    assert report.reasons == {"conflict": 1}
    assert report.tags == {"cat": {"train": 13, "validation": 3, "test": 4}, "dog": {"excluded": 1}}
    assert gather(pipeline, DAY).tags == report.tags


def test_without_labels_the_set_is_empty(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    report = label_and_gather(pipeline, DAY)
    assert (report.images, report.tags, rows(pipeline, TRAINING_SETS, DAY)) == (0, {}, [])


def test_an_unchanged_set_is_not_gathered_again(tmp_path: Path) -> None:
    pipeline = three_days(tmp_path)
    assert days_read(pipeline, lambda counted: gather(counted, THIRD_DAY)) == []
    assert gather(pipeline, THIRD_DAY).days_read == 0


def test_a_new_day_starts_from_the_set_before_and_reads_that_day_only(tmp_path: Path) -> None:
    pipeline = three_days(tmp_path)
    a_day(pipeline, {"30.jpg": "30.jpg"}, "2026-03-05")
    write_labels(tmp_path, "y.csv", "30.jpg,cat\n", hours=1)
    follow_labels(pipeline)
    tag(pipeline, "2026-03-05")
    assert days_read(pipeline, lambda counted: gather(counted, "2026-03-05")) == ["2026-03-05"]
    assert len(the_set(pipeline, "2026-03-05")) == 31


def test_after_one_changed_day_that_day_only_is_read(tmp_path: Path) -> None:
    pipeline = three_days(tmp_path)
    a_day(pipeline, {name: name for name in names(9, 10)}, NEXT_DAY)
    follow_labels(pipeline)
    tag(pipeline, NEXT_DAY)
    assert days_read(pipeline, lambda counted: gather(counted, THIRD_DAY)) == [NEXT_DAY]
    assert set(the_set(pipeline)) == {sha(name) for name in names(30)} - {sha("19.jpg")}


def test_a_removed_image_leaves_the_set_of_a_later_day_that_starts_from_an_earlier_one(tmp_path: Path) -> None:
    pipeline = three_days(tmp_path)
    a_day(pipeline, {name: name for name in names(8)})
    a_day(pipeline, {}, "2026-03-05")
    follow_labels(pipeline)
    tag(pipeline)
    tag(pipeline, "2026-03-05")
    assert days_read(pipeline, lambda counted: gather(counted, "2026-03-05")) == [DAY, "2026-03-05"]
    assert set(the_set(pipeline, "2026-03-05")) == {sha(name) for name in names(30)} - {sha("8.jpg"), sha("9.jpg")}


def test_a_day_that_is_tagged_no_more_leaves_the_set(tmp_path: Path) -> None:
    pipeline = three_days(tmp_path)
    pipeline.store.delete(pipeline.manifests.find("tagged_manifests", NEXT_DAY).blob.path)
    assert days_read(pipeline, lambda counted: gather(counted, THIRD_DAY)) == []
    assert set(the_set(pipeline)) == {sha(name) for name in [*names(10), *names(10, 20)]}


def test_a_retracted_label_takes_its_image_out_and_a_restated_one_brings_it_back_on_its_side(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {name: name for name in names(12)})
    lines = "".join(f"{name},cat\n" for name in names(12))
    write_labels(tmp_path, "x.csv", lines)
    label_and_gather(pipeline, DAY)
    before = sides(pipeline)
    write_labels(tmp_path, "x.csv", lines.replace("3.jpg,cat\n", ""), hours=1)
    label_and_gather(pipeline, DAY)
    assert sides(pipeline) == {sha256: side for sha256, side in before.items() if sha256 != sha("3.jpg")}
    write_labels(tmp_path, "x.csv", lines, hours=2)
    label_and_gather(pipeline, DAY)
    assert sides(pipeline) == before


def test_an_image_on_two_days_survives_its_deletion_on_one(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    a_day(pipeline, {"b.jpg": "one"}, NEXT_DAY)
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n")
    label_and_gather(pipeline, DAY, NEXT_DAY)
    a_day(pipeline, {})
    label_and_gather(pipeline, DAY, NEXT_DAY)
    (row,) = rows(pipeline, TRAINING_SETS, NEXT_DAY)
    assert (row["sightings"], row["tags"]) == ([{"day": NEXT_DAY, "path": "landing/2026/03/03/b.jpg"}], ["cat"])
    a_day(pipeline, {}, NEXT_DAY)
    label_and_gather(pipeline, DAY, NEXT_DAY)
    assert rows(pipeline, TRAINING_SETS, NEXT_DAY) == []


def test_conflicting_images_are_excluded_with_the_reason_and_join_once_settled(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    a_day(pipeline, {"b.jpg": "one"}, NEXT_DAY)
    write_labels(tmp_path, "x.csv", "a.jpg,cat\nb.jpg,dog\n")
    label_and_gather(pipeline, DAY, NEXT_DAY)
    (row,) = rows(pipeline, TRAINING_SETS, NEXT_DAY)
    told = "landing/2026/03/02/a.jpg is cat; landing/2026/03/03/b.jpg is dog"
    assert (row["split"], row["reason"], row["conflict"]) == ("excluded", f"conflict: {told}", told)

    a_day(pipeline, {}, NEXT_DAY)
    label_and_gather(pipeline, DAY, NEXT_DAY)
    (row,) = rows(pipeline, TRAINING_SETS, NEXT_DAY)
    assert (row["split"], row["reason"], row["tags"]) == ("train", "", ["cat"])


def test_moving_and_doubling_images_changes_nothing_that_trains(tmp_path: Path) -> None:
    pipeline = three_days(tmp_path)
    before = what_trains(pipeline)
    a_day(pipeline, {"sub/new name.png": "0.jpg"} | {name: name for name in names(8, 1)})
    a_day(pipeline, {name: name for name in names(10, 10)} | {"moved here.jpg": "9.jpg", "again.jpg": "25.jpg"}, NEXT_DAY)

    label_and_gather(pipeline, *DAYS)

    assert the_set(pipeline)[sha("9.jpg")]["sightings"] == [{"day": NEXT_DAY, "path": "landing/2026/03/03/moved here.jpg"}]
    assert len(the_set(pipeline)[sha("25.jpg")]["sightings"]) == 2
    assert what_trains(pipeline) == before


def test_what_trains_changes_with_a_tag_a_removal_or_the_trainer(tmp_path: Path) -> None:
    pipeline = three_days(tmp_path)
    found = {what_trains(pipeline), what_trains(a_pipeline(tmp_path, training={"seed": 7}))}
    write_labels(tmp_path, "y.csv", "0.jpg,cat\n", hours=1)
    label_and_gather(pipeline, *DAYS)
    found.add(what_trains(pipeline))
    a_day(pipeline, {name: name for name in names(9)})
    label_and_gather(pipeline, *DAYS)
    found.add(what_trains(pipeline))
    assert len(found) == 4


def test_an_older_day_can_be_gathered_after_a_newer_one(tmp_path: Path) -> None:
    pipeline = three_days(tmp_path)
    newest = sides(pipeline, THIRD_DAY)
    report = gather(pipeline, NEXT_DAY)
    assert report.images == 20
    assert sides(pipeline, NEXT_DAY) == {sha(name): newest[sha(name)] for name in names(20)}


def test_sides_are_the_same_in_every_set_in_whatever_order_the_days_are_gathered(tmp_path: Path) -> None:
    pipeline = three_days(tmp_path)
    for day in (NEXT_DAY, DAY, THIRD_DAY):
        gather(pipeline, day)
    newest = sides(pipeline, THIRD_DAY)
    for day in DAYS:
        assert sides(pipeline, day).items() <= newest.items()


def test_a_day_that_is_tagged_late_joins_the_sets_of_later_days(tmp_path: Path) -> None:
    pipeline = three_days(tmp_path)
    late = "2026-03-01"
    a_day(pipeline, {"late.jpg": "late"}, late)
    write_labels(tmp_path, "y.csv", "late.jpg,cat\n", hours=1)
    follow_labels(pipeline)
    tag(pipeline, late)
    before = sides(pipeline, THIRD_DAY)
    assert days_read(pipeline, lambda counted: gather(counted, THIRD_DAY)) == [late]
    assert sides(pipeline, THIRD_DAY) == before | {sha("late"): sides(pipeline, THIRD_DAY)[sha("late")]}


def test_a_label_that_was_withdrawn_does_not_linger_when_its_days_are_tagged_again_one_by_one(tmp_path: Path) -> None:
    for name, order in {"forth": (DAY, NEXT_DAY), "back": (NEXT_DAY, DAY)}.items():
        home = tmp_path / name
        pipeline = a_pipeline(home)
        a_day(pipeline, {"a.jpg": "one"})
        a_day(pipeline, {"b.jpg": "one"}, NEXT_DAY)
        write_labels(home, "x.csv", "a.jpg,cat\n")
        write_labels(home, "y.csv", "a.jpg,dog\n", hours=1)
        label_and_gather(pipeline, DAY, NEXT_DAY)
        pipeline.store.delete("labels/y.csv")
        follow_labels(pipeline)

        for day in order:
            tag(pipeline, day)
            gather(pipeline, NEXT_DAY)

        (row,) = rows(pipeline, TRAINING_SETS, NEXT_DAY)
        assert row["tags"] == ["cat"], name


def test_other_shares_place_new_images_only(tmp_path: Path) -> None:
    pipeline = three_days(tmp_path)
    before = sides(pipeline, THIRD_DAY)
    other = a_pipeline(tmp_path, training={"test_share": 0.5})
    assert gather(other, THIRD_DAY).days_read == 0
    assert sides(other, THIRD_DAY) == before


def test_near_duplicates_across_days_share_a_side(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    look = {f"{number}": f"{number:x}" * 16 for number in range(10)}
    a_day(pipeline, {f"{name}.jpg": name for name in look}, phashes=look)
    twins = {f"{name} again": f"{phash[:-1]}{int(phash[-1], 16) ^ 1:x}" for name, phash in look.items()}
    a_day(pipeline, {f"{name}.jpg": name for name in twins}, NEXT_DAY, phashes=twins)
    write_labels(tmp_path, "x.csv", "".join(f"{name}.jpg,cat\n" for name in [*look, *twins]))
    label_and_gather(pipeline, DAY, NEXT_DAY)
    found = sides(pipeline, NEXT_DAY)
    assert {name: found[sha(name)] for name in look} == {name: found[sha(f"{name} again")] for name in look}
    assert len(set(found.values())) == 3


def test_pictures_are_gathered_after_the_whole_chain(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {f"{number}.jpg": a_picture(number) for number in range(8)} | {"none.jpg": a_picture(9)})
    state_labels(pipeline, {f"{number}.jpg": "ab"[number % 2] for number in range(8)})
    run_chain(pipeline)
    report = gather(pipeline)
    assert (report.images, report.excluded) == (8, 0)
    frame = pipeline.manifests.read(pipeline.manifests.find("training_sets", DAY), TRAINING_SETS)
    assert frame.filter(pl.col("split") == "test").explode("tags")["tags"].unique().sort().to_list() == ["a", "b"]
    for image in training_images(frame):
        assert pipeline.store.read(image.blob).data


def parts_of(pipeline: Pipeline, day: str = THIRD_DAY) -> set[str]:
    index, _ = pipeline.manifests.read_index(pipeline.manifests.find("training_sets", day), TRAINING_SETS)
    return set(index["file"])


def test_sets_share_the_parts_in_which_nothing_changed(tmp_path: Path) -> None:
    pipeline = three_days(tmp_path)
    later = "2026-04-01"
    a_day(pipeline, {"new.jpg": "new"}, later)
    write_labels(tmp_path, "y.csv", "new.jpg,cat\n", hours=1)
    follow_labels(pipeline)
    tag(pipeline, later)
    store = CountingBlobStore(pipeline.store)
    gather(over(pipeline, store), later)
    assert parts_of(pipeline) < parts_of(pipeline, later)
    assert store.reads_below("manifests/training_sets_parts/") == []
    assert len([path for path in store.writes if path.startswith("manifests/training_sets_parts/")]) == 1


def test_a_set_in_one_table_as_release_0_1_0_wrote_it_is_continued(tmp_path: Path) -> None:
    pipeline = three_days(tmp_path)
    before = the_set(pipeline)
    manifest = pipeline.manifests.find("training_sets", THIRD_DAY)
    rows_, notes = pipeline.manifests.read_with_notes(manifest, TRAINING_SETS)
    older = pipeline.manifests.begin(TRAINING_SETS, THIRD_DAY, "0123456789abcdef")
    pipeline.manifests.commit(older.draft(rows_, notes))
    assert the_set(pipeline) == before
    assert days_read(pipeline, lambda counted: gather(counted, THIRD_DAY)) == []
    assert the_set(pipeline) == before
    assert pipeline.manifests.find("training_sets", THIRD_DAY).rows == manifest.rows


def test_an_image_first_seen_elsewhere_moves_between_parts_under_the_same_name_of_the_rows(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    later = "2026-04-01"
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    a_day(pipeline, {"c.jpg": "three", "d.jpg": "one"}, later)
    write_labels(tmp_path, "x.csv", "a.jpg,cat\nb.jpg,cat\nc.jpg,dog\n")
    label_and_gather(pipeline, DAY, later)
    before, parts = pipeline.manifests.find("training_sets", later).rows, parts_of(pipeline, later)
    a_day(pipeline, {"b.jpg": "two"})
    label_and_gather(pipeline, DAY, later)
    assert pipeline.manifests.find("training_sets", later).rows == before
    assert parts_of(pipeline, later).isdisjoint(parts)
    assert the_set(pipeline, later)[sha("one")]["sightings"] == [{"day": later, "path": "landing/2026/04/01/d.jpg"}]


def test_a_side_that_was_forgotten_is_given_again(tmp_path: Path) -> None:
    pipeline = three_days(tmp_path)
    pipeline.store.delete("models/splits.parquet")
    a_day(pipeline, {name: name for name in names(9)})
    label_and_gather(pipeline, *DAYS)
    assert set(known_sides(pipeline)["sha256"]) == set(the_set(pipeline))


def test_a_part_that_is_gone_is_told_with_the_remedy(tmp_path: Path) -> None:
    pipeline = three_days(tmp_path)
    for path in parts_of(pipeline):
        pipeline.store.delete(path)
    with pytest.raises(ManifestCorruptError, match=r"is gone\. Delete these manifests and run their days again"):
        rows(pipeline, TRAINING_SETS, THIRD_DAY)
