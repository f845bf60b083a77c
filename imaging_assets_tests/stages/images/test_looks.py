"""Quality in numbers: what is blurred, dark, bright or empty is said, and nothing else is."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from imaging_assets.stages.images.looks import Looks, looks_of
from imaging_assets.stages.images.pixels import pixels_of


def a_scene(size: tuple[int, int] = (1000, 750)) -> Image.Image:
    """Edges and tones; the texture is as fine at 512 pixels as at 1,000."""
    rng = np.random.default_rng(5)
    blocks = rng.integers(20, 235, (60, 80, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize(size, Image.Resampling.BICUBIC)


def looks(picture: Image.Image, edge: int = 256) -> Looks:
    return looks_of(pixels_of(picture), edge)


def test_an_ordinary_picture_has_no_problem() -> None:
    assert looks(a_scene()).problems == ()


def test_what_is_blurred_dark_bright_or_empty_is_said() -> None:
    scene = a_scene()

    assert looks(scene.filter(ImageFilter.GaussianBlur(20))).problems == ("blurred",)
    assert "dark" in looks(scene.point(lambda value: value // 8)).problems
    assert "bright" in looks(scene.point(lambda value: 215 + value // 7)).problems
    assert looks(Image.new("RGB", (800, 600), "#808080")).problems == ("low information",)
    assert looks(Image.new("L", (800, 600))).problems == ("low information", "dark")


def test_sharpness_does_not_depend_on_how_many_pixels_a_picture_has() -> None:
    values = [looks(a_scene(size)).sharpness for size in ((600, 450), (1000, 750), (3000, 2250))]

    assert max(values) < 2 * min(values)


def test_brightness_and_entropy_are_those_of_the_picture() -> None:
    halves = np.zeros((600, 600), dtype=np.uint8)
    halves[:, 300:] = 200

    found = looks(Image.fromarray(halves))

    assert found.brightness == pytest.approx(100, abs=2)
    assert found.entropy == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("edge", [32, 256, 1024])
@pytest.mark.parametrize("size", [(1, 1), (2, 3000), (3000, 2), (700, 500), (2600, 1900)])
def test_a_thumbnail_has_the_proportions_and_at_most_the_edge(size: tuple[int, int], edge: int) -> None:
    thumbnail = Image.open(io.BytesIO(looks(Image.new("RGB", size, "#336699"), edge).thumbnail))

    assert max(thumbnail.size) == min(edge, max(size))
    assert abs(thumbnail.width - max(1, size[0] * max(thumbnail.size) / max(size))) <= 1
