"""Predictor over the ONNX models that the trainers here store.

Belongs here: loading, caching, asking. Does not: preprocessing (`decoding.py`, shared with training), the layout of a model's
folder (`model_folder.py`).
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from imaging_assets.embedded.decoding import Pixels, decode_all
from imaging_assets.embedded.model_folder import ModelFolder
from imaging_assets.errors import UnreadableImageError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.predictor import Predictor
from imaging_assets.records.predictions import Prediction, Scored

if TYPE_CHECKING:
    from imaging_assets.embedded.onnx_session import PixelSession

_LOADED_MODELS = 4


@dataclass(frozen=True, slots=True)
class _Loaded:
    etag: str
    tags: tuple[str, ...]
    session: "PixelSession"


class OnnxPredictor(Predictor):
    """Scores in this process; keeps the last few models loaded. Safe to share between threads."""

    def __init__(self, store: BlobStore, *, folder: str = "models") -> None:
        self._models = ModelFolder(store, folder)
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()
        self._lock = threading.Lock()

    @override
    def predict(self, model_id: str, images: Sequence[bytes]) -> list[Scored]:
        model = self._load(model_id)
        decoded = list(decode_all(images))
        squares = [pixels for pixels in decoded if not isinstance(pixels, UnreadableImageError)]
        answers = iter(self._score(model, squares))
        return [
            Scored((), error=str(pixels)) if isinstance(pixels, UnreadableImageError) else next(answers) for pixels in decoded
        ]

    def _load(self, model_id: str) -> _Loaded:
        # Asked of the store every time: another process may have deleted the model or trained it anew.
        labels = self._models.read_labels(model_id)
        with self._lock:
            known = self._loaded.get(model_id)
            if known is None or known.etag != labels.etag:
                from imaging_assets.embedded.onnx_session import PixelSession  # noqa: PLC0415  (slow to import)

                tags = tuple(json.loads(labels.data)["tags"])
                known = _Loaded(labels.etag, tags, PixelSession(self._models.read_model(model_id)))
                self._loaded[model_id] = known
            self._loaded.move_to_end(model_id)
            if len(self._loaded) > _LOADED_MODELS:
                self._loaded.popitem(last=False)
            return known

    def _score(self, model: _Loaded, squares: list[Pixels]) -> list[Scored]:
        if not squares:
            return []
        rows = model.session.run(np.stack(squares)).clip(0.0, 1.0)
        return [_scored(model.tags, row.tolist()) for row in rows]


def _scored(tags: tuple[str, ...], probabilities: list[float]) -> Scored:
    predictions = (Prediction(tag, probability) for tag, probability in zip(tags, probabilities, strict=True))
    return Scored(tuple(sorted(predictions, key=lambda prediction: (-prediction.probability, prediction.tag))))
