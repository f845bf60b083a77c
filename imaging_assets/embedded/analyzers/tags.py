"""Tags that need no training: dominant colours by name, quality and shape in words, and what a user's own ONNX classifier sees.

Belongs here: when a word is said. Does not: colours (`colours.py`), the classifier (`classifier.py`). The model that is trained on the
user's tags is never asked: that is the step `predictions`.

Everything is measured on the thumbnail, so `blurred` means blurred even at that size.
"""

import io
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image
from typing_extensions import override

from imaging_assets.embedded.analyzers.classifier import OnnxClassifier
from imaging_assets.embedded.analyzers.colours import shares
from imaging_assets.errors import AnalysisError
from imaging_assets.ports.analyzer import ImageAnalyzer
from imaging_assets.records.insights import TAGS, Columns, ImageBytes, ImageToAnalyze, Output

_VERSION = "tags-1"
_DOMINANT = 0.12
"""Smallest share of a colour that is named."""

_BLURRED, _DARK, _BRIGHT, _FLAT, _GREYSCALE = 0.01, 0.2, 0.85, 0.06, 4.0
_SMALL_EDGE = 256
_PANORAMA = 2.2

Grey = npt.NDArray[np.float32]


class TagAnalyzer(ImageAnalyzer):
    """Words for an image: `tags`; `colours` as {name: share}; `sharpness` and `brightness`; `scores` of the classifier.

    `sharpness` is the variance of the Laplacian (J. L. Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy",
    ICPR 2000) of the grey thumbnail over the variance of its pixels, so that contrast does not count; photos in focus have 0.1-1.
    `brightness` is its mean, 0-1.
    """

    reads: ImageBytes = "thumbnail"

    def __init__(self, classifier: OnnxClassifier | None = None) -> None:
        self._classifier = classifier

    @property
    @override
    def analyzer_id(self) -> str:
        return _VERSION if self._classifier is None else f"{_VERSION}+{self._classifier.model_id}"

    @property
    @override
    def columns(self) -> Columns:
        return TAGS

    @override
    def analyze(self, image: ImageToAnalyze) -> Output:
        try:
            with Image.open(io.BytesIO(image.data)) as opened:
                picture = opened.convert("RGB")
        except (OSError, ValueError) as error:
            raise AnalysisError(
                f"the thumbnail cannot be read ({error}). Delete it and run the day again.", may_pass=True
            ) from error
        pixels = np.asarray(picture)
        grey = np.asarray(picture.convert("L"), np.float32)
        colours = {name: round(share, 3) for name, share in shares(pixels).items() if share >= _DOMINANT}
        sharpness, brightness = _sharpness(grey), float(grey.mean()) / 255
        words = [*colours, *_quality(pixels, grey, sharpness, brightness), *_shape(image)]
        scores = self._classifier.classify(picture) if self._classifier else {}
        tags = list(dict.fromkeys([*scores, *words]))
        return {"tags": tags, "colours": colours, "sharpness": sharpness, "brightness": brightness, "scores": scores}


def _sharpness(grey: Grey) -> float:
    if min(grey.shape) < 3:
        return 0.0
    middle = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle
    return float(laplacian.var() / max(float(grey.var()), 1.0))


def _quality(pixels: npt.NDArray[np.uint8], grey: Grey, sharpness: float, brightness: float) -> Iterator[str]:
    flat = float(grey.std()) / 255 < _FLAT
    if flat:
        yield "low contrast"
    elif sharpness < _BLURRED:
        yield "blurred"
    if brightness < _DARK:
        yield "dark"
    elif brightness > _BRIGHT:
        yield "bright"
    # Apart, they take a quarter of the time of max and min over an axis of three.
    red, green, blue = (pixels[..., channel] for channel in range(3))
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    if float(spread.mean()) < _GREYSCALE:
        yield "black and white"


def _shape(image: ImageToAnalyze) -> Sequence[str]:
    ratio = image.width / image.height
    words = ["square" if 0.98 <= ratio <= 1.02 else "landscape" if ratio > 1 else "portrait"]
    if not 1 / _PANORAMA < ratio < _PANORAMA:
        words.append("panorama")
    if max(image.width, image.height) < _SMALL_EDGE:
        words.append("small")
    return words
