"""Out and in again: what a format can say survives the round trip."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from imaging_assets.records.manifests import AnnotatedImage, Region
from imaging_assets.stages.manifests.conversion import ImageSize, convert
from imaging_assets.stages.manifests.exports import EXPORTS, annotation_files, image_places, loss, losses_together
from imaging_assets.stages.manifests.formats import LabelFile, clean_tag, folders, read_labels, yolo
from imaging_assets.stages.manifests.sources import apart

SIDES = ("train", "validation", "test")
ANNOTATED = sorted(EXPORTS.keys() - {"folders"})


def an_image(number: int, *tags: str, regions: Sequence[Region] = (), split: str = "train") -> AnnotatedImage:
    said = tuple(sorted({*tags, *(region.tag for region in regions)}))
    path = f"2026/03/02/cam/IMG {number}.jpg"
    return AnnotatedImage(0, path, f"{number:064x}", said, tuple(regions), width=640, height=480, split=split)


def round_trip(format_name: str, images: Sequence[AnnotatedImage]) -> list[AnnotatedImage]:
    """Write all files, read those with labels by their content; nothing may be refused."""
    files = dict(annotation_files(format_name, images))
    classes = yolo.read_names("data.yaml", files["data.yaml"].encode()) if "data.yaml" in files else ()
    said = []
    for path, text in files.items():
        if path.endswith(("MLTable", ".yaml")) or path.startswith("ImageSets"):
            continue
        found, rejected = apart(read_labels(LabelFile(path, text.encode(), classes=classes)))
        assert rejected == []
        said += found
    converted, problems = convert(said, lambda _: ImageSize(640, 480))
    assert problems == []
    return converted


def stems(images: Sequence[AnnotatedImage]) -> dict[str, tuple[str, ...]]:
    return {str(PurePosixPath(image.path.removeprefix("images/")).with_suffix("")): image.tags for image in images}


names = (
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="|"), min_size=1, max_size=12)
    .map(clean_tag)
    .filter(bool)
)
whole_pixels = st.tuples(st.integers(0, 600), st.integers(0, 440), st.integers(1, 40), st.integers(1, 40))


@pytest.mark.parametrize("format_name", ["coco", "automl", "csv"])
@given(tags=st.lists(st.lists(names, min_size=1, max_size=3, unique=True), min_size=1, max_size=4))
def test_tags_survive_the_round_trip(format_name: str, tags: list[list[str]]) -> None:
    images = [an_image(number, *found, split=SIDES[number % 3]) for number, found in enumerate(tags)]
    normal = [replace(image, tags=tuple(sorted(image.tags))) for image in images]
    assert stems(round_trip(format_name, normal)) == stems(normal)


@pytest.mark.parametrize("format_name", ANNOTATED)
@given(
    boxes=st.lists(
        st.lists(st.tuples(st.sampled_from(["cat", "dog", "Ü=|, 🌼"]), whole_pixels), min_size=1, max_size=3), max_size=3
    )
)
def test_boxes_survive_the_round_trip(format_name: str, boxes: list[list[tuple[str, tuple[int, int, int, int]]]]) -> None:
    images = [
        an_image(
            number,
            regions=[Region(tag.replace("|", ""), x / 640, y / 480, w / 640, h / 480) for tag, (x, y, w, h) in found],
            split=SIDES[number % 3],
        )
        for number, found in enumerate(boxes)
    ]
    back = round_trip(format_name, images)
    assert stems(back) == stems(images)
    for image, found in zip(images, back, strict=True):
        assert len(image.regions) == len(found.regions)
        for region, other in zip(image.regions, found.regions, strict=True):
            assert region.tag == other.tag
            numbers = (other.left, other.top, other.width, other.height)
            assert numbers == pytest.approx((region.left, region.top, region.width, region.height), abs=1e-6)


def test_coco_and_csv_join_by_sha256_on_the_way_back() -> None:
    image = an_image(7, "cat")
    assert [round_trip(name, [image])[0].sha256 for name in ("coco", "csv")] == [image.sha256] * 2


def test_folders_say_the_tag_and_the_side() -> None:
    images = [an_image(1, "cat"), an_image(2, "cat", "dog", split="test")]
    places = [place for image in images for place in image_places("folders", image)]
    assert places == [
        "train/cat/2026/03/02/cam/IMG 1.jpg",
        "test/cat/2026/03/02/cam/IMG 2.jpg",
        "test/dog/2026/03/02/cam/IMG 2.jpg",
    ]
    said, rejected = apart(folders.read(places))
    assert rejected == []
    assert {(image.path[-5], image.tags, image.split) for image in said} == {
        ("1", ("cat",), "train"),
        ("2", ("cat",), "test"),
        ("2", ("dog",), "test"),
    }


@pytest.mark.parametrize(
    ("tag", "folder"), [("a/b", "a_b"), ("..", "_"), ("con: x?", "con_ x_"), ("x. ", "x"), ("cat", "cat"), ("\x07", "_")]
)
def test_a_tag_becomes_a_folder_that_every_system_can_have(tag: str, folder: str) -> None:
    assert folders.folder_name(tag) == folder


def test_files_that_lie_in_no_folder_of_a_class_are_told() -> None:
    said, rejected = apart(folders.read(["cat/a.jpg", "b.jpg"]))
    assert [image.path for image in said] == ["a.jpg"]
    assert [line.text for line in rejected] == ["b.jpg"]


def test_azure_ml_lines_have_an_mltable_beside_them_that_reads_them_as_streams() -> None:
    files = dict(annotation_files("automl", [an_image(1, "cat"), an_image(2, "dog", split="validation")], "azureml://x/"))
    assert sorted(files) == [
        "train/MLTable",
        "train/train_annotations.jsonl",
        "validation/MLTable",
        "validation/validation_annotations.jsonl",
    ]
    assert yaml.safe_load(files["train/MLTable"]) == {
        "paths": [{"file": "./train_annotations.jsonl"}],
        "transformations": [
            {"read_json_lines": {"encoding": "utf8", "invalid_lines": "error", "include_path_column": False}},
            {"convert_column_types": [{"columns": "image_url", "column_type": "stream_info"}]},
        ],
    }
    assert files["train/train_annotations.jsonl"] == (
        '{"image_url": "azureml://x/2026/03/02/cam/IMG 1.jpg", '
        '"image_details": {"format": "jpg", "width": "640px", "height": "480px"}, "label": "cat"}\n'
    )


def test_azure_ml_lines_are_of_one_kind_on_every_side() -> None:
    files = dict(annotation_files("automl", [an_image(1, "cat", "dog"), an_image(2, "dog", split="validation")]))
    assert '"label": ["dog"]' in files["validation/validation_annotations.jsonl"]
    boxed = [an_image(1, "night", regions=[Region("cat", 0.1, 0.2, 0.3, 0.4)]), an_image(2, "dog")]
    (line,) = dict(annotation_files("automl", boxed))["train/train_annotations.jsonl"].splitlines()
    assert '"label": [{"label": "cat", "topX": 0.1, "topY": 0.2, "bottomX": 0.4, "bottomY": 0.6' in line.replace(
        "6000000000000001", "6"
    )
    assert losses_together("automl", boxed) == {
        "2026/03/02/cam/IMG 1.jpg": "lines with boxes know no other tags; lost: night",
        "2026/03/02/cam/IMG 2.jpg": "lines with boxes know no other tags; lost: dog",
    }
    assert losses_together("coco", boxed) == {}


@pytest.mark.parametrize(
    ("format_name", "fits", "told"),
    [
        ("coco", True, ""),
        ("csv", True, ""),
        ("yolo", True, "tags without one are lost: night"),
        ("voc", True, "tags without one are lost: night"),
        ("folders", True, "its boxes are lost"),
    ],
)
def test_what_a_format_cannot_say_is_told(format_name: str, *, fits: bool, told: str) -> None:
    found = loss(format_name, an_image(1, "night", regions=[Region("cat", 0.1, 0.2, 0.3, 0.4)]))
    assert found[0] == fits
    assert found[1].endswith(told)
    assert bool(found[1]) == bool(told)


@pytest.mark.parametrize("format_name", ["yolo", "voc"])
def test_an_image_without_boxes_does_not_fit_where_only_boxes_are_known(format_name: str) -> None:
    assert loss(format_name, an_image(1, "cat")) == (False, f"{format_name} knows boxes only, and it has none")


def test_yolo_s_data_names_the_sides_that_there_are() -> None:
    images = [
        an_image(1, regions=[Region("dog", 0.1, 0.1, 0.1, 0.1)]),
        an_image(2, regions=[Region("cat", 0, 0, 1, 1)], split="test"),
    ]
    data = yaml.safe_load(dict(annotation_files("yolo", images))["data.yaml"])
    assert data == {
        "path": ".",
        "train": "images/train",
        "test": "images/test",
        "val": "images/test",
        "names": {0: "cat", 1: "dog"},
    }
    assert image_places("yolo", images[1]) == ["images/test/2026/03/02/cam/IMG 2.jpg"]
