"""What stands in for the ports of this process: nothing is computed, nothing kept, everything counted.

Belongs here: stand-ins that know no service. Does not: the store (`store.py`).
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from imaging_assets.ports.analyzer import ImageAnalyzer, ImageEmbedder
from imaging_assets.ports.catalog import Catalog
from imaging_assets.ports.predictor import Predictor
from imaging_assets.ports.search_index import SearchIndex
from imaging_assets.ports.trainer import Heartbeat, ReadImage, Trainer
from imaging_assets.records.catalog import CatalogRow, SqlAnswer
from imaging_assets.records.insights import Columns, ImageToAnalyze, Output
from imaging_assets.records.models import TrainedModel, TrainingImage
from imaging_assets.records.predictions import Prediction, Scored
from imaging_assets.records.search import Document, DocumentResult, SearchAnswer, SearchQuery
from imaging_assets.stages.rehearsal.tally import Tally

ANSWER = "?"
"""The tag that every rehearsed prediction names."""


class RehearsedEmbedder(ImageEmbedder):
    """Vectors that say nothing and are as long as real ones."""

    def __init__(self, real: ImageEmbedder, tally: Tally, service: str) -> None:
        self._real, self._tally, self._service = real, tally, service

    @property
    @override
    def embedding_id(self) -> str:
        return self._real.embedding_id

    @property
    @override
    def dimensions(self) -> int:
        return self._real.dimensions

    @override
    def embed(self, images: Sequence[bytes]) -> npt.NDArray[np.float32]:
        self._tally.add(self._service, "image_vectors", len(images))
        return np.full((len(images), self.dimensions), self.dimensions**-0.5, dtype=np.float32)


class RehearsedAnalyzer(ImageAnalyzer):
    """An analyser's name and columns, without answers."""

    def __init__(self, real: ImageAnalyzer, tally: Tally, service: str, step: str) -> None:
        self._real, self._tally, self._service, self._step = real, tally, service, step
        self.reads, self.requires = real.reads, real.requires

    @property
    @override
    def analyzer_id(self) -> str:
        return self._real.analyzer_id

    @property
    @override
    def columns(self) -> Columns:
        return self._real.columns

    @override
    def analyze(self, image: ImageToAnalyze) -> Output:
        self._tally.add(self._service, self._step)
        return {}


class RehearsedTrainer(Trainer):
    """Refuses what the real trainer refuses, and trains nothing."""

    def __init__(self, real: Trainer, predictor: "RehearsedPredictor", tally: Tally) -> None:
        self._real, self._predictor, self._tally = real, predictor, tally

    @property
    @override
    def recipe(self) -> str:
        return self._real.recipe

    @override
    def refusal(self, images: Sequence[TrainingImage]) -> str:
        return self._real.refusal(images)

    @override
    def train(self, model_id: str, images: Sequence[TrainingImage], read: ReadImage, heartbeat: Heartbeat) -> TrainedModel:
        self._tally.add("embedded", "trainings")
        self._predictor.known.add(model_id)
        several = any(len(image.tags) > 1 for image in images)
        tags = tuple(sorted({tag for image in images for tag in image.tags}))
        return TrainedModel(model_id, "multilabel" if several else "multiclass", tags, (), 0.0)

    @override
    def publish(self, model_id: str) -> None:
        """Nothing outside is told."""

    @override
    def delete(self, model_id: str) -> None:
        """Nothing is there to delete."""


class RehearsedPredictor(Predictor):
    """Knows the models that the real one knows, and those that were rehearsed."""

    def __init__(self, real: Predictor, tally: Tally) -> None:
        self._real, self._tally = real, tally
        self.known: set[str] = set()

    @override
    def predict(self, model_id: str, images: Sequence[bytes]) -> list[Scored]:
        if model_id not in self.known:
            self._real.predict(model_id, [])
            self.known.add(model_id)
        self._tally.add("embedded", "predictions", len(images))
        return [Scored((Prediction(ANSWER, 0.5),)) for _ in images]


class RehearsedIndex(SearchIndex):
    """Takes every document and keeps none.

    Args:
        generation: The one that writers fill now, or "" where there is none yet.
    """

    def __init__(self, generation: str, tally: Tally) -> None:
        self._generation, self._tally = generation or "rehearsed", tally

    @property
    @override
    def generation(self) -> str:
        return self._generation

    @property
    @override
    def serving(self) -> str:
        return self._generation

    @override
    def put(self, documents: Sequence[Document]) -> list[DocumentResult]:
        self._tally.add("embedded", "documents sent", len(documents))
        return [DocumentResult(document["id"]) for document in documents]

    @override
    def delete(self, ids: Sequence[str]) -> list[DocumentResult]:
        self._tally.add("embedded", "documents deleted", len(ids))
        return [DocumentResult(key) for key in ids]

    @override
    def get(self, document_id: str) -> Document | None:
        return None

    @override
    def query(self, query: SearchQuery) -> SearchAnswer:
        return SearchAnswer((), 0, {})

    @override
    def ids(self) -> Iterator[str]:
        return iter(())

    @override
    def rebuild(self) -> str:
        return self._generation

    @override
    def promote(self) -> None:
        """The one that serves goes on."""


class RehearsedCatalog(Catalog):
    """A catalogue by its name alone."""

    def __init__(self, catalog_id: str, tally: Tally) -> None:
        self._catalog_id, self._tally = catalog_id or "rehearsed", tally

    @property
    @override
    def catalog_id(self) -> str:
        return self._catalog_id

    @override
    def known_id(self) -> str:
        return self._catalog_id

    @override
    def write(self, rows: Sequence[CatalogRow], gone: Sequence[str]) -> None:
        self._tally.add("catalog", "rows written", len(rows))
        self._tally.add("catalog", "rows deleted", len(gone))

    @override
    def query(self, sql: str) -> SqlAnswer:
        return SqlAnswer((), ())
