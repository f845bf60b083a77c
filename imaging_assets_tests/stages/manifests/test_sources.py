"""Label sources: whose file it is, how it is read, which images it may mean, and what wins."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError

from imaging_assets.policies import Labels, LabelSource
from imaging_assets.stages.manifests.sources import label_files
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import TAGGED_MANIFESTS
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain
from imaging_assets_tests.doubles import CountingBlobStore, over
from imaging_assets_tests.stages.manifests.days import (
    NEXT_DAY,
    NOON,
    a_day,
    follow_labels,
    rows,
    sha,
    statements,
    tag,
    tags_of,
    write_labels,
)


def with_sources(home: Path, *sources: dict[str, Any]) -> Pipeline:
    return a_pipeline(home, labels={"sources": sources})


def put(pipeline: Pipeline, path: str, content: object) -> None:
    """Write a file; what is no text is written as JSON."""
    pipeline.store.write(path, (content if isinstance(content, str) else json.dumps(content)).encode())


def coco(*said: tuple[str, str], size: tuple[int, int] = (8, 8), box: list[float] | None = None) -> dict[str, Any]:
    """One annotation per (image, tag)."""
    names = sorted({name for _, name in said})
    return {
        "images": [{"id": at, "file_name": path, "width": size[0], "height": size[1]} for at, (path, _) in enumerate(said)],
        "annotations": [
            {"id": at, "image_id": at, "category_id": names.index(name), **({"bbox": box} if box else {})}
            for at, (_, name) in enumerate(said)
        ],
        "categories": [{"id": at, "name": name} for at, name in enumerate(names)],
    }


def test_the_folder_of_labels_is_a_source_by_itself_and_nested_sources_own_their_files(tmp_path: Path) -> None:
    pipeline = with_sources(tmp_path, {"name": "studio", "folder": "labels/studio/"}, {"name": "cvat", "folder": "exports"})
    for path in ("labels/a.csv", "labels/studio/b.json", "labels/studios/c.csv", "exports/d.xml", "elsewhere/e.csv"):
        put(pipeline, path, "x")
    assert [(file.path, file.source.name) for file in label_files(pipeline)] == [
        ("exports/d.xml", "cvat"),
        ("labels/a.csv", "labels"),
        ("labels/studio/b.json", "studio"),
        ("labels/studios/c.csv", "labels"),
    ]


def test_the_folder_of_labels_may_be_given_another_name_and_settings(tmp_path: Path) -> None:
    pipeline = with_sources(tmp_path, {"name": "lab", "folder": "labels", "separator": "/"})
    a_day(pipeline, {"a.jpg": "one"})
    put(pipeline, "labels/a.csv", "a.jpg,cat/dog\n")
    follow_labels(pipeline)
    assert [(row["source"], row["tags"]) for row in statements(pipeline)] == [("lab", ["cat", "dog"])]


def test_images_hidden_files_and_lists_of_class_names_are_no_label_files(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    for path in ("labels/.x.csv", "labels/_x.csv", "labels/classes.txt", "labels/set/images/a.JPG", "labels/t/MLTable"):
        put(pipeline, path, "x")
    assert label_files(pipeline) == []


def test_files_of_many_formats_lie_side_by_side(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {f"{name}.jpg": name for name in "abc"})
    put(pipeline, "labels/a.csv", "a.jpg,cat\n")
    put(pipeline, "labels/b.json", coco(("b.jpg", "dog"), box=[2, 2, 4, 4]))
    put(pipeline, "labels/yolo/data.yaml", "names: [cow]\n")
    put(pipeline, "labels/yolo/labels/train/c.txt", "0 0.5 0.5 0.5 0.5\n")
    report = follow_labels(pipeline)
    assert (report.files, report.bound, report.rejected, report.by_source) == (3, 3, 0, {"labels": 3})
    tag(pipeline)
    assert tags_of(pipeline) == {"a.jpg": ["cat"], "b.jpg": ["dog"], "c.jpg": ["cow"]}
    told = {row["path"][-5:]: row["regions"] for row in rows(pipeline, TAGGED_MANIFESTS, DAY)}
    assert told["b.jpg"] == [{"tag": "dog", "left": 0.25, "top": 0.25, "width": 0.5, "height": 0.5}]
    assert told["c.jpg"] == [{"tag": "cow", "left": 0.25, "top": 0.25, "width": 0.5, "height": 0.5}]


def test_other_names_of_classes_read_the_files_again_and_no_other_file(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"c.jpg": "c"})
    put(pipeline, "labels/x.csv", "c.jpg,thing\n")
    put(pipeline, "labels/yolo/classes.txt", "cow\n")
    put(pipeline, "labels/yolo/c.txt", "0 0.5 0.5 0.5 0.5\n")
    follow_labels(pipeline)
    put(pipeline, "labels/yolo/classes.txt", "horse\n")
    store = CountingBlobStore(pipeline.store)
    assert follow_labels(over(pipeline, store)).files_read == 1
    assert store.reads_below("labels/") == ["labels/yolo/c.txt", "labels/yolo/classes.txt"]
    assert {row["tags"][0]: row["retracted_at"] is None for row in statements(pipeline)} == {
        "cow": False,
        "horse": True,
        "thing": True,
    }


def test_a_source_finds_only_the_images_it_says_it_is_about(tmp_path: Path) -> None:
    pipeline = with_sources(
        tmp_path,
        {"name": "one", "folder": "one", "images": "camera-1"},
        {"name": "two", "folder": "two", "images": "2026/03/03/"},
    )
    a_day(pipeline, {"camera-1/a.jpg": "a1", "camera-2/a.jpg": "a2", "camera-2/b.jpg": "b2"})
    a_day(pipeline, {"camera-2/b.jpg": "b3"}, NEXT_DAY)
    put(pipeline, "one/x.csv", "a.jpg,cat\nb.jpg,cat\n")
    put(pipeline, "two/x.csv", "b.jpg,dog\n")
    report = follow_labels(pipeline)
    found = {(row["source"], row["selector"]): (row["status"], row["sha256"], row["reason"]) for row in statements(pipeline)}
    assert found == {
        ("one", "a.jpg"): ("bound", sha("a1"), ""),
        ("one", "b.jpg"): ("unmatched", "", "no landed image below camera-1 has this name"),
        ("two", "b.jpg"): ("bound", sha("b3"), ""),
    }
    assert report.by_source == {"one": 2, "two": 1}


def test_names_that_nothing_has_are_rewritten_as_the_source_says(tmp_path: Path) -> None:
    rewrite = {r"^scan_(\d+)_v\d+$": r"IMG_\1", r"^train/": ""}
    pipeline = with_sources(tmp_path, {"name": "x", "folder": "x", "rewrite": rewrite})
    a_day(pipeline, {"IMG_07.jpg": "seven", "b.jpg": "b", "train/c.jpg": "c"})
    put(pipeline, "x/x.csv", "scan_07_v2,cat\ntrain/b.jpg,dog\ntrain/c.jpg,cow\nscan_08_v1,cow\n")
    follow_labels(pipeline)
    assert {row["selector"]: row["sha256"] for row in statements(pipeline)} == {
        "scan_07_v2": sha("seven"),
        "train/b.jpg": sha("b"),
        "train/c.jpg": sha("c"),
        "scan_08_v1": "",
    }


def test_an_address_that_holds_the_whole_landing_path_means_it(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    a_day(pipeline, {"a.jpg": "two"}, NEXT_DAY)
    address = "https://x.blob.core.windows.net/container/landing/2026/03/03/a.jpg?sig=secret"
    put(pipeline, "labels/x.csv", f"url,label\n{address},cat\n")
    follow_labels(pipeline)
    (row,) = statements(pipeline)
    assert row["sha256"] == sha("two")
    assert "secret" not in str(row)


@pytest.mark.parametrize(("priorities", "winner"), [((0, 0), "zebra"), ((1, 0), "ant"), ((0, 1), "zebra")])
def test_of_statements_of_one_time_the_source_of_higher_priority_wins_then_the_last(
    tmp_path: Path, priorities: tuple[int, int], winner: str
) -> None:
    one, two = priorities
    pipeline = with_sources(
        tmp_path, {"name": "one", "folder": "labels/1", "priority": one}, {"name": "two", "folder": "labels/2", "priority": two}
    )
    a_day(pipeline, {"a.jpg": "a"})
    write_labels(tmp_path, "1/x.csv", "a.jpg,ant\n")
    write_labels(tmp_path, "2/x.csv", "a.jpg,zebra\n")
    follow_labels(pipeline)
    tag(pipeline)
    assert tags_of(pipeline) == {"a.jpg": [winner]}


def test_a_newer_statement_wins_over_any_priority_and_another_priority_concerns_the_day(tmp_path: Path) -> None:
    sources: list[dict[str, Any]] = [{"name": "one", "folder": "labels/1", "priority": 9}, {"name": "two", "folder": "labels/2"}]
    pipeline = with_sources(tmp_path, *sources)
    a_day(pipeline, {"a.jpg": "a", "b.jpg": "b"})
    write_labels(tmp_path, "1/x.csv", "a.jpg,ant\nb.jpg,ant\n")
    write_labels(tmp_path, "2/x.csv", "a.jpg,zebra\n", hours=1)
    write_labels(tmp_path, "2/y.csv", "b.jpg,zebra\n")
    follow_labels(pipeline)
    tag(pipeline)
    assert tags_of(pipeline) == {"a.jpg": ["zebra"], "b.jpg": ["ant"]}

    other = with_sources(tmp_path, sources[0] | {"priority": -1}, sources[1])
    follow_labels(other)
    tag(other)
    assert tags_of(other) == {"a.jpg": ["zebra"], "b.jpg": ["zebra"]}


def test_what_a_file_says_was_said_when_it_tells_so(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "a"})
    write_labels(tmp_path, "late.csv", "path,tags,when,who\na.jpg,cat,2026-03-01T00:00:00Z,Anna\n", hours=5)
    write_labels(tmp_path, "early.csv", "a.jpg,dog\n")
    follow_labels(pipeline)
    tag(pipeline)
    assert tags_of(pipeline) == {"a.jpg": ["dog"]}
    assert {(row["who"], row["stated_at"] < NOON) for row in statements(pipeline)} == {("Anna", True), ("", False)}


def test_conflicts_and_rare_spellings_are_told_at_their_lines(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "one", "c.jpg": "c", "d.jpg": "d"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\nb.jpg,dog\nc.jpg,dog\nd.jpg,Dog\n")
    report = follow_labels(pipeline)
    assert (report.conflicts, report.rare_spellings, report.bound) == (2, 1, 4)
    told = {row["line"]: row["reason"] for row in statements(pipeline) if row["reason"]}
    assert told == {
        1: "conflict: landing/2026/03/02/a.jpg is cat; landing/2026/03/02/b.jpg is dog",
        2: "conflict: landing/2026/03/02/a.jpg is cat; landing/2026/03/02/b.jpg is dog",
        4: "case: tag 'Dog' is mostly written 'dog'",
    }
    write_labels(tmp_path, "x.csv", "a.jpg,cat\nb.jpg,cat\nc.jpg,dog\nd.jpg,dog\n", hours=1)
    assert (follow_labels(pipeline).conflicts, {row["reason"] for row in statements(pipeline) if not row["retracted_at"]}) == (
        0,
        {""},
    )


def test_sources_that_say_nothing_are_named(tmp_path: Path) -> None:
    pipeline = with_sources(tmp_path, {"name": "forgotten", "folder": "nowhere"})
    a_day(pipeline, {"a.jpg": "a"})
    assert follow_labels(pipeline).silent == ("forgotten",)
    write_labels(tmp_path, "x.csv", "a.jpg,\n")
    assert follow_labels(pipeline).silent == ("forgotten", "labels")
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n", hours=1)
    assert follow_labels(pipeline).silent == ("forgotten",)


def test_boxes_outside_the_image_and_of_a_quarantined_one_are_told_with_file_and_line(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "a", "b.jpg": "b"}, quarantined=["b.jpg"])
    put(pipeline, "labels/x.json", coco(("a.jpg", "cat"), box=[9, 9, 4, 4]))
    put(pipeline, "labels/y.json", coco(("b.jpg", "cat"), size=(0, 0), box=[1, 1, 4, 4]))
    follow_labels(pipeline)
    assert tag(pipeline).region_problems == 2
    told = [(row["label_file"], row["label_line"], row["tags"], row["regions"]) for row in rows(pipeline, TAGGED_MANIFESTS, DAY)]
    assert told == [("labels/x.json", 1, ["cat"], []), ("labels/y.json", 1, ["cat"], [])]


@pytest.mark.parametrize(
    ("size", "box"),
    [((96, 64), [12, 8, 24, 16]), ((64, 96), [40, 12, 16, 24]), ((48, 32), [6, 4, 12, 8])],
    ids=["on the stored pixels", "on the upright image", "on a smaller copy of the stored pixels"],
)
def test_boxes_of_a_turned_photo_are_right_whichever_way_its_tool_saw_it(
    tmp_path: Path, size: tuple[int, int], box: list[float]
) -> None:
    pipeline = a_pipeline(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    land(pipeline, {"a.jpg": a_picture(1, (96, 64), exif=exif)})
    put(pipeline, "labels/x.json", coco(("a.jpg", "cat"), size=size, box=box))
    run_chain(pipeline)
    (row,) = rows(pipeline, TAGGED_MANIFESTS, DAY)
    assert (row["width"], row["height"], row["region_problems"]) == (64, 96, [])
    assert row["regions"] == [{"tag": "cat", "left": 0.625, "top": 0.125, "width": 0.25, "height": 0.25}]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"name": "", "folder": "x"}, "name"),
        ({"name": "x", "folder": "x", "format": "excel"}, "format"),
        ({"name": "x", "folder": "x", "rewrite": {"(": ""}}, "regular expression"),
        ({"name": "x", "folder": "x", "rewrite": {"a": r"\1"}}, "regular expression"),
        ({"name": "x", "folder": "x", "columns": {"colour": "1"}}, "there is no meaning 'colour'"),
        ({"name": "x", "folder": "x", "encoding": "klingon"}, "there is no encoding 'klingon'"),
        ({"name": "x", "folder": "x", "header_rows": 3}, "header_rows"),
    ],
)
def test_settings_of_a_source_that_cannot_be_are_refused(source: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        LabelSource(**source)


def test_two_sources_share_neither_name_nor_folder() -> None:
    with pytest.raises(ValidationError, match="two sources have the folder 'x'"):
        Labels(sources=(LabelSource(name="a", folder="x"), LabelSource(name="b", folder="/x/")))
    with pytest.raises(ValidationError, match="two sources have the name 'a'"):
        Labels(sources=(LabelSource(name="a", folder="x"), LabelSource(name="a", folder="y")))


def test_a_file_without_a_record_is_a_line_of_its_own_beside_others_that_speak(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "a"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n")
    write_labels(tmp_path, "empty.csv", "path,tags\n")
    report = follow_labels(pipeline)
    assert report.open_lines == (("labels/empty.csv", 0, "", "the file says nothing"),)
    assert report.silent == ()


def test_whatever_people_put_into_label_files_costs_its_own_line_and_is_told(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "a", "=b.jpg": "b", "c,d.jpg": "c"})
    a_day(pipeline, {"late.jpg": "late"}, "2026-03-05")
    lines = [
        "path,tags",
        "a.jpg,🌼",
        "=b.jpg,=1+1",
        '"c,d.jpg","x, y"',
        f"a.jpg,{'x' * 500}",
        "http://[a.jpg,cat",
        "late.jpg,far",
    ]
    put(pipeline, "labels/x.csv", "\n".join([*lines, "2026/03/02/late.jpg,cat", ",cat", "a.jpg,\0"]))
    pipeline.store.write("labels/wrong.csv", "path,tags\na.jpg,müde\n".encode("cp1252"))
    put(pipeline, "labels/y.json", coco(("gone.jpg", "cat")) | {"images": []})
    report = follow_labels(pipeline)
    told = {(file, line): reason for file, line, _, reason in report.open_lines}
    assert told.pop(("labels/wrong.csv", 0)).startswith("labels/wrong.csv is not UTF-8 text (byte 17, line 2)")
    assert told == {
        ("labels/x.csv", 5): "tag of 500 characters, at most 128 allowed",
        ("labels/x.csv", 6): "no landed image has this name",
        ("labels/x.csv", 8): "no landed image has this name",
        ("labels/x.csv", 9): "no image named",
        ("labels/x.csv", 10): "the tag holds characters that are no text",
        ("labels/y.json", 1): "the annotation's image 0 is not listed in the file",
    }
    for day in (DAY, "2026-03-05"):
        tag(pipeline, day)
    assert tags_of(pipeline) == {"a.jpg": ["🌼"], "=b.jpg": ["=1+1"], "c,d.jpg": ["x, y"]}
    assert tags_of(pipeline, "2026-03-05") == {"late.jpg": ["far"]}
