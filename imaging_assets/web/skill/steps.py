"""What the skill can say about an image: the published model and every analyser behind a port.

Belongs here: turning a port's answers into a record's `data`. Does not: reading images (`images`), threads (`batcher`). A step is
named after the asset it answers like, and gives the same answer as that asset for the same bytes.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from typing_extensions import override

from imaging_assets.errors import ImagingError, UnreadableImageError
from imaging_assets.policies import Resize
from imaging_assets.ports.analyzer import ImageEmbedder
from imaging_assets.ports.predictor import Predictor
from imaging_assets.records.predictions import Prediction, Scored
from imaging_assets.stages.images.engine import ImageEngine
from imaging_assets.stages.images.normalize import normalize_image
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.predictions import KEPT_TAGS
from imaging_assets.web.skill.contract import Answer
from imaging_assets.web.skill.follower import ModelFollower


class Step(ABC):
    """Answers about images; safe to share between threads.

    Attributes:
        name: In the URL, as the asset it answers like.
        description: A sentence for people.
        example: What `data` of an answer looks like.
    """

    name: str
    description: str
    example: Mapping[str, Any]

    def __init__(self, limits: Resize, engine: ImageEngine) -> None:
        self._limits = limits
        self._engine = engine

    def run(self, images: Sequence[bytes]) -> list[Answer]:
        """One answer per image (any bytes), in order; an image that cannot be used carries its error."""
        answers: list[Answer | None] = []
        usable: list[bytes] = []
        for image in images:
            try:
                usable.append(self.prepare(image))
                answers.append(None)
            except UnreadableImageError as error:
                answers.append(_unreadable(str(error)))
        try:
            rest = iter(self.answer(usable) if usable else ())
        except ImagingError as error:  # the model or the service as a whole
            rest = iter([Answer({}, str(error))] * len(usable))
        return [answer or next(rest) for answer in answers]

    def prepare(self, image: bytes) -> bytes:
        """The image as the asset of this name reads it: upright and within the limits.

        Raises:
            UnreadableImageError: It cannot be used.
        """
        return normalize_image(image, self._limits, self._engine)

    @abstractmethod
    def answer(self, images: Sequence[bytes]) -> list[Answer]:
        """One answer per prepared image, in order."""


class PublishedModelStep(Step):
    """The published model's tags."""

    name = "predictions"
    description = "Tags of the published model, most probable first."
    example: Mapping[str, Any] = {
        "label": "harbour",
        "confidence": 0.93,
        "scores": [{"tag": "harbour", "probability": 0.93}],
        "model_id": "20260303-4d3d65dd",
    }

    def __init__(
        self, limits: Resize, engine: ImageEngine, *, predictor: Predictor, model: ModelFollower, warn_below: float
    ) -> None:
        super().__init__(limits, engine)
        self._predictor = predictor
        self._model = model
        self._warn_below = warn_below

    @override
    def answer(self, images: Sequence[bytes]) -> list[Answer]:
        model_id = self._model.model_id
        if model_id is None:
            return [Answer({}, self._model.reason)] * len(images)
        return [self._said(scored, model_id) for scored in self._predictor.predict(model_id, images)]

    def _said(self, scored: Scored, model_id: str) -> Answer:
        if scored.error:
            return _unreadable(scored.error)
        if not scored.predictions:
            return Answer(
                {"label": "", "confidence": 0.0, "scores": [], "model_id": model_id}, warnings=("The model sees nothing.",)
            )
        best = scored.predictions[0]
        data = {
            "label": best.tag,
            "confidence": best.probability,
            "scores": [_score(prediction) for prediction in scored.predictions[:KEPT_TAGS]],
            "model_id": model_id,
        }
        unsure = f"The model is only {best.probability:.0%} sure of {best.tag!r}."
        return Answer(data, warnings=(unsure,) if best.probability < self._warn_below else ())


class EmbedderStep(Step):
    """The vector for similarity search."""

    name = "image_vectors"
    description = "Vector for similarity search, of the embedding the index is made with."
    example: Mapping[str, Any] = {"vector": [0.08, -0.11], "embedding_id": "gradient-1"}

    def __init__(self, limits: Resize, engine: ImageEngine, embedder: ImageEmbedder) -> None:
        super().__init__(limits, engine)
        self._embedder = embedder

    @override
    def prepare(self, image: bytes) -> bytes:
        return self._engine.encode(image).looks.thumbnail  # days are embedded from thumbnails, too

    @override
    def answer(self, images: Sequence[bytes]) -> list[Answer]:
        vectors = self._embedder.embed(images)
        said = {"embedding_id": self._embedder.embedding_id}
        return [
            Answer({"vector": [round(float(number), 7) for number in vector], **said})
            if np.any(vector)
            else _unreadable("damaged")
            for vector in vectors
        ]


def find_steps(pipeline: Pipeline, engine: ImageEngine, model: ModelFollower, warn_below: float) -> dict[str, Step]:
    """Every step of this deployment by name; the only place that knows which ports can answer about an image."""
    steps: list[Step] = [
        PublishedModelStep(pipeline.resize, engine, predictor=pipeline.predictor, model=model, warn_below=warn_below),
        EmbedderStep(pipeline.resize, engine, pipeline.embedder),
    ]
    return {step.name: step for step in steps}


def _score(prediction: Prediction) -> dict[str, Any]:
    score: dict[str, Any] = {"tag": prediction.tag, "probability": prediction.probability}
    if prediction.box:
        box = prediction.box
        score["box"] = {"left": box.left, "top": box.top, "width": box.width, "height": box.height}
    return score


def _unreadable(reason: str) -> Answer:
    return Answer({}, f"The image cannot be used: {reason}. See the quarantine reasons in docs/assets.md.")
