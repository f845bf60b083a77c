"""The one way in which pixels are read: odd formats come out as they look, broken ones as an error."""

import numpy as np
import pytest
from PIL import Image

from imaging_assets.embedded.decoding import decode_all, decode_pixels
from imaging_assets.errors import UnreadableImageError
from imaging_assets_tests.embedded.pictures import encode


def wide_ramp() -> Image.Image:
    """2,000 x 1,000 pixels, dark on the left, bright on the right."""
    return Image.fromarray(np.tile(np.linspace(0, 255, 2000).astype(np.uint8), (1000, 1)))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encode(wide_ramp().convert("RGB"), quality=95), id="large JPEG, decoded at a fraction of its size"),
        pytest.param(encode(wide_ramp(), quality=95), id="grey JPEG"),
        pytest.param(encode(wide_ramp().convert("CMYK"), quality=95), id="CMYK JPEG"),
        pytest.param(encode(wide_ramp().convert("RGB"), "PNG"), id="PNG"),
        pytest.param(encode(wide_ramp(), "GIF"), id="palette"),
        pytest.param(encode(Image.fromarray(np.asarray(wide_ramp()).astype(np.uint16) * 257), "PNG"), id="16-bit PNG"),
    ],
)
def test_the_same_picture_looks_the_same_in_every_encoding(data: bytes) -> None:
    pixels = decode_pixels(data)
    assert (pixels.shape, pixels.dtype) == ((64, 64, 3), np.dtype(np.uint8))
    assert np.abs(pixels.astype(int) - np.linspace(2, 253, 64)[None, :, None]).max() <= 6


def test_transparent_is_white() -> None:
    assert (decode_pixels(encode(Image.new("RGBA", (10, 10), (200, 0, 0, 0)), "PNG")) == 255).all()
    palette = Image.new("P", (10, 10), 0)
    assert (decode_pixels(encode(palette, "PNG", transparency=b"\0")) == 255).all()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "empty file", id="empty"),
        pytest.param(b"GIF but not really", "unsupported format", id="no image"),
        pytest.param(encode(wide_ramp(), quality=95)[:9000], "truncated", id="cut in half"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImageError) as caught:
        decode_pixels(data)
    assert caught.value.reason == reason


def test_many_images_keep_their_order_around_a_broken_one() -> None:
    tones = [encode(Image.new("L", (8, 8), tone), "PNG") for tone in (10, 20, 30)]
    first, broken, second, third = decode_all([tones[0], b"broken", tones[1], tones[2]])
    assert isinstance(broken, UnreadableImageError)
    assert [int(np.asarray(pixels)[0, 0, 0]) for pixels in (first, second, third)] == [10, 20, 30]
