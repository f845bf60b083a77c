"""How a model that finds boxes did on test images.

Belongs here: matching found boxes with stated ones, pure. Does not: the verdict (`evaluation`).

A found box of at least 0.5 is right when it covers a stated one of its tag with an intersection over union of at least 0.5 (the measure of
PASCAL VOC: Everingham et al. 2010, https://doi.org/10.1007/s11263-009-0275-4); each stated box is found once at most.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from imaging_assets.records.manifests import Region
from imaging_assets.records.models import Evaluation, TagScore, TrainingImage
from imaging_assets.records.predictions import Scored
from imaging_assets.stages.models.curves import Curve, area, curve

LEAST_PROBABILITY = 0.5
LEAST_OVERLAP = 0.5


def evaluate_boxes(model_id: str, images: Sequence[TrainingImage], scored: Mapping[str, Scored]) -> Evaluation:
    """Score a model's boxes against the regions of test images; an image is right when all its boxes are found and no other.

    Args:
        scored: The model's answer by sha256.
    """
    stated, having = Counter[str](), Counter[str]()
    answers: defaultdict[str, list[tuple[float, bool]]] = defaultdict(list)
    right = 0
    for image in images:
        answer = scored.get(image.sha256, Scored((), error="not asked"))
        found = _matched(image.regions, answer)
        sure = [is_right for _, probability, is_right in found if probability >= LEAST_PROBABILITY]
        right += not answer.error and all(sure) and len(sure) == len(image.regions)
        stated.update(region.tag for region in image.regions)
        having.update({region.tag for region in image.regions})
        for tag, probability, is_right in found:
            answers[tag].append((probability, is_right))
    curves = {tag: curve(stated[tag], answers[tag]) for tag in sorted(stated)}
    per_tag = tuple(_tag_score(tag, having[tag], stated[tag], answers[tag], points) for tag, points in curves.items())
    return Evaluation(model_id, len(images), right / len(images) if images else 0.0, per_tag, {}, curves)


def overlap(one: Region, other: Region) -> float:
    """Intersection over union, 0-1; 0 for boxes without area."""
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    shared = max(width, 0.0) * max(height, 0.0)
    union = one.width * one.height + other.width * other.height - shared
    return shared / union if union > 0 else 0.0


def _matched(stated: Sequence[Region], answer: Scored) -> list[tuple[str, float, bool]]:
    """Tag, probability and whether it is right of every found box, surest first."""
    rest = list(stated)
    matched = []
    for found in answer.predictions:
        if found.box is None:
            continue
        near = [(overlap(region, found.box), place) for place, region in enumerate(rest) if region.tag == found.tag]
        best, place = max(near, default=(0.0, -1))
        if best >= LEAST_OVERLAP:
            del rest[place]
        matched.append((found.tag, found.probability, best >= LEAST_OVERLAP))
    return matched


def _tag_score(tag: str, images: int, stated: int, answers: Sequence[tuple[float, bool]], points: Curve) -> TagScore:
    sure = [is_right for probability, is_right in answers if probability >= LEAST_PROBABILITY]
    return TagScore(tag, images, sum(sure) / len(sure) if sure else 0.0, sum(sure) / stated, area(points))
