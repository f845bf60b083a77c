"""Port: reads something out of an image without having been trained on the user's tags.

`ImageEmbedder` gives vectors for similarity. Text, tags and faces join here as they land.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


class ImageEmbedder(ABC):
    """Turns images into vectors of fixed length; look-alikes get a high cosine similarity.

    Promise: `embedding_id` names code and constants; equal ids give equal vectors for equal bytes, for ever.
    """

    @property
    @abstractmethod
    def embedding_id(self) -> str:
        """Changes exactly when a vector would."""

    @property
    @abstractmethod
    def dimensions(self) -> int:
        """Length of every vector."""

    @abstractmethod
    def embed(self, images: Sequence[bytes]) -> npt.NDArray[np.float32]:
        """float32 [len(images), dimensions], rows of length 1; an undecodable image gives a row of zeros."""
