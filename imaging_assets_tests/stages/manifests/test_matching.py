"""Which image a line means."""

import unicodedata
from typing import Literal

import pytest

from imaging_assets.stages.manifests.matching import ImageIndex, Match

FOLDER = "landing/2026/03/02/"


def an_index(*landed: tuple[str, str]) -> ImageIndex:
    """Of (path below the day, bytes' name) pairs."""
    index = ImageIndex(["landing"])
    index.add((FOLDER + name, content) for name, content in landed)
    return index


@pytest.mark.parametrize(
    "selector",
    [
        pytest.param("landing/2026/03/02/camera/IMG_1.jpg", id="whole path"),
        pytest.param("2026/03/02/camera/IMG_1.jpg", id="without the landing folder"),
        pytest.param("container/landing/2026/03/02/camera/IMG_1.jpg", id="container before the whole path"),
        pytest.param("out/images/2026/03/02/camera/IMG_1.jpg", id="folders before the day"),
        pytest.param("out/images/2026/03/02/camera/img_1.png", id="folders before the day, other case and extension"),
        pytest.param("02/camera/IMG_1.jpg", id="long end"),
        pytest.param("camera/IMG_1.jpg", id="end"),
        pytest.param("IMG_1.jpg", id="name"),
        pytest.param("camera/IMG_1.PNG", id="other extension"),
        pytest.param("IMG_1", id="no extension"),
        pytest.param("img_1.JPG", id="other case"),
        pytest.param("Camera/img_1.png", id="other case and extension, end of a path"),
        pytest.param("2026/03/02/camera/img_1.png", id="other case and extension, without the landing folder"),
        pytest.param("landing/2026/03/02/camera/img_1.png", id="other case and extension, whole path"),
    ],
)
def test_an_image_is_found_by_any_way_of_naming_it(selector: str) -> None:
    index = an_index(("camera/IMG_1.jpg", "one"), ("camera/IMG_2.jpg", "two"), ("phone/IMG_11.jpg", "three"))
    assert index.match(selector) == Match(f"{FOLDER}camera/IMG_1.jpg", "one", "bound", "")


@pytest.mark.parametrize("selector", ["MG_1.jpg", "amera/IMG_1.jpg", "IMG_1.jpg/", "other/IMG_1.jpg", "/IMG_1.jpg", "", "*", "."])
def test_a_part_of_a_name_is_no_name(selector: str) -> None:
    found = an_index(("camera/IMG_1.jpg", "one")).match(selector)
    assert found == Match("", "", "unmatched", "no landed image has this name")


def test_the_whole_path_wins_over_another_image_whose_path_ends_so() -> None:
    index = an_index(("a.jpg", "one"), ("2026/03/02/a.jpg", "two"))
    assert index.match("2026/03/02/a.jpg").sha256 == "one"


def test_a_name_wins_over_others_that_differ_in_case_or_extension() -> None:
    index = an_index(("a.jpg", "one"), ("A.jpg", "two"), ("a.png", "three"))
    assert [index.match(name).sha256 for name in ("a.jpg", "A.jpg", "a.png")] == ["one", "two", "three"]


def test_a_name_of_several_images_is_ambiguous_and_tells_two_of_them() -> None:
    found = an_index(("x/a.jpg", "one"), ("y/a.jpg", "two"), ("z/a.jpg", "one")).match("a.jpg")
    assert (found.status, found.path, found.sha256) == ("ambiguous", "", "")
    assert found.reason == f"3 different images have this name: {FOLDER}x/a.jpg, {FOLDER}z/a.jpg"


def test_a_name_of_several_images_without_its_extension_is_ambiguous() -> None:
    assert an_index(("a.jpg", "one"), ("a.png", "two")).match("a").status == "ambiguous"


def test_several_paths_of_the_same_bytes_are_one_image() -> None:
    found = an_index(("y/a.jpg", "one"), ("x/a.jpg", "one")).match("a.jpg")
    assert (found.status, found.path, found.sha256) == ("bound", f"{FOLDER}x/a.jpg", "one")


def test_several_images_are_told_apart_by_a_longer_end() -> None:
    index = an_index(("x/a.jpg", "one"), ("y/a.jpg", "two"))
    assert (index.match("x/a.jpg").sha256, index.match("y/a.JPG").sha256) == ("one", "two")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("selector", ["é.jpg", "2026/03/02/é.jpg", "É"])
def test_a_name_is_the_same_however_its_accents_are_encoded(form: Literal["NFC", "NFD"], selector: str) -> None:
    landed = unicodedata.normalize(form, "é.jpg")
    found = an_index((landed, "one")).match(unicodedata.normalize("NFC", selector))
    assert (found.path, found.sha256) == (FOLDER + landed, "one")


def test_names_that_only_differ_in_the_encoding_of_accents_are_ambiguous_when_the_bytes_differ() -> None:
    index = an_index(("e\u0301.jpg", "one"), ("\u00e9.jpg", "two"))
    assert index.match("\u00e9.jpg").status == "ambiguous"


def test_days_may_be_added_one_after_the_other() -> None:
    index = an_index(("a.jpg", "one"))
    index.add([("landing/2026/03/03/a.jpg", "two")])
    assert index.match("a.jpg").status == "ambiguous"
    assert index.match("2026/03/03/a.jpg").sha256 == "two"


def test_a_landing_place_of_another_name_is_known_by_it() -> None:
    index = ImageIndex(["in/box"])
    index.add([("in/box/2026/03/02/a.jpg", "one")])
    assert index.match("in/box/2026/03/02/a.jpg") == index.match("2026/03/02/a.jpg") == index.match("A")


def test_nothing_is_found_in_an_empty_index() -> None:
    assert ImageIndex(["landing"]).match("a.jpg").status == "unmatched"
