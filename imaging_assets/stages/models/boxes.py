"""How a model that finds boxes did on test images.

Belongs here: matching found boxes with stated ones, pure. Does not: the verdict (`evaluation`).

A found box of at least 0.5 is right when it covers a stated one of its tag with an intersection over union of at least 0.5 (the measure of
PASCAL VOC: Everingham et al. 2010, https://doi.org/10.1007/s11263-009-0275-4); each stated box is found once at most.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from imaging_assets.records.manifests import Region
from imaging_assets.records.models import Evaluation, TagScore, TrainingImage
from imaging_assets.records.predictions import Scored

LEAST_PROBABILITY = 0.5
LEAST_OVERLAP = 0.5


def evaluate_boxes(model_id: str, images: Sequence[TrainingImage], scored: Mapping[str, Scored]) -> Evaluation:
    """Score a model's boxes against the regions of test images; an image is right when all its boxes are found and no other.

    Args:
        scored: The model's answer by sha256.
    """
    stated, found, matched, having = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    right = 0
    for image in images:
        answer = scored.get(image.sha256)
        boxes = _boxes(answer)
        hits = _hits(image.regions, boxes)
        right += answer is not None and not answer.error and len(hits) == len(boxes) == len(image.regions)
        stated.update(region.tag for region in image.regions)
        having.update({region.tag for region in image.regions})
        found.update(box.tag for box in boxes)
        matched.update(hits)
    per_tag = tuple(
        TagScore(tag, having[tag], matched[tag] / found[tag] if found[tag] else 0.0, matched[tag] / stated[tag])
        for tag in sorted(stated)
    )
    return Evaluation(model_id, len(images), right / len(images) if images else 0.0, per_tag)


def overlap(one: Region, other: Region) -> float:
    """Intersection over union, 0-1; 0 for boxes without area."""
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    shared = max(width, 0.0) * max(height, 0.0)
    union = one.width * one.height + other.width * other.height - shared
    return shared / union if union > 0 else 0.0


def _boxes(scored: Scored | None) -> list[Region]:
    """Boxes that count, surest first."""
    predictions = scored.predictions if scored else ()
    return [found.box for found in predictions if found.box and found.probability >= LEAST_PROBABILITY]


def _hits(stated: Sequence[Region], boxes: Sequence[Region]) -> list[str]:
    """Tags of the boxes that are right."""
    rest = list(stated)
    hits = []
    for box in boxes:
        near = [region for region in rest if region.tag == box.tag and overlap(region, box) >= LEAST_OVERLAP]
        if near:
            rest.remove(max(near, key=lambda region: overlap(region, box)))
            hits.append(box.tag)
    return hits
