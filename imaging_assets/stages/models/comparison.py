"""Several trainers beside each other: what each of them makes of the newest training set, on the very same test images.

Belongs here: training where it is needed and allowed, scoring, in one table. Does not: who takes part (`backends.py`), publishing: a
comparison changes nothing that serves, and a model it trained is adopted when `training_iterations` comes to the same set.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from imaging_assets.errors import ModelNotFoundError, UsageError
from imaging_assets.ports.predictor import Predictor
from imaging_assets.ports.trainer import Heartbeat, Trainer
from imaging_assets.records.models import Evaluation, TrainingImage
from imaging_assets.stages.models.evaluation import evaluate
from imaging_assets.stages.models.iterations import model_id_of, training_images
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.predictions import score_images
from imaging_assets.stages.tables import TRAINING_SETS


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who trains; `billed` when a training costs money."""

    name: str
    trainer: Trainer
    predictor: Predictor
    billed: bool


@dataclass(frozen=True, slots=True)
class Result:
    """How a contender did, or why it took no part.

    Attributes:
        seconds: What its training took, whenever that was.
        reason: Why it took no part.
        not_paid: Whether that was because a training costs money.
    """

    name: str
    model_id: str
    seconds: float = 0.0
    evaluation: Evaluation | None = None
    reason: str = ""
    not_paid: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Results over one training set; `test_images` were scored by everybody."""

    day: str
    images: int
    test_images: int
    results: tuple[Result, ...]


def compare(pipeline: Pipeline, contenders: Sequence[Contender], heartbeat: Heartbeat, *, pay: bool) -> Comparison:
    """Let everybody learn from the newest training set and score the same test images.

    Args:
        pay: Whether trainings that cost money may be started; models that are there already are scored either way.

    Raises:
        UsageError: There is no training set.
    """
    sets = pipeline.manifests.newest(TRAINING_SETS.asset)
    if not sets:
        raise UsageError("There is no training set to compare on. Label images and give `imaging-assets run`.")
    day = max(sets)
    images = training_images(pipeline.manifests.read(sets[day], TRAINING_SETS))
    test = [image for image in images if image.split == "test"][: pipeline.training.max_test_images]
    asked = _Question(day, images, test, heartbeat, pay)
    results = [_result(replace(pipeline, trainer=one.trainer, predictor=one.predictor), one, asked) for one in contenders]
    return Comparison(day, len(images), len(test), tuple(results))


@dataclass(frozen=True, slots=True)
class _Question:
    day: str
    images: Sequence[TrainingImage]
    test: Sequence[TrainingImage]
    heartbeat: Heartbeat
    pay: bool


def _result(pipeline: Pipeline, contender: Contender, asked: _Question) -> Result:
    model_id = model_id_of(pipeline, asked.day, asked.images)
    if not _is_trained(contender, model_id):
        if reason := contender.trainer.refusal(asked.images):
            return Result(contender.name, model_id, reason=reason)
        if contender.billed and not asked.pay:
            reason = "It has not learnt from this training set, and that is billed."
            return Result(contender.name, model_id, reason=reason, not_paid=True)

    def tell(message: str) -> None:
        asked.heartbeat(f"{contender.name}: {message}")

    model = contender.trainer.train(model_id, asked.images, lambda path: pipeline.store.read(path).data, tell)
    tell(f"scoring {len(asked.test)} test images")
    answers, _ = score_images(pipeline, model_id, {image.sha256: image.blob for image in asked.test})
    return Result(contender.name, model_id, model.seconds, evaluate(model_id, model.kind, asked.test, answers))


def _is_trained(contender: Contender, model_id: str) -> bool:
    try:
        contender.predictor.predict(model_id, [])
    except ModelNotFoundError:
        return False
    return True
