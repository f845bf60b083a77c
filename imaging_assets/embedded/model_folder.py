"""Where a model trained here lies: `<folder>/<model_id>/model.onnx, metrics.parquet, labels.json`.

Belongs here: the layout, shared by the trainer that writes and the predictor that reads. `labels.json` is written last and
deleted first: a model exists exactly while it does.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from imaging_assets.errors import BlobNameError, BlobNotFoundError, ModelNotFoundError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.images import Blob
from imaging_assets.records.models import Candidate, TrainedModel

_MODEL, _METRICS, _LABELS = "model.onnx", "metrics.parquet", "labels.json"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """Models below one folder of a store."""

    store: BlobStore
    folder: str

    def find_labels(self, model_id: str) -> Blob | None:
        """`labels.json` with its etag, or None when there is no such (finished) model."""
        try:
            return self.store.read(self._path(model_id, _LABELS))
        except (BlobNotFoundError, BlobNameError):
            return None

    def read_labels(self, model_id: str) -> Blob:
        """`labels.json` with its etag.

        Raises:
            ModelNotFoundError: No such model.
        """
        labels = self.find_labels(model_id)
        if labels is None:
            raise _missing(model_id)
        return labels

    def read_model(self, model_id: str) -> bytes:
        """The ONNX model.

        Raises:
            ModelNotFoundError: It is gone.
        """
        try:
            return self.store.read(self._path(model_id, _MODEL)).data
        except BlobNotFoundError as error:
            raise _missing(model_id) from error

    def find(self, model_id: str) -> TrainedModel | None:
        """The model as its training reported it, or None when there is none."""
        labels = self.find_labels(model_id)
        if labels is None:
            return None
        said = json.loads(labels.data)
        metrics = pl.read_parquet(io.BytesIO(self.store.read(self._path(model_id, _METRICS)).data))
        candidates = tuple(Candidate(**row) for row in metrics.iter_rows(named=True))
        return TrainedModel(model_id, said["kind"], tuple(said["tags"]), candidates, said["seconds"], said["details"])

    def write(self, model: TrainedModel, onnx: bytes, facts: Mapping[str, object]) -> None:
        """Store a finished model; `facts` join what `labels.json` says of it."""
        rows = [(candidate.name, candidate.score, candidate.seconds) for candidate in model.candidates]
        schema = {"name": pl.String, "score": pl.Float64, "seconds": pl.Float64}
        metrics = io.BytesIO()
        pl.DataFrame(rows, schema=schema, orient="row").write_parquet(metrics)
        labels = {
            "model_id": model.model_id,
            "kind": model.kind,
            "tags": model.tags,
            **facts,
            "seconds": model.seconds,
            "details": model.details,
        }
        self.store.write(self._path(model.model_id, _MODEL), onnx)
        self.store.write(self._path(model.model_id, _METRICS), metrics.getvalue())
        self.store.write(self._path(model.model_id, _LABELS), json.dumps(labels, ensure_ascii=False, indent=2).encode())

    def delete(self, model_id: str) -> None:
        """Remove what is left of a model, or nothing."""
        self.store.delete(self._path(model_id, _LABELS))
        for blob in list(self.store.list_blobs(f"{self.folder}/{model_id}/")):
            self.store.delete(blob.path)

    def _path(self, model_id: str, name: str) -> str:
        return f"{self.folder}/{model_id}/{name}"


def _missing(model_id: str) -> ModelNotFoundError:
    return ModelNotFoundError(f"There is no trained model {model_id!r}. Train one, or see which ones the models folder holds.")
