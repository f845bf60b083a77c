"""Which model serves, and the append-only ledger of how that came about.

Belongs here: `models/published.json` (written only over the version that was read) and `models/ledger/`. Does not: judging
(`evaluation`), the models themselves (the trainer's).
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from imaging_assets.errors import BlobNotFoundError, UsageError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.models import PublishedModel
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import TRAINING_ITERATIONS

_SERVED = ("published", "rolled back")

Clock = Callable[[], datetime]


def now_utc() -> datetime:
    """The time now, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Registry:
    """Published model and ledger inside the place for models."""

    store: BlobStore
    folder: str = "models"
    clock: Clock = now_utc

    def published(self) -> PublishedModel | None:
        """The model that serves now, or None."""
        return self._read()[0]

    def publish(self, model_id: str, reason: str) -> PublishedModel:
        """Let a model serve; nothing when it does already, except that the ledger tells of it.

        Raises:
            BlobConflictError: Another run published at the same time.
        """
        current, etag = self._read()
        if current and current.model_id == model_id:
            if not self._noted("published", model_id):
                self.note("published", model_id, previous=current.previous, reason=current.reason)
            return current
        previous = current.model_id if current else None
        return self._serve(PublishedModel(model_id, self.clock().isoformat(), previous, reason), etag, "published")

    def rollback(self) -> PublishedModel:
        """Let the model serve again that served before.

        Raises:
            UsageError: There is none.
        """
        current, etag = self._read()
        if current is None or current.previous is None:
            raise UsageError("No model was published before the present one. Train another with `imaging-assets run`.")
        served = [entry for entry in self.ledger() if entry["event"] in _SERVED and entry["model_id"] == current.previous]
        before: dict[str, Any] = served[-1] if served else {}
        back = PublishedModel(
            current.previous, self.clock().isoformat(), before.get("previous"), f"rolled back from {current.model_id}"
        )
        return self._serve(back, etag, "rolled back")

    def note(self, event: str, model_id: str, **facts: object) -> None:
        """Add an entry to the ledger; entries are never changed."""
        at = self.clock()
        name = f"{at:%Y%m%dT%H%M%S%f}-{event.replace(' ', '-')}-{model_id}.json"
        text = json.dumps({"event": event, "model_id": model_id, "at": at.isoformat(), **facts}, sort_keys=True)
        self.store.write(f"{self.folder}/ledger/{name}", text.encode())

    def ledger(self) -> list[dict[str, Any]]:
        """All entries, oldest first; of a judgement that two runs at once wrote down, the first."""
        entries: dict[object, dict[str, Any]] = {}
        for blob in self.store.list_blobs(f"{self.folder}/ledger/"):
            entry = json.loads(self.store.read(blob.path).data)
            same = (entry["model_id"], entry.get("training_digest")) if entry["event"] == "judged" else blob.path
            entries.setdefault(same, entry)
        return list(entries.values())

    def _noted(self, event: str, model_id: str) -> bool:
        return any(entry["event"] == event and entry["model_id"] == model_id for entry in self.ledger())

    def _read(self) -> tuple[PublishedModel | None, str | None]:
        try:
            blob = self.store.read(f"{self.folder}/published.json")
        except BlobNotFoundError:
            return None, None
        return PublishedModel(**json.loads(blob.data)), blob.etag

    def _serve(self, model: PublishedModel, etag: str | None, event: str) -> PublishedModel:
        data = json.dumps(asdict(model), sort_keys=True, indent=1).encode()
        self.store.write(f"{self.folder}/published.json", data, if_match=etag, if_absent=etag is None)
        self.note(event, model.model_id, previous=model.previous, reason=model.reason)
        return model


def champion_accuracy(pipeline: Pipeline, model_id: str) -> float | None:
    """The model's accuracy on the newest test images it was compared on, or None when it never was."""
    for _, manifest in sorted(pipeline.manifests.newest(TRAINING_ITERATIONS.asset).items(), reverse=True):
        for row in reversed(pipeline.manifests.read(manifest, TRAINING_ITERATIONS).to_dicts()):
            for who, accuracy in (("model_id", "accuracy"), ("champion_id", "champion_accuracy")):
                if row[who] == model_id and row[accuracy] is not None:
                    return float(row[accuracy])
    return None
