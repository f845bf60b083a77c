"""Which images a person's minute is best spent on: the rule, pure.

Belongs here: how unsure a model is, how much it doubts a label, how different an image is, and the order that follows. Does not: where
images come from (`queues`), many days (`export`).

Three reasons take turns, each with the best of its kind first: unlabelled images the model is least certain of (they move the border
between tags), unlabelled images unlike everything labelled or chosen (they bring news: greedy k-centre, O. Sener, S. Savarese, "Active
learning for convolutional neural networks: a core-set approach", ICLR 2018), and labels the model does not believe. Of near-duplicates
one is asked about, and none when one of them has its label.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from imaging_assets.records.models import ClassificationKind
from imaging_assets.records.predictions import Prediction

Reason = Literal["least certain", "most different", "label doubted"]
REASONS: tuple[Reason, ...] = get_args(Reason)
"""In the order in which they take turns."""

Vectors = npt.NDArray[np.float32]

_SURE = 0.1
"""Least uncertainty worth a question."""

_DOUBTED = 0.5
"""Least doubt in a label worth a question."""

_PRODUCTS = 10_000_000
"""Distances that are held at once."""


@dataclass(frozen=True, eq=False, slots=True)
class Reviewable:
    """An image that may be asked about.

    Attributes:
        tags: Its label, sorted; empty when nobody said anything.
        uncertainty: As the function of this name says.
        doubt: The same; 0 without a label.
        vector: float32 of length 1, or None where the image has none.
        group: Near-duplicates of the day share it; "" when alone.
    """

    sha256: str
    tags: tuple[str, ...]
    uncertainty: float
    doubt: float
    vector: Vectors | None
    group: str


@dataclass(frozen=True, slots=True)
class Question:
    """An image to ask about; `score` is 0-1 (2 at most for `most different`) and compares only within its reason."""

    sha256: str
    reason: Reason
    score: float


def choose(
    images: Sequence[Reviewable],
    places: int,
    confirmed: Collection[tuple[str, tuple[str, ...]]] = (),
) -> list[Question]:
    """At most `places` images, the most useful first; the same for the same images, in whatever order they come.

    A third at most are doubted labels; of the rest, half are the least certain.

    Args:
        confirmed: (sha256, tags) that are beyond doubt.
    """
    ordered = sorted(images, key=lambda image: image.sha256)
    doubtful = (image for image in ordered if image.tags and (image.sha256, image.tags) not in confirmed)
    doubted = _best(((image.sha256, image.doubt) for image in doubtful), _DOUBTED)
    doubted = doubted[: max(1, places // 3)]
    open_images = _one_of_each_group(ordered)
    rest = places - len(doubted)
    unsure = _best(((image.sha256, image.uncertainty) for image in open_images), _SURE)[: -(-rest // 2)]
    taken = {sha256 for sha256, _ in unsure}
    known = [image for image in ordered if image.tags or image.sha256 in taken]
    others = [image for image in open_images if image.sha256 not in taken]
    different = most_different(others, known, rest - len(unsure))
    return interleave(
        [Question(sha256, "least certain", score) for sha256, score in unsure],
        [Question(sha256, "most different", score) for sha256, score in different],
        [Question(sha256, "label doubted", score) for sha256, score in doubted],
    )[:places]


def uncertainty(predictions: Sequence[Prediction], kind: ClassificationKind) -> float:
    """0 (sure) to 1. Multiclass: how close the second tag comes to the first; else how close any tag or box is to 0.5."""
    if kind == "multiclass" and not any(prediction.box for prediction in predictions):
        first, *others = (prediction.probability for prediction in predictions)
        return 1 - (first - max(others, default=0.0))
    return max(1 - abs(2 * prediction.probability - 1) for prediction in predictions)


def doubt(tags: Sequence[str], predictions: Sequence[Prediction], kind: ClassificationKind) -> float:
    """0 (believed) to 1. Multiclass: lead of the likeliest tag over the label; multilabel: of the tag that contradicts most.

    Boxes doubt nothing: that a tag was not found somewhere says little.
    """
    if any(prediction.box for prediction in predictions):
        return 0.0
    if kind == "multiclass":
        told = max((prediction.probability for prediction in predictions if prediction.tag in tags), default=0.0)
        return max(0.0, predictions[0].probability - told)
    wrong = ((1 - prediction.probability) if prediction.tag in tags else prediction.probability for prediction in predictions)
    return max(0.0, 2 * max(wrong) - 1)


def most_different(images: Sequence[Reviewable], known: Sequence[Reviewable], count: int) -> list[tuple[str, float]]:
    """Greedy k-centre: each next image is the one furthest (1 - cosine) from all known and chosen ones.

    Without anything known, the first is the one furthest from the average. Images without a vector are left out.
    """
    candidates = [image for image in images if image.vector is not None]
    if not candidates or count <= 0:
        return []
    vectors = np.stack([image.vector for image in candidates if image.vector is not None])
    centres = [image.vector for image in known if image.vector is not None]
    nearest = _distances(vectors, np.stack(centres) if centres else vectors.mean(axis=0)[None])
    chosen: list[tuple[str, float]] = []
    for _ in range(min(count, len(candidates))):
        furthest = int(nearest.argmax())
        chosen.append((candidates[furthest].sha256, float(nearest[furthest].clip(0, 2))))
        nearest = np.minimum(nearest, 1 - vectors @ vectors[furthest])
        nearest[[furthest]] = -1  # chosen
    return chosen


def _distances(vectors: Vectors, centres: Vectors) -> Vectors:
    """Of each vector to the centre nearest to it, float32 [n]; some vectors at a time, for a day may have many of both."""
    step = max(1, _PRODUCTS // len(centres))
    parts = (vectors[start : start + step] for start in range(0, len(vectors), step))
    return np.concatenate([(1 - part @ centres.T).min(axis=1) for part in parts])


def interleave(*queues: Sequence[Question]) -> list[Question]:
    """The first of each, the second of each, and so on; each image once, for the first reason it turns up."""
    first: dict[str, Question] = {}
    for turn in zip_longest(*queues):
        for question in turn:
            if question:
                first.setdefault(question.sha256, question)
    return list(first.values())


def _best(scored: Iterator[tuple[str, float]], least: float) -> list[tuple[str, float]]:
    """Those worth asking about, highest score first."""
    return sorted((pair for pair in scored if pair[1] >= least), key=lambda pair: (-pair[1], pair[0]))


def _one_of_each_group(images: Sequence[Reviewable]) -> list[Reviewable]:
    """Unlabelled images, the first of each group of near-duplicates without any label."""
    seen = {image.group for image in images if image.tags}
    kept = []
    for image in images:
        if not image.tags and (not image.group or image.group not in seen):
            kept.append(image)
            seen.add(image.group)
    return kept
