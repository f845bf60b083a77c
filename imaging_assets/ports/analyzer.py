"""Port: reads something out of an image without having been trained on the user's tags.

`ImageEmbedder` gives vectors for similarity; `ImageAnalyzer` gives a row of any declared columns (tags, text, faces, a step of
the user's own). `image_step` makes an analyser of a function.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from imaging_assets.records.insights import Columns, ColumnType, ImageBytes, ImageToAnalyze, Output


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


class ImageAnalyzer(ABC):
    """Answers about one image at a time with a value per declared column.

    Promises: safe to share between threads; making one is cheap (models are loaded when first asked); equal ids and equal
    images give equal answers.
    """

    reads: ImageBytes = "resized"
    """Which bytes `analyze` is shown."""

    requires: tuple[str, ...] = ()
    """Steps whose output `analyze` is shown."""

    @property
    @abstractmethod
    def analyzer_id(self) -> str:
        """Names code, version and model; a change asks about every image again. Cheap: it is looked up at every tick."""

    @property
    @abstractmethod
    def columns(self) -> Columns:
        """Columns of the answer."""

    @abstractmethod
    def analyze(self, image: ImageToAnalyze) -> Output:
        """The answer.

        Raises:
            AnalysisError: There is none for this image; `may_pass` says whether asking again later may help.
        """


class FunctionAnalyzer(ImageAnalyzer):
    """An analyser made of a function; see `image_step`."""

    def __init__(
        self,
        function: Callable[[ImageToAnalyze], Output],
        columns: Columns,
        *,
        version: str,
        requires: Sequence[str] = (),
        reads: ImageBytes = "resized",
    ) -> None:
        self.function = function
        self.requires = tuple(requires)
        self.reads = reads
        self._columns = columns
        self._id = f"{function.__module__}:{function.__qualname__}-{version}"

    @property
    @override
    def analyzer_id(self) -> str:
        return self._id

    @property
    @override
    def columns(self) -> Columns:
        return self._columns

    @override
    def analyze(self, image: ImageToAnalyze) -> Output:
        return self.function(image)


def image_step(
    *, version: str, requires: Sequence[str] = (), reads: ImageBytes = "resized", **columns: ColumnType
) -> Callable[[Callable[[ImageToAnalyze], Output]], FunctionAnalyzer]:
    """Make an analyser of a function from an image to a mapping of its columns.

    Args:
        version: Raised by hand when the function's answers change; every image is then asked about again.
        requires: Steps whose output the function finds in `image.insights`.
        reads: Which bytes it finds in `image.data`.
        columns: Output columns and their types.
    """

    def decorate(function: Callable[[ImageToAnalyze], Output]) -> FunctionAnalyzer:
        return FunctionAnalyzer(function, columns, version=version, requires=requires, reads=reads)

    return decorate
