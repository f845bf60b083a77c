"""Pixels of one image, shared without a copy by numpy, Pillow and libjpeg-turbo.

Belongs here: the one representation that all steps after the decoder work on, and JPEG bytes made of it. Does not: decoding of
anything (`decode`), budgets (`fit`).

Colour is held as four bytes per pixel, the last of them void: the only layout that Pillow can look at without copying.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from imaging_assets.errors import UnreadableImageError

MAX_JPEG_EDGE = 65_500

_LEFT = 1.15  # so many times the wanted edge must be left by boxes: at less their aliasing is seen (0.6 dB)

Array = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Pixels:
    """8-bit sRGB or grey.

    Attributes:
        array: uint8 [height, width, 4] or, grey, [height, width]; C-contiguous.
    """

    array: Array

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.array.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.array.shape[0])

    @property
    def mode(self) -> str:
        """Pillow's name of the layout."""
        return "L" if self.array.ndim == 2 else "RGBX"

    def picture(self, rows: int = 1) -> Image.Image:
        """A view as a Pillow image of every `rows`-th row; nothing is copied, so nobody may write to it."""
        stride = self.array.strides[0] * rows
        size = (self.width, self.height // rows)
        return Image.frombuffer(self.mode, size, self.array, "raw", self.mode, stride, 1)

    def resized(self, width: int, height: int) -> "Pixels":
        """A smaller size, by averaging over whole boxes where that leaves enough, then over triangles; see docs/images.md."""
        if (width, height) == (self.width, self.height):
            return self
        return Pixels(np.asarray(self.picture().resize((width, height), Image.Resampling.BILINEAR, reducing_gap=_LEFT)))

    def turned(self, turn: Image.Transpose | None) -> "Pixels":
        """Rotated or mirrored."""
        return self if turn is None else Pixels(np.asarray(self.picture().transpose(turn)))


def pixels_of(picture: Image.Image) -> Pixels:
    """Pixels of a Pillow image without transparency; grey stays grey."""
    if picture.mode in ("L", "1"):
        return Pixels(np.ascontiguousarray(picture.convert("L")))
    return Pixels(np.ascontiguousarray(picture if picture.mode == "RGBX" else picture.convert("RGB").convert("RGBX")))


def jpeg(array: Array, quality: int, subsampling: str = "420") -> bytes:
    """JPEG bytes of an array laid out as in `Pixels`."""
    if max(array.shape[:2]) > MAX_JPEG_EDGE:
        raise UnreadableImageError("cannot fit", f"JPEG ends at {MAX_JPEG_EDGE} pixels")
    if array.ndim == 2:
        grey: bytes = simplejpeg.encode_jpeg(array[..., None], quality=quality, colorspace="GRAY", colorsubsampling="Gray")
        return grey
    colour: bytes = simplejpeg.encode_jpeg(array, quality=quality, colorspace="RGBX", colorsubsampling=subsampling)
    return colour
