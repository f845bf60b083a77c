"""Text in images by RapidOCR: PP-OCR's detector and recogniser, whose ONNX files come with its wheel (extra `ocr`).

Belongs here: asking it, and its answer as fractions of the image. Does not: what a document makes of the text (`stages/search.py`).
"""

import threading
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
from typing_extensions import override

from imaging_assets.embedded.analyzers.picture import open_picture
from imaging_assets.ports.analyzer import ImageAnalyzer
from imaging_assets.records.insights import TEXTS, Columns, ImageToAnalyze, Output

_VERSION = "texts-1"
_LONGEST = 2000
"""Pixels; RapidOCR shrinks larger pictures to this itself."""


class TextAnalyzer(ImageAnalyzer):
    """`text`: all lines; `lines`: each with `text`, `confidence`, `box` and `words`; boxes are 0-1, top-left, upright.

    One picture at a time: the engine keeps state between its stages, and uses both cores by itself.

    Args:
        minimum: Lines with a smaller confidence, 0-1, are left out.
        threads: Cores it may use.
    """

    def __init__(self, *, minimum: float = 0.5, threads: int = 2) -> None:
        self._minimum, self._threads = float(minimum), int(threads)
        self._lock = threading.Lock()

    @property
    @override
    def analyzer_id(self) -> str:
        return f"{_VERSION}+rapidocr-{version('rapidocr')}-{self._minimum:g}"

    @property
    @override
    def columns(self) -> Columns:
        return TEXTS

    @override
    def analyze(self, image: ImageToAnalyze) -> Output:
        pixels = np.asarray(open_picture(image.data, _LONGEST))
        height, width = pixels.shape[:2]
        with self._lock:
            # The engine takes arrays for BGR, as OpenCV has them.
            found = self._engine(np.ascontiguousarray(pixels[:, :, ::-1]), return_word_box=True)
        if found.txts is None:
            return {"text": "", "lines": [], "confidence": None}
        words = found.word_results or [()] * len(found.txts)
        lines = [
            {
                "text": text,
                "confidence": round(float(score), 4),
                "box": _box(box, width, height),
                "words": [
                    {"text": word, "confidence": round(float(sure), 4), "box": _box(corners, width, height)}
                    for word, sure, corners in line
                ],
            }
            for text, score, box, line in zip(found.txts, found.scores, found.boxes, words, strict=True)
        ]
        confidence = float(np.mean(found.scores))
        return {"text": "\n".join(found.txts), "lines": lines, "confidence": confidence}

    @cached_property
    def _engine(self) -> Any:
        from rapidocr import RapidOCR  # noqa: PLC0415 - an extra, and slow to import

        settings = {
            "Global.log_level": "critical",
            "Global.text_score": self._minimum,
            "EngineConfig.onnxruntime.intra_op_num_threads": self._threads,
        }
        return RapidOCR(params=settings)


def _box(corners: Sequence[Sequence[float]], width: int, height: int) -> dict[str, float]:
    """The upright rectangle around four corners in pixels, as fractions."""
    points = np.asarray(corners, np.float64) / (width, height)
    left, top = points.min(axis=0).clip(0, 1)
    right, bottom = points.max(axis=0).clip(0, 1)
    sides = {"left": left, "top": top, "width": right - left, "height": bottom - top}
    return {name: round(float(side), 5) for name, side in sides.items()}
