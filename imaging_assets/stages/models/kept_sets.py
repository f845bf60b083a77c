"""What a model was trained and tested on, kept beside the model: `models/<model id>/training_set.jsonl`, a line per image.

Belongs here: writing and reading that file. Does not: which images these are (`iterations`).
"""

import json
from collections.abc import Iterable

from imaging_assets.errors import BlobNotFoundError
from imaging_assets.records.models import TrainingImage
from imaging_assets.stages.pipeline import Pipeline

KeptImage = tuple[str, ...]
"""sha256, side of the split, tags: what an image is to a training."""


def as_kept(image: TrainingImage) -> KeptImage:
    """An image as it is kept."""
    return (image.sha256, image.split, *image.tags)


def keep_training_set(pipeline: Pipeline, model_id: str, images: Iterable[TrainingImage]) -> None:
    """Write down what a model is about to learn from."""
    text = "".join(json.dumps(as_kept(image), ensure_ascii=False) + "\n" for image in images)
    pipeline.store.write(_path(pipeline, model_id), text.encode())


def kept_training_set(pipeline: Pipeline, model_id: str) -> list[KeptImage]:
    """In the order it was written in; empty for a model of which nothing was kept."""
    try:
        data = pipeline.store.read(_path(pipeline, model_id)).data
    except BlobNotFoundError:
        return []
    return [tuple(json.loads(line)) for line in data.decode().splitlines()]


def _path(pipeline: Pipeline, model_id: str) -> str:
    return f"{pipeline.places.models}/{model_id}/training_set.jsonl"
