"""Fits pixels into a byte budget as JPEG, mostly with one encode.

Belongs here: which quality and which size to encode with. Does not: decoding (`decode`), metadata (`rewrite`).

Quality is given up first and pixels last. A quality is chosen on a sample: stripes of 16 rows (one row of blocks, so that the
sample is compressed exactly as the whole is), spread evenly over the image. A sample of 3 % tells the size of the whole within
about 2 %; it costs a thirtieth of an encode, so four of them are cheaper than one encode too many.
"""

from dataclasses import dataclass
from math import ceil, exp, log

import numpy as np

from imaging_assets.errors import UnreadableImageError
from imaging_assets.policies import Resize
from imaging_assets.stages.images.pixels import MAX_JPEG_EDGE, Array, Pixels, jpeg

BEST_QUALITY = 97
"""Above it bytes grow without any visible gain."""

_AIM = 0.975  # of the budget: what a sample may err by
_ENOUGH = 0.70  # of the budget: less is worth a second encode
_STRIPE = 16
_SHARE = 0.03
_SMALL = 600_000  # pixels; smaller images are their own sample
_HEADER = 630  # bytes of a JPEG file before its pixels
_ENCODES, _PROBES, _SHRINKS = 3, 5, 12
_SLOPE = 0.85  # bytes ~ step**-slope, where nothing better is known


@dataclass(frozen=True, slots=True)
class Fitted:
    """A JPEG within its limits.

    Attributes:
        data: JPEG bytes.
        width, height: In pixels.
        quality: It was encoded with.
        encodes: Whole images encoded to get there.
    """

    data: bytes
    width: int
    height: int
    quality: int
    encodes: int


def step_of(quality: int) -> float:
    """Relative quantisation step of a libjpeg quality: 100 at 50, 20 at 90."""
    return 200.0 - 2 * quality if quality >= 50 else 5000 / quality


def quality_of(step: float) -> int:
    """The quality whose step is nearest."""
    return round(min(100.0, max(1.0, (200 - step) / 2 if step <= 100 else 5000 / step)))


def fit(pixels: Pixels, limits: Resize, *, ceiling: int = BEST_QUALITY, guess: int = 90, subsampling: str = "420") -> Fitted:
    """JPEG of these pixels within the limits.

    Args:
        pixels: Upright sRGB or grey.
        limits: Bytes, edges and the lowest quality.
        ceiling: Quality not to exceed: that of the source, where the budget is no matter.
        guess: Quality to try first.
        subsampling: Of colour: 420 halves its edges, 444 does not.

    Raises:
        UnreadableImageError: `cannot fit`.
    """
    encodes = 0
    current = _scaled(pixels, min(limits.max_edge, MAX_JPEG_EDGE) / max(pixels.width, pixels.height))
    ceiling = max(ceiling, limits.min_quality)
    for _ in range(_SHRINKS):
        found, used, excess = _by_quality(_Sample(current, subsampling), limits, ceiling, guess)
        encodes += used
        if found is not None:
            return Fitted(found[0], current.width, current.height, found[1], encodes)
        shortest = min(current.width, current.height)
        if shortest <= limits.min_edge:
            break
        scale = max(0.97 * excess**-0.55, limits.min_edge / shortest)
        current, guess = _scaled(current, scale), limits.min_quality + 4
    raise UnreadableImageError("cannot fit", f"still too large at {current.width} x {current.height}")


def _scaled(pixels: Pixels, scale: float) -> Pixels:
    return pixels.resized(max(1, round(pixels.width * scale)), max(1, round(pixels.height * scale))) if scale < 1 else pixels


def _by_quality(sample: "_Sample", limits: Resize, ceiling: int, guess: int) -> tuple[tuple[bytes, int] | None, int, float]:
    """Bytes and quality at this very size, encodes used, and by how much the floor exceeds the budget if nothing fits."""
    best: tuple[bytes, int] | None = None
    correction, excess = 1.0, 1.0
    for encode in range(1, _ENCODES + 1):
        quality, excess = sample.quality(_AIM * limits.max_bytes / correction, limits.min_quality, ceiling, guess)
        if quality is None or (best is not None and quality <= best[1]):
            return best, encode - 1, excess * correction
        data = sample.whole(quality)
        if len(data) <= limits.max_bytes:
            best = (data, quality)
            if len(data) >= _ENOUGH * limits.max_bytes or quality == ceiling:
                return best, encode, excess
        elif best is not None:
            return best, encode, excess
        correction, guess = len(data) / sample.predicted(quality), quality
    return best, _ENCODES, max(1.1, excess * correction)


class _Sample:
    """Predicts the bytes of the whole from stripes of it."""

    def __init__(self, pixels: Pixels, subsampling: str) -> None:
        self._pixels = pixels
        self._subsampling = subsampling
        self._array = _stripes(pixels.array)
        self._factor = pixels.height / self._array.shape[0]
        self._known: dict[int, float] = {}
        self._encoded: dict[int, bytes] = {}

    def predicted(self, quality: int) -> float:
        """Bytes of the whole image at this quality."""
        if quality not in self._known:
            data = jpeg(self._array, quality, self._subsampling)
            if self._factor == 1:
                self._encoded = {quality: data}
            self._known[quality] = (len(data) - _HEADER) * self._factor + _HEADER
        return self._known[quality]

    def whole(self, quality: int) -> bytes:
        """The whole image, encoded."""
        return self._encoded.get(quality) or jpeg(self._pixels.array, quality, self._subsampling)

    def quality(self, budget: float, floor: int, ceiling: int, guess: int) -> tuple[int | None, float]:
        """Highest quality predicted to fit, and by which factor the floor exceeds the budget (at least 1)."""
        fits, fails = floor - 1, ceiling + 1
        quality = min(ceiling, max(floor, guess))
        for _ in range(_PROBES):
            size = self.predicted(quality)
            if size <= budget:
                fits = quality
            else:
                fails = quality
            if fails - fits <= 1:
                break
            quality = min(fails - 1, max(fits + 1, self._next(quality, budget)))
        if fits >= floor:
            return fits, 1.0
        return None, max(1.0, self.predicted(floor) / budget)

    def _next(self, quality: int, budget: float) -> int:
        """Quality at which the bytes would meet the budget, on a line through what is known, both logarithmic."""
        slope = _SLOPE
        if len(self._known) > 1:
            other = min((known for known in self._known if known != quality), key=lambda known: abs(known - quality))
            rise = log(self._known[quality] / self._known[other]) / log(step_of(other) / step_of(quality))
            slope = min(2.0, max(0.3, rise))
        step = step_of(quality) * exp(log(self._known[quality] / budget) / slope)
        return int(quality_of(step) if step > 100 else (200 - ceil(step)) // 2)


def _stripes(array: Array) -> Array:
    rows = array.shape[0] // _STRIPE
    wanted = ceil(rows * _SHARE)
    if array.shape[0] * array.shape[1] < _SMALL or rows < 4 * wanted:
        return array
    tops = [int((number + 0.5) * rows / wanted) * _STRIPE for number in range(wanted)]
    return np.concatenate([array[top : top + _STRIPE] for top in tops])
