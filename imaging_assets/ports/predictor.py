"""Port: asks a trained model about images.

Promises:

- One answer per image, in the order given; an image that fails carries its error and does not disturb the others.
- Any model that a `Trainer` of the same backend finished can be asked, published or not.
- Nothing about the images is stored outside this process's stores.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from imaging_assets.records.predictions import Scored


class Predictor(ABC):
    """Scores images with a model."""

    @abstractmethod
    def predict(self, model_id: str, images: Sequence[bytes]) -> list[Scored]:
        """Probabilities of every tag of the model for each image (encoded, upright); of no image, whether the model is there.

        Raises:
            ModelNotFoundError: No such model.
            ServiceError: A service behind it failed before the first answer.
        """
