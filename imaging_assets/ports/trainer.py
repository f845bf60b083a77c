"""Port: turns a training set into a model (scikit-learn here, Custom Vision there).

Promises:

- `train` is idempotent by `model_id`: called again after a crash it adopts what was started or finished under that id.
- Rows with split `test` are never trained on and never leave this process; `excluded` rows are ignored.
- A finished model is stored under `models/<model_id>/` and can be predicted with at once, published or not.
- The same images, tags, split and settings give the same model (embedded backends: the same bytes).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from imaging_assets.records.models import TrainedModel, TrainingImage

ReadImage = Callable[[str], bytes]
"""Blob path to resized image bytes."""

Heartbeat = Callable[[str], None]
"""Told every few seconds what the training is doing."""


class Trainer(ABC):
    """Trains, publishes and deletes models."""

    @property
    @abstractmethod
    def recipe(self) -> str:
        """Names this trainer, its version and the settings that change its result; part of a training's identity."""

    @abstractmethod
    def refusal(self, images: Sequence[TrainingImage]) -> str:
        """Why these images cannot be trained on yet ("2 tags are needed, there is 1: daisy."), or "" when they can. Cheap."""

    @abstractmethod
    def train(self, model_id: str, images: Sequence[TrainingImage], read: ReadImage, heartbeat: Heartbeat) -> TrainedModel:
        """Train on the `train` and `validation` rows and store the model.

        Raises:
            TrainingError: The training ran and failed; the message says what to do.
            ServiceError: A service behind it failed; what was done is remembered, and the next call goes on there.
        """

    @abstractmethod
    def publish(self, model_id: str) -> None:
        """Make the model the one that serves outside callers, where the service distinguishes that; idempotent.

        Raises:
            ModelNotFoundError: No such model.
        """

    @abstractmethod
    def delete(self, model_id: str) -> None:
        """Forget a model; idempotent."""
