"""What a model gets right and wrong, in more detail than the judge needs: confusion matrix, precision and recall over thresholds.

Belongs here: counting, pure; reading what a judged model was tested on and answered. Does not: the verdict (`evaluation`), drawing (`web`).
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imaging_assets.errors import BlobNotFoundError
from imaging_assets.records.models import ClassificationKind, TagScore
from imaging_assets.records.predictions import Scored
from imaging_assets.stages.models.evaluation import MULTILABEL_THRESHOLD
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.predictions import remembered_scores

Tested = tuple[str, tuple[str, ...]]
"""sha256 and tags of a test image."""


@dataclass(frozen=True, slots=True)
class Point:
    """Precision and recall (0-1) when answers of at least `threshold` count."""

    threshold: float
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class Curves:
    """A model on its test images.

    Attributes:
        images: Test images with a remembered answer.
        tags: In alphabetical order; rows and columns of `confusion`.
        confusion: For each tag that an image has, how often each tag was the most probable answer.
        per_tag: At the threshold that counts as an answer.
        points: By tag, by falling threshold.
        missed: (sha256, tags, answered tag, its probability) of wrong answers, surest first.
    """

    images: int
    tags: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    per_tag: tuple[TagScore, ...]
    points: Mapping[str, tuple[Point, ...]]
    missed: tuple[tuple[str, tuple[str, ...], str, float], ...]


def read_curves(pipeline: Pipeline, model_id: str, kind: ClassificationKind) -> Curves:
    """From the model's kept training set and its remembered scores; no model is asked."""
    tested = _tested(pipeline, model_id)
    return curves(kind, tested, remembered_scores(pipeline, model_id, [sha256 for sha256, _ in tested]))


def curves(kind: ClassificationKind, tested: Sequence[Tested], scored: Mapping[str, Scored]) -> Curves:
    """Count answers of test images; those without an answer are left out."""
    answered = [(sha256, tags, scored[sha256]) for sha256, tags in tested if sha256 in scored and scored[sha256].predictions]
    known = {tag for _, tags, _ in answered for tag in tags} | {best.predictions[0].tag for _, _, best in answered}
    tags = tuple(sorted(known))
    hits = Counter((tag, best.predictions[0].tag) for _, having, best in answered for tag in having)
    missed = [
        (sha256, having, best.predictions[0].tag, best.predictions[0].probability)
        for sha256, having, best in answered
        if best.predictions[0].tag not in having
    ]
    points = {tag: _points([(_probability(answer, tag), tag in having) for _, having, answer in answered]) for tag in tags}
    return Curves(
        images=len(answered),
        tags=tags,
        confusion=tuple(tuple(hits[row, column] for column in tags) for row in tags),
        per_tag=tuple(_tag_score(kind, tag, answered) for tag in tags),
        points=points,
        missed=tuple(sorted(missed, key=lambda item: (-item[3], item[0]))),
    )


def _tag_score(kind: ClassificationKind, tag: str, answered: Sequence[tuple[str, tuple[str, ...], Scored]]) -> TagScore:
    said = [(tag in _said(kind, scored), tag in having) for _, having, scored in answered]
    right = sum(answer and truth for answer, truth in said)
    answers, having = sum(answer for answer, _ in said), sum(truth for _, truth in said)
    return TagScore(tag, having, right / answers if answers else 0.0, right / having if having else 0.0)


def _said(kind: ClassificationKind, scored: Scored) -> frozenset[str]:
    if kind == "multiclass":
        return frozenset({scored.predictions[0].tag})
    return frozenset(prediction.tag for prediction in scored.predictions if prediction.probability >= MULTILABEL_THRESHOLD)


def _probability(scored: Scored, tag: str) -> float:
    return next((prediction.probability for prediction in scored.predictions if prediction.tag == tag), 0.0)


def _points(answers: Sequence[tuple[float, bool]]) -> tuple[Point, ...]:
    """One point per distinct probability; none where no image has the tag."""
    having = sum(truth for _, truth in answers)
    if not having:
        return ()
    points: list[Point] = []
    right = 0
    ordered = sorted(answers, key=lambda answer: -answer[0])
    for count, (probability, truth) in enumerate(ordered, start=1):
        right += truth
        if count == len(ordered) or ordered[count][0] < probability:
            points.append(Point(probability, right / count, right / having))
    return tuple(points)


def _tested(pipeline: Pipeline, model_id: str) -> list[Tested]:
    try:
        data = pipeline.store.read(f"{pipeline.places.models}/{model_id}/training_set.jsonl").data
    except BlobNotFoundError:
        return []
    rows = (json.loads(line) for line in data.decode().splitlines())
    return [(sha256, tuple(tags)) for sha256, split, *tags in rows if split == "test"]
