"""The judge: how models do on the same test images, and whether the newer one may serve.

Belongs here: scores and the verdict, pure. Does not: asking a model (`stages/predictions.py`), publishing (`registry`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imaging_assets.policies import Training
from imaging_assets.records.models import Evaluation, ModelKind, TagScore, TrainingImage, Verdict
from imaging_assets.records.predictions import Scored
from imaging_assets.stages.models.boxes import evaluate_boxes
from imaging_assets.stages.models.curves import Curve, area, curve

MULTILABEL_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Judgement:
    """Verdict, its reason in a sentence, and the tag whose recall changed worst (as a difference of rates)."""

    verdict: Verdict
    reason: str
    worst_tag: str
    worst_tag_change: float


def evaluate(model_id: str, kind: ModelKind, images: Sequence[TrainingImage], scored: Mapping[str, Scored]) -> Evaluation:
    """Score a model's answers against the tags of test images.

    An answer is right when the most probable tag is the image's (multiclass), or when the tags of at least 0.5 are exactly the image's
    (multilabel), or when the boxes of at least 0.5 are exactly the image's (detection, see `boxes`). An image the model could not answer
    counts as wrong.

    Args:
        images: Test images.
        scored: The model's answer by sha256.
    """
    if kind == "detection":
        return evaluate_boxes(model_id, images, scored)
    answers = {image.sha256: _answer(kind, scored.get(image.sha256)) for image in images}
    right = sum(answers[image.sha256] == frozenset(image.tags) for image in images)
    tags = sorted({tag for image in images for tag in image.tags})
    curves = {tag: precision_recall(tag, images, scored) for tag in tags}
    return Evaluation(
        model_id,
        len(images),
        right / len(images) if images else 0.0,
        tuple(_tag_score(tag, images, answers, curves[tag]) for tag in tags),
        _confusion(images, answers) if kind == "multiclass" else {},
        curves,
    )


def precision_recall(tag: str, images: Sequence[TrainingImage], scored: Mapping[str, Scored]) -> Curve:
    """(recall, precision) of a tag at each threshold that some image's probability sets, the highest first.

    An image about which the model said nothing of the tag is never found, so the curve may end before all are.
    """
    answers = []
    for image in images:
        answer = scored.get(image.sha256, Scored(()))
        probability = max((found.probability for found in answer.predictions if found.tag == tag), default=None)
        if probability is not None:
            answers.append((probability, tag in image.tags))
    return curve(sum(tag in image.tags for image in images), answers)


def judge(challenger: Evaluation, champion: Evaluation | None, policy: Training) -> Judgement:
    """Whether the challenger may serve: better by more than the margin, and no tag much worse."""
    if champion is None:
        return Judgement("published", "It is the first model.", "", 0.0)
    if challenger.images == 0:
        return Judgement("kept champion", "There are no test images to compare on. Label more images.", "", 0.0)
    before = {score.tag: score.recall for score in champion.per_tag}
    changes = {score.tag: score.recall - before[score.tag] for score in challenger.per_tag}
    worst = min(changes, key=lambda tag: (changes[tag], tag), default="")
    changes.setdefault(worst, 0.0)  # no test image has anything to find
    told = f"accuracy {challenger.accuracy:.3f} against {champion.accuracy:.3f} on the same {challenger.images} test images"
    if challenger.accuracy <= champion.accuracy + policy.margin:
        return Judgement("kept champion", f"Not better by more than {policy.margin:g}: {told}.", worst, changes[worst])
    if changes[worst] < -policy.max_tag_drop:
        reason = f"Recall of {worst!r} would fall by {-changes[worst]:.2f}, more than {policy.max_tag_drop:g} ({told})."
        return Judgement("kept champion", reason, worst, changes[worst])
    return Judgement("published", f"Better: {told}.", worst, changes[worst])


def _answer(kind: ModelKind, scored: Scored | None) -> frozenset[str]:
    if scored is None or not scored.predictions:
        return frozenset()
    if kind == "multiclass":
        return frozenset({scored.predictions[0].tag})
    return frozenset(prediction.tag for prediction in scored.predictions if prediction.probability >= MULTILABEL_THRESHOLD)


def _confusion(images: Sequence[TrainingImage], answers: Mapping[str, frozenset[str]]) -> dict[tuple[str, str], int]:
    pairs = ((image.tags[0], next(iter(answers[image.sha256]), "")) for image in images)
    return dict(sorted(Counter(pairs).items()))


def _tag_score(tag: str, images: Sequence[TrainingImage], answers: Mapping[str, frozenset[str]], points: Curve) -> TagScore:
    having = [image for image in images if tag in image.tags]
    answered = [image for image in images if tag in answers[image.sha256]]
    right = sum(tag in image.tags for image in answered)
    return TagScore(
        tag,
        len(having),
        right / len(answered) if answered else 0.0,
        right / len(having) if having else 0.0,
        area(points),
    )
