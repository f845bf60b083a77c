"""How a model did on its test images, from what is kept of it: no model is asked, no image read.

Belongs here: putting the kept training set (`kept_sets`) and the remembered scores together. Does not: scoring (`evaluation`), asking
(`stages/predictions.py`).
"""

from collections.abc import Mapping, Sequence

from imaging_assets.records.models import Evaluation, ModelKind, TrainingImage
from imaging_assets.records.predictions import Scored
from imaging_assets.stages.models.evaluation import evaluate
from imaging_assets.stages.models.kept_sets import kept_training_set
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.predictions import remembered_scores

WrongAnswer = tuple[str, tuple[str, ...], str, float]
"""sha256, the image's tags, the answered tag, its probability."""


def remembered_evaluation(pipeline: Pipeline, model_id: str, kind: ModelKind) -> tuple[Evaluation, list[WrongAnswer]] | None:
    """The evaluation, and wrong answers, the surest first; None where too little is kept (boxes are not, nor answers of other stores)."""
    images = _test_images(pipeline, model_id)
    scored = remembered_scores(pipeline, model_id, [image.sha256 for image in images])
    if kind == "detection" or not scored:
        return None
    return evaluate(model_id, kind, images, scored), _wrong(images, scored)


def _wrong(images: Sequence[TrainingImage], scored: Mapping[str, Scored]) -> list[WrongAnswer]:
    best = {
        image.sha256: answer.predictions[0] for image in images if (answer := scored.get(image.sha256)) and answer.predictions
    }
    wrong = [
        (image.sha256, image.tags, best[image.sha256].tag, best[image.sha256].probability)
        for image in images
        if image.sha256 in best and best[image.sha256].tag not in image.tags
    ]
    return sorted(wrong, key=lambda answer: (-answer[3], answer[0]))


def _test_images(pipeline: Pipeline, model_id: str) -> list[TrainingImage]:
    kept = kept_training_set(pipeline, model_id)
    return [TrainingImage(sha256, "", tuple(tags), (), "", "test") for sha256, split, *tags in kept if split == "test"]
