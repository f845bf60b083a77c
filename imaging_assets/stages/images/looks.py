"""What an image looks like, in few numbers: thumbnail, perceptual hash, quality; all from one small copy of its pixels.

Belongs here: everything that a small copy is enough for. Does not: resized bytes (`fit`), groups of duplicates (`duplicates`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from imaging_assets.stages.images.hashing import perceptual_hash
from imaging_assets.stages.images.pixels import Pixels, jpeg, pixels_of

MEASURED = 512
"""Longest edge, in pixels, of the copy that is measured: one for all, so that sharpness compares between images."""


@dataclass(frozen=True, slots=True)
class Looks:
    """Numbers for finding duplicates and bad pictures.

    Attributes:
        thumbnail: JPEG bytes.
        phash: 16 hex digits.
        sharpness: Variance of the Laplacian of luma at 512 pixels (J. L. Pech-Pacheco et al., 2000).
        brightness: Mean of luma, 0 to 255.
        entropy: Of luma, in bits, 0 to 8.
    """

    thumbnail: bytes
    phash: str
    sharpness: float
    brightness: float
    entropy: float

    @property
    def problems(self) -> tuple[str, ...]:
        """What may be wrong with the picture; never a reason to set it aside."""
        found = {
            "low information": self.entropy < 3.0,
            "dark": self.brightness < 35,
            "bright": self.brightness > 225,
            "blurred": self.sharpness < 30 and self.entropy >= 3.0,
        }
        return tuple(name for name, holds in found.items() if holds)


def looks_of(pixels: Pixels, thumbnail_edge: int) -> Looks:
    """Looks of an upright image."""
    small = _small(pixels, max(MEASURED, thumbnail_edge))
    grey = _within(small.convert("L"), MEASURED)  # one channel of four is resized
    luma = np.asarray(grey)
    return Looks(
        thumbnail=jpeg(pixels_of(_within(small, thumbnail_edge)).array, 80),
        phash=perceptual_hash(small, grey),
        sharpness=_sharpness(luma),
        brightness=float(luma.mean()),
        entropy=float(grey.entropy()),
    )


def _small(pixels: Pixels, edge: int) -> Image.Image:
    """A copy of this to twice this edge; of large images two rows of each box that is averaged are looked at, not all."""
    box = max(1, max(pixels.width, pixels.height) // edge)
    rows = max(1, box // 2)
    if pixels.height // rows < 2:
        rows = 1
    return pixels.picture(rows).reduce((box, max(1, box // rows))) if box > 1 else pixels.picture()


def _within(picture: Image.Image, edge: int) -> Image.Image:
    scale = edge / max(picture.size)
    if scale >= 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0)


def _sharpness(luma: npt.NDArray[np.uint8]) -> float:
    if min(luma.shape) < 3:
        return 0.0
    wide = luma.astype(np.int16)
    laplacian = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4 * wide[1:-1, 1:-1]
    return float(laplacian.astype(np.float32).var())
