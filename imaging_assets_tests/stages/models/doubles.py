"""A trainer and a predictor that do what their ports promise with models one can foresee, and days to train on.

Belongs here: `MajorityTrainer`, `TablePredictor` and how tests let them work. Does not: expectations.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from typing_extensions import override

from imaging_assets.errors import BlobNotFoundError, ModelNotFoundError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.predictor import Predictor
from imaging_assets.ports.trainer import Heartbeat, ReadImage, Trainer
from imaging_assets.records.models import TrainedModel, TrainingImage
from imaging_assets.records.predictions import Prediction, Scored
from imaging_assets.stages.digests import sha256_of
from imaging_assets.stages.models.iterations import IterationReport, iterate
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import TRAINING_ITERATIONS, TRAINING_SETS
from imaging_assets_tests.builders import DAY
from imaging_assets_tests.stages.manifests.days import Row, a_day, label_and_gather, rows, write_labels

Lesson = Mapping[str, str]
"""What a model answers: tag by sha256 of the image."""


class MajorityTrainer(Trainer):
    """Its models know the commonest tag and how many models there were before them; needs two tags.

    Attributes:
        trained: Ids of the models made, in order; adopted ones are not among them.
        published: Ids published, in order.
    """

    def __init__(self, store: BlobStore, recipe: str = "majority-1") -> None:
        self.store = store
        self.trained: list[str] = []
        self.published: list[str] = []
        self._recipe = recipe

    @property
    @override
    def recipe(self) -> str:
        return self._recipe

    @override
    def refusal(self, images: Sequence[TrainingImage]) -> str:
        tags = _counts(images)
        return "" if len(tags) >= 2 else f"2 tags are needed, there are {len(tags)}. Label more images."

    @override
    def train(self, model_id: str, images: Sequence[TrainingImage], read: ReadImage, heartbeat: Heartbeat) -> TrainedModel:
        path = f"models/{model_id}/labels.json"
        heartbeat("counting")
        counts = _counts(images)
        several = any(len(image.tags) > 1 for image in images)
        if not self.store.find(path):
            self.trained.append(model_id)
            models = [blob for blob in self.store.list_blobs("models/") if blob.path.endswith("/labels.json")]
            facts = {"majority": min(counts, key=lambda tag: (-counts[tag], tag)), "number": len(models)}
            self.store.write(path, json.dumps(facts).encode())
        return TrainedModel(model_id, "multilabel" if several else "multiclass", tuple(sorted(counts)), (), 0.5)

    @override
    def publish(self, model_id: str) -> None:
        self.published.append(model_id)

    @override
    def delete(self, model_id: str) -> None:
        self.store.delete(f"models/{model_id}/labels.json")


class TablePredictor(Predictor):
    """Answers by the lesson of the model's number where there is one, else with the model's majority.

    Attributes:
        asked: (model id, sha256) of every question.
        broken: Images that fail, by sha256.
    """

    def __init__(self, store: BlobStore, lessons: Sequence[Lesson] = (), broken: Collection[str] = ()) -> None:
        self.store = store
        self.lessons = lessons
        self.broken = set(broken)
        self.asked: list[tuple[str, str]] = []

    @override
    def predict(self, model_id: str, images: Sequence[bytes]) -> list[Scored]:
        try:
            model = json.loads(self.store.read(f"models/{model_id}/labels.json").data)
        except BlobNotFoundError as error:
            raise ModelNotFoundError(f"There is no model {model_id!r}.") from error
        lesson = self.lessons[model["number"]] if model["number"] < len(self.lessons) else {}
        digests = [sha256_of(image) for image in images]
        self.asked += [(model_id, sha256) for sha256 in digests]
        return [self._answer(lesson.get(sha256, model["majority"]), sha256) for sha256 in digests]

    def _answer(self, tag: str, sha256: str) -> Scored:
        if sha256 in self.broken:
            return Scored((), error="broken")
        return Scored((Prediction(tag, 0.75), Prediction("something else", 0.25)))


def _counts(images: Sequence[TrainingImage]) -> Counter[str]:
    return Counter(tag for image in images if image.split in ("train", "validation") for tag in image.tags)


def with_models(
    pipeline: Pipeline, *lessons: Lesson, broken: Collection[str] = (), recipe: str = "majority-1"
) -> tuple[Pipeline, MajorityTrainer, TablePredictor]:
    """The pipeline with the two doubles; the n-th model ever trained answers by the n-th lesson."""
    trainer, predictor = MajorityTrainer(pipeline.store, recipe), TablePredictor(pipeline.store, lessons, broken)
    return replace(pipeline, trainer=trainer, predictor=predictor), trainer, predictor


def a_training_set(pipeline: Pipeline, home: Path, images: Mapping[str, str], day: str = DAY) -> None:
    """A day of images (content to tag), labelled and gathered; the file is the day's."""
    a_day(pipeline, {f"{content}.jpg": content for content in images}, day)
    write_labels(home, f"{day}.csv", "".join(f"{content}.jpg,{tag}\n" for content, tag in images.items()))
    label_and_gather(pipeline, day)


def scored_images(pipeline: Pipeline, day: str = DAY) -> dict[str, str]:
    """Tag by sha256 of the test images, in digest order."""
    return {row["sha256"]: row["tags"][0] for row in rows(pipeline, TRAINING_SETS, day) if row["split"] == "test"}


def right_about(tested: Mapping[str, str], number: int) -> dict[str, str]:
    """The lesson of a model that is right about the first so many test images and wrong about the others."""
    return {sha256: tag if place < number else "nonsense" for place, (sha256, tag) in enumerate(tested.items())}


def iterate_day(pipeline: Pipeline, day: str = DAY, newest: str = "") -> IterationReport:
    """Run `training_iterations`."""
    draft, report = iterate(pipeline, pipeline.manifests.find(TRAINING_SETS.asset, day), newest or day, lambda _: None)
    pipeline.manifests.commit(draft)
    return report


def iterations(pipeline: Pipeline, day: str = DAY) -> list[Row]:
    """Rows of `training_iterations`."""
    return rows(pipeline, TRAINING_ITERATIONS, day)


def cats_and_dogs(number: int = 40, start: int = 0) -> dict[str, str]:
    """So many contents, every other one a cat."""
    return {f"picture {place}": ("cat", "dog")[place % 2] for place in range(start, start + number)}
