"""What we know of each model, as `<folder>/<model id>/custom_vision.json`, and which one is published.

Belongs here: the files, shared by the trainer that writes and the predictor that reads. Does not: the iterations (`trainings.py`).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from imaging_assets.errors import BlobNameError, BlobNotFoundError, ModelNotFoundError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.models import ModelKind, TrainedModel


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A model and the iteration it is.

    Attributes:
        iteration_id: "" while the answer to the request for a training is not known.
        content: Digest of what it learns from.
        before: Iterations there were when the training was asked for, so that a lost one can be told from them.
        finished: Whether it can be asked.
        rejected: Why an image was not learnt from, by sha256.
    """

    model_id: str
    project_id: str
    kind: ModelKind
    tags: tuple[str, ...]
    content: str
    before: tuple[str, ...] = ()
    iteration_id: str = ""
    finished: bool = False
    seconds: float = 0.0
    details: Mapping[str, str] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)

    def as_model(self) -> TrainedModel:
        """As the port has it; the service does not tell what it compared."""
        return TrainedModel(self.model_id, self.kind, self.tags, (), self.seconds, dict(self.details))


@dataclass(frozen=True, slots=True)
class Serving:
    """The model that answers under the publish name `name`, and the one before it, kept for a rollback."""

    model_id: str = ""
    previous: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class ModelRecords:
    """Records below one folder of a store."""

    store: BlobStore
    folder: str

    def find(self, model_id: str) -> ModelRecord | None:
        """The record, finished or not, or None."""
        said = self._read(self._path(model_id))
        if said is None:
            return None
        return ModelRecord(**(said | {"tags": tuple(said["tags"]), "before": tuple(said["before"])}))

    def finished(self, model_id: str) -> ModelRecord:
        """The record of a model that can be asked.

        Raises:
            ModelNotFoundError: There is none.
        """
        record = self.find(model_id)
        if record is None or not record.finished:
            raise ModelNotFoundError(
                f"Custom Vision has no trained model {model_id!r}. Train one, or see which ones the models folder holds."
            )
        return record

    def gone(self, record: ModelRecord) -> ModelNotFoundError:
        """The error for a record whose iteration the service no longer has."""
        return ModelNotFoundError(
            f"Model {record.model_id!r} is no longer in Custom Vision (iteration {record.iteration_id}), or was unpublished there. Train "
            "another, or let the one before it serve with `imaging-assets rollback`."
        )

    def write(self, record: ModelRecord) -> None:
        """Write or replace a record."""
        text = json.dumps(asdict(record), ensure_ascii=False, indent=1, sort_keys=True)
        self.store.write(self._path(record.model_id), text.encode())

    def delete(self, model_id: str) -> None:
        """Forget a model."""
        self.store.delete(self._path(model_id))

    def serving(self, project_id: str) -> Serving:
        """What we published last in a project."""
        said = self._read(self._serving_path(project_id))
        return Serving(**said) if said else Serving()

    def note_serving(self, project_id: str, model_id: str, name: str) -> None:
        """Remember what was published, and under which name."""
        before = self.serving(project_id)
        previous = before.previous if before.model_id == model_id else before.model_id
        if (now := Serving(model_id, previous, name)) != before:
            self.store.write(self._serving_path(project_id), json.dumps(asdict(now)).encode())

    def _read(self, path: str) -> dict[str, Any] | None:
        try:
            said: dict[str, Any] = json.loads(self.store.read(path).data)
        except (BlobNotFoundError, BlobNameError):
            return None
        return said

    def _path(self, model_id: str) -> str:
        return f"{self.folder}/{model_id}/custom_vision.json"

    def _serving_path(self, project_id: str) -> str:
        return f"{self.folder}/custom_vision/{project_id}/serving.json"
