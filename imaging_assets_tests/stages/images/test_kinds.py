"""What becomes of each kind of image that users have, in one table; and what holds for all of them.

Belongs here: the table, and properties of any image. Does not: single rules and their borders (`test_encode.py`).
"""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imaging_assets.errors import UnreadableImageError
from imaging_assets.policies import Resize
from imaging_assets.stages.images.encode import EncodedImage, encode_image
from imaging_assets_tests.stages.images.pictures import PICTURES, draw, exif, saved

BECOMES = {
    "passed": [
        "640x480.jpg",
        "640x480.png",
        "640x480.bmp",
        "640x480_palette.gif",
        "640x480_grey.jpg",
        "640x480_progressive.jpg",
        "640x480_srgb-profile.jpg",
        "640x480_with-time.jpg",
    ],
    "rewritten": ["640x480_gps.jpg", "640x480_gps.png", "640x480_archive-behind.jpg", "640x480_two-pictures.mpo"],
    "resized": [
        "480x640_exif-rotated.jpg",
        "640x480_exif-mirrored.tif",
        "640x480_other-profile.jpg",
        "640x480_cmyk.jpg",
        "640x480_16-bit-grey.png",
        "640x480_16-bit-grey.tif",
        "640x480_transparent.png",
        "640x480_transparent.webp",
        "640x480_animated.gif",
        "640x480_animated.webp",
        "640x480.avif",
        "11000x500_long.png",
    ],
    "empty file": ["empty.jpg"],
    "truncated": ["half.jpg", "half.png"],
    "unsupported format": ["page.jpg", "archive-first.jpg"],
    "too many pixels": ["50000x50000_bomb.png"],
    "damaged": ["header-only.jpg"],
}
USABLE = [name for status in ("passed", "rewritten", "resized") for name in BECOMES[status]]
LIMITS = Resize()


def opened(image: EncodedImage) -> Image.Image:
    picture = Image.open(io.BytesIO(image.data))
    picture.load()
    return picture


def luma(picture: Image.Image) -> np.ndarray[Any, Any]:
    return np.asarray(picture.convert("L").resize((64, 48)), dtype=np.int16)


@pytest.mark.parametrize("name", PICTURES)
def test_each_kind_becomes_what_the_table_says(name: str) -> None:
    try:
        became: str = encode_image(PICTURES[name](), LIMITS).status
    except UnreadableImageError as error:
        became = error.reason

    assert name in BECOMES[became]


@pytest.mark.parametrize("name", USABLE)
def test_whatever_is_usable_looks_as_it_should_and_has_the_size_its_name_says(name: str) -> None:
    image = encode_image(PICTURES[name](), LIMITS)

    assert f"{image.width}x{image.height}" == name.split("_", maxsplit=1)[0].split(".", maxsplit=1)[0]
    assert opened(image).size == (image.resized_width, image.resized_height)
    if "transparent" in name or "profile" in name or "long" in name:
        return  # these do not look as drawn, on purpose
    drawn = draw()
    turned = {"exif-rotated": Image.Transpose.ROTATE_270, "exif-mirrored": Image.Transpose.FLIP_LEFT_RIGHT}
    for told, turn in turned.items():
        drawn = drawn.transpose(turn) if told in name else drawn
    assert np.abs(luma(opened(image)) - luma(drawn)).mean() < 5


@pytest.mark.parametrize("name", USABLE)
def test_whatever_was_made_passes_from_then_on(name: str) -> None:
    once = encode_image(PICTURES[name](), LIMITS)

    again = encode_image(once.data, LIMITS)

    assert (again.status, again.data, again.orientation) == ("passed", once.data, 1)
    assert (again.width, again.height) == (once.resized_width, once.resized_height)
    assert again.captured_at == once.captured_at


@given(
    size=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    orientation=st.integers(1, 8),
    mode=st.sampled_from(["RGB", "L", "RGBA", "P", "CMYK", "LA", "1"]),
    kind=st.sampled_from(["JPEG", "PNG", "TIFF", "WEBP"]),
)
@settings(max_examples=60, deadline=None)
def test_any_image_is_turned_upright_once(size: tuple[int, int], orientation: int, mode: str, kind: str) -> None:
    taken = {"JPEG": ("RGB", "L", "CMYK"), "PNG": ("RGB", "L", "RGBA", "P", "LA", "1"), "WEBP": ("RGB", "RGBA", "L")}
    mode = mode if mode in taken.get(kind, (mode,)) else "RGB"
    data = saved(draw(size).convert(mode), kind, exif=exif(orientation))

    once = encode_image(data, LIMITS)
    again = encode_image(once.data, LIMITS)

    assert (once.width, once.height) == (size if orientation < 5 else size[::-1])
    assert once.orientation == orientation
    assert (again.status, again.orientation, again.data) == ("passed", 1, once.data)
