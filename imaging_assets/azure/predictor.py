"""Predictor over Custom Vision: the published iteration by the prediction resource, any other by quick-test; nothing is stored there.

Belongs here: which way an image goes, and what becomes of one that fails. Does not: remembering scores (`stages/predictions.py`).
"""

from collections.abc import Callable, Sequence

from typing_extensions import override

from imaging_assets.azure.custom_vision.client import Connection
from imaging_assets.azure.custom_vision.models import ModelRecord, ModelRecords
from imaging_assets.azure.custom_vision.project import Project
from imaging_assets.errors import AccessDeniedError, QuotaError, ServiceError, UnreadableImageError
from imaging_assets.policies import CustomVision
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.predictor import Predictor
from imaging_assets.records.predictions import Prediction, Scored

MOST_BYTES = 4_000_000
"""Prediction takes 4 MB."""

Smaller = Callable[[bytes, int], bytes]
"""An encoded image and the bytes it may have, to the image itself or a copy of so many at most; raises UnreadableImageError."""


class CustomVisionPredictor(Predictor):
    """Scores by the service, one call per image; safe to share between threads, which is what makes it fast."""

    def __init__(
        self, store: BlobStore, connection: Connection, policy: CustomVision, smaller: Smaller, *, folder: str = "models"
    ) -> None:
        self._smaller = smaller
        self._records = ModelRecords(store, folder)
        self._connection = connection
        self._policy = policy

    @override
    def predict(self, model_id: str, images: Sequence[bytes]) -> list[Scored]:
        """As the port says.

        Raises:
            ServiceError: The service failed before the first answer. Later, the answers so far are returned, and the other images carry
                the error, so that nothing that was paid for is lost.
        """
        record = self._records.finished(model_id)
        ask = self._way(record)
        answers: list[Scored] = []
        for image in images:
            try:
                answers.append(self._scored(ask, image))
            except ServiceError as error:
                if error.status == 404:
                    raise self._records.gone(record) from None
                if not any(answer.predictions for answer in answers):
                    raise
                answers += [Scored((), error=str(error))] * (len(images) - len(answers))
                break
        return answers

    def _way(self, record: ModelRecord) -> Callable[[bytes], list[Prediction]]:
        project = Project(self._connection, record.project_id, self._policy.project)
        serving = self._records.serving(record.project_id)
        if serving.model_id == record.model_id:
            return lambda image: project.ask_published(serving.name, record.kind, image)
        return lambda image: project.ask(record.iteration_id, image)

    def _scored(self, ask: Callable[[bytes], list[Prediction]], image: bytes) -> Scored:
        """The answer for one image; raises ServiceError for what is not the image's fault."""
        if not image:
            return Scored((), error="empty file")
        try:
            return Scored(tuple(ask(self._smaller(image, MOST_BYTES))))
        except UnreadableImageError as error:
            return Scored((), error=f"over {MOST_BYTES:,} bytes, and no smaller copy could be made: {error}")
        except (AccessDeniedError, QuotaError):
            raise
        except ServiceError as error:
            if error.status != 400:
                raise
            return Scored((), error=str(error))
