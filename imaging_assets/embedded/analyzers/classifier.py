"""A user's own ONNX image classifier, with no knowledge of how it was trained but what its options say.

Belongs here: pixels in, scores by label out. Does not: when it is asked (`tags.py`).
"""

import hashlib
import json
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from imaging_assets.embedded.analyzers.onnx_file import OnnxFile
from imaging_assets.errors import AnalysisError, SettingsError

_DEFAULT_SIDE = 224


class OnnxClassifier:
    """A graph with one picture in (NCHW or NHWC, float32 or uint8) and one row of scores out. Safe to share between threads.

    Args:
        model: ONNX file.
        labels: Text file with a label per line, or JSON list, in the order of the outputs.
        minimum: Smallest score that is told, 0-1.
        mean, std: Per channel, on the scale 0-255: the graph is shown (pixel - mean) / std.

    Raises:
        SettingsError: A file is missing, or the labels cannot be read.
    """

    def __init__(
        self,
        model: Path,
        labels: Path,
        *,
        minimum: float = 0.5,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (255.0, 255.0, 255.0),
    ) -> None:
        self._file = OnnxFile(model)
        self._labels = _read_labels(labels)
        self._minimum = minimum
        self._mean, self._std = np.asarray(mean, np.float32), np.asarray(std, np.float32)
        self._lock = threading.Lock()
        told = json.dumps([self._labels, minimum, list(mean), list(std)])
        self.model_id = f"{self._file.digest}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"

    def classify(self, picture: Image.Image) -> dict[str, float]:
        """Scores of at least `minimum` by label, best first.

        Raises:
            AnalysisError: The graph answers with another number of scores than there are labels.
        """
        with self._lock:  # loading once is enough
            session, place = self._session, self._input
        scores = np.asarray(session.run(None, {place.name: self._shown(picture)})[0], np.float32).ravel()
        if len(scores) != len(self._labels):
            raise AnalysisError(
                f"{self._file.path.name} answers with {len(scores)} scores and {len(self._labels)} labels are given. Mend the labels."
            )
        shares = _probabilities(scores)
        best = sorted(zip(self._labels, shares.tolist(), strict=True), key=lambda pair: -pair[1])
        return {label: round(score, 4) for label, score in best if score >= self._minimum}

    @cached_property
    def _session(self) -> Any:
        return self._file.load()

    @cached_property
    def _input(self) -> Any:
        return self._session.get_inputs()[0]

    def _shown(self, picture: Image.Image) -> npt.NDArray[Any]:
        shape = [side if isinstance(side, int) else None for side in self._input.shape]
        channels_first = len(shape) == 4 and shape[1] == 3
        height, width = shape[2:4] if channels_first else shape[1:3]
        pixels = np.asarray(picture.resize((width or _DEFAULT_SIDE, height or _DEFAULT_SIDE), Image.Resampling.BILINEAR))
        if self._input.type != "tensor(uint8)":
            pixels = (pixels.astype(np.float32) - self._mean) / self._std
        batch = pixels.transpose(2, 0, 1)[None] if channels_first else pixels[None]
        return np.ascontiguousarray(batch)


def _probabilities(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scores as they are when they can be probabilities, else through softmax."""
    if scores.min() >= 0 and scores.max() <= 1:
        return scores
    powers = np.exp(scores - scores.max())
    shares: npt.NDArray[np.float32] = powers / powers.sum()
    return shares


def _read_labels(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
        labels = json.loads(text) if path.suffix == ".json" else [line.strip() for line in text.splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise SettingsError(f"The labels {path} cannot be read ({error}). Name a text file with a label per line.") from error
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
        raise SettingsError(f"{path} holds no list of labels. Write a label per line, or a JSON list of strings.")
    return labels
