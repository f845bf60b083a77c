"""Boxes on stored pixels, turned with the image; checked against what Pillow does to real pixels."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from imaging_assets.records.manifests import Region
from imaging_assets.stages.manifests.regions import upright_region, upright_regions

WIDTH, HEIGHT = 60, 40


def a_row(left: float, top: float, width: float, height: float, tag: str = "cat") -> dict[str, Any]:
    return {"tag": tag, "left": left, "top": top, "width": width, "height": height}


def an_image(width: int | None = WIDTH, height: int | None = HEIGHT, orientation: int = 1) -> dict[str, Any]:
    """Size of the upright image, and the orientation its stored pixels had."""
    return {"width": width, "height": height, "orientation": orientation}


def rounded(regions: list[Region]) -> list[tuple[float, ...]]:
    return [tuple(round(number, 6) for number in (r.left, r.top, r.width, r.height)) for r in regions]


@pytest.mark.parametrize("orientation", range(1, 9))
@given(left=st.integers(0, 50), top=st.integers(0, 30), width=st.integers(1, 10), height=st.integers(1, 10))
def test_a_box_goes_where_the_pixels_go(orientation: int, left: int, top: int, width: int, height: int) -> None:
    pixels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    pixels[top : top + height, left : left + width] = 255
    stored = Image.fromarray(pixels)
    stored.getexif()[0x0112] = orientation
    upright = ImageOps.exif_transpose(stored)
    right_box = Image.fromarray(np.asarray(upright)).getbbox()
    assert right_box is not None

    region = upright_region(Region("cat", left / WIDTH, top / HEIGHT, width / WIDTH, height / HEIGHT), orientation)

    found = (region.left, region.top, region.left + region.width, region.top + region.height)
    across, down = upright.size
    assert [number * size for number, size in zip(found, (across, down) * 2, strict=True)] == pytest.approx(right_box)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_stated_size_that_is_the_stored_one_turns_the_boxes(orientation: int) -> None:
    row = a_row(10, 5, 20, 10)
    regions, problems = upright_regions([row], in_pixels=True, stated=(HEIGHT, WIDTH), image=an_image(orientation=orientation))
    turned = upright_region(Region("cat", 10 / HEIGHT, 5 / WIDTH, 20 / HEIGHT, 10 / WIDTH), orientation)
    assert (rounded(regions), problems) == (rounded([turned]), [])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("stated", [(WIDTH, HEIGHT), (30, 20), (None, None)], ids=["upright", "smaller copy", "unstated"])
def test_boxes_of_the_upright_image_stay(orientation: int, stated: tuple[int | None, int | None]) -> None:
    row = a_row(0.1, 0.2, 0.3, 0.4)
    regions, problems = upright_regions([row], in_pixels=False, stated=stated, image=an_image(orientation=orientation))
    assert (rounded(regions), problems) == ([(0.1, 0.2, 0.3, 0.4)], [])


def test_pixels_of_a_smaller_copy_are_of_its_size() -> None:
    regions, _ = upright_regions([a_row(3, 4, 6, 8)], in_pixels=True, stated=(30, 20), image=an_image())
    assert rounded(regions) == [(0.1, 0.2, 0.2, 0.4)]


def test_pixels_of_an_unstated_size_are_those_of_the_upright_image() -> None:
    regions, _ = upright_regions([a_row(6, 8, 12, 16)], in_pixels=True, stated=(None, None), image=an_image())
    assert rounded(regions) == [(0.1, 0.2, 0.2, 0.4)]


def test_pixels_of_an_image_nobody_knows_the_size_of_are_left_out_and_told() -> None:
    regions, problems = upright_regions([a_row(6, 8, 12, 16)], in_pixels=True, stated=(None, None), image=an_image(None, None))
    assert regions == []
    assert problems == ["box 'cat' at 6, 8, 12, 16 is in pixels, and the size of the image is not known: left out"]


def test_a_stated_size_of_another_shape_is_told_and_the_boxes_kept() -> None:
    regions, problems = upright_regions([a_row(0.1, 0.1, 0.1, 0.1)], in_pixels=False, stated=(10, 10), image=an_image())
    assert rounded(regions) == [(0.1, 0.1, 0.1, 0.1)]
    assert problems == ["the label file states 10 x 10, the image is 60 x 40: another shape"]


def test_a_turned_size_without_an_orientation_is_told() -> None:
    _, problems = upright_regions([a_row(0.1, 0.1, 0.1, 0.1)], in_pixels=False, stated=(HEIGHT, WIDTH), image=an_image())
    assert problems == ["the label file states 40 x 60 and the upright image is 60 x 40: taken for upright"]


@pytest.mark.parametrize(
    ("box", "kept", "told"),
    [
        ((0.9, 0.9, 0.5, 0.5), [(0.9, 0.9, 0.1, 0.1)], "reaches beyond the image: cut to it"),
        ((-0.2, 0.1, 0.5, 0.5), [(0.0, 0.1, 0.3, 0.5)], "reaches beyond the image: cut to it"),
        ((1.5, 0.1, 0.5, 0.5), [], "lies outside the image: left out"),
        ((0.1, -0.6, 0.5, 0.5), [], "lies outside the image: left out"),
        ((0.5, 0.5, 0.501, 0.5), [(0.5, 0.5, 0.5, 0.5)], ""),
    ],
)
def test_boxes_end_at_the_image(box: tuple[float, float, float, float], kept: list[tuple[float, ...]], told: str) -> None:
    regions, problems = upright_regions([a_row(*box)], in_pixels=False, stated=(None, None), image=an_image())
    assert rounded(regions) == kept
    assert [problem.partition(" at ")[2].split(" ", 4)[-1] for problem in problems] == ([told] if told else [])


@given(st.lists(st.tuples(*[st.floats(-2, 2)] * 2, *[st.floats(0.001, 2)] * 2), max_size=5), st.integers(1, 8))
def test_whatever_is_stated_what_is_kept_lies_inside_and_what_is_changed_is_told(
    boxes: list[tuple[float, float, float, float]], orientation: int
) -> None:
    image = an_image(orientation=orientation)
    regions, problems = upright_regions([a_row(*box) for box in boxes], in_pixels=False, stated=(HEIGHT, WIDTH), image=image)
    for region in regions:
        assert 0 <= region.left < region.left + region.width <= 1 + 1e-9
        assert 0 <= region.top < region.top + region.height <= 1 + 1e-9
    assert len(boxes) - len(regions) <= len(problems)
