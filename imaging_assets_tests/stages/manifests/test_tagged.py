"""Every landed image of a day with the tags that hold for it."""

from pathlib import Path

from imaging_assets.stages.manifests.tagged import tag_day
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import ALL
from imaging_assets.stages.tables import LABEL_RECORDS, RESIZED_IMAGES, TAGGED_MANIFESTS
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.stages.manifests.days import (
    NEXT_DAY,
    NOON,
    a_day,
    follow_labels,
    rows,
    sha,
    tag,
    tags_of,
    write_labels,
)


def is_done(pipeline: Pipeline, day: str) -> bool:
    """Whether the day's tags need not be made again."""
    labels = pipeline.manifests.look_up(LABEL_RECORDS.asset, ALL)
    return tag_day(pipeline, pipeline.manifests.find(RESIZED_IMAGES.asset, day), labels)[0].frame is None


def test_every_landed_image_has_a_row_labelled_or_not_quarantined_or_not(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two", "bad.jpg": "three", "twin.jpg": "one"}, quarantined=["bad.jpg"])
    write_labels(tmp_path, "x.csv", "a.jpg,dog|cat\nbad.jpg,dog\n")
    follow_labels(pipeline)

    report = tag(pipeline)

    assert tags_of(pipeline) == {"a.jpg": ["cat", "dog"], "b.jpg": [], "bad.jpg": ["dog"], "twin.jpg": ["cat", "dog"]}
    assert (report.images, report.labelled, report.unlabelled, report.conflicts) == (4, 3, 1, 0)
    assert report.tags == {"cat": 2, "dog": 3}


def test_a_row_tells_who_said_it_where_and_when(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    write_labels(tmp_path, "x.csv", "path,tags\na.jpg,cat\n", hours=1)
    follow_labels(pipeline)
    tag(pipeline)
    one, two = rows(pipeline, TAGGED_MANIFESTS, DAY)
    said = ("label_source", "label_file", "label_line", "stated_at")
    assert [one[name] for name in said] == ["labels", "labels/x.csv", 2, NOON.replace(hour=13)]
    assert [two[name] for name in said] == ["", "", None, None]
    assert (one["sha256"], one["resized"], one["phash"]) == (sha("one"), f"resized/{sha('one')}.jpg", sha("one")[:16])


def test_without_any_label_record_every_image_is_unlabelled(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    assert tag(pipeline).unlabelled == 1
    assert tags_of(pipeline) == {"a.jpg": []}


def test_a_day_without_images_has_no_rows(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {})
    follow_labels(pipeline)
    report = tag(pipeline)
    assert (report.images, report.tags, tags_of(pipeline)) == (0, {}, {})


def test_the_first_label_records_do_not_repeat_days_without_labels(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    a_day(pipeline, {"b.jpg": "two"}, NEXT_DAY)
    tag(pipeline)
    tag(pipeline, NEXT_DAY)
    write_labels(tmp_path, "x.csv", "b.jpg,cat\n")
    follow_labels(pipeline)
    assert (is_done(pipeline, DAY), is_done(pipeline, NEXT_DAY)) == (True, False)


def test_a_changed_label_repeats_its_day_only(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    a_day(pipeline, {"b.jpg": "two"}, NEXT_DAY)
    write_labels(tmp_path, "x.csv", "a.jpg,cat\nb.jpg,cat\n")
    follow_labels(pipeline)
    tag(pipeline)
    tag(pipeline, NEXT_DAY)
    assert (is_done(pipeline, DAY), is_done(pipeline, NEXT_DAY)) == (True, True)

    write_labels(tmp_path, "x.csv", "a.jpg,cat\nb.jpg,dog\n", hours=1)
    follow_labels(pipeline)

    assert (is_done(pipeline, DAY), is_done(pipeline, NEXT_DAY)) == (True, False)
    tag(pipeline, NEXT_DAY)
    assert tags_of(pipeline, NEXT_DAY) == {"b.jpg": ["dog"]}


def test_a_day_done_before_is_reported_as_it_stands(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n")
    follow_labels(pipeline)
    assert tag(pipeline) == tag(pipeline)


def test_restating_a_label_in_another_line_leaves_the_rows_as_they_are(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n")
    follow_labels(pipeline)
    tag(pipeline)
    before = pipeline.manifests.find("tagged_manifests", DAY)
    write_labels(tmp_path, "x.csv", "", hours=1)
    follow_labels(pipeline)
    tag(pipeline)
    write_labels(tmp_path, "x.csv", "\n\na.jpg,cat\n", hours=2)
    follow_labels(pipeline)
    tag(pipeline)
    after = pipeline.manifests.find("tagged_manifests", DAY)
    assert (after.inputs, after.rows) == (before.inputs, before.rows)


def test_pictures_are_tagged_through_the_whole_chain(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1), "b.jpg": a_picture(2), "empty.jpg": b""})
    state_labels(pipeline, {"a.jpg": "cat", "empty.jpg": "dog"})
    report = run_chain(pipeline)["tagged_manifests"]
    assert (report.images, report.labelled, report.tags) == (3, 2, {"cat": 1, "dog": 1})
    assert tags_of(pipeline) == {"a.jpg": ["cat"], "b.jpg": [], "empty.jpg": ["dog"]}
