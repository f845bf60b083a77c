"""Precision by recall over all thresholds, for anything a model is more or less sure of.

Belongs here: the curve and its area, pure. Does not: what counts as right (`evaluation`, `boxes`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

Curve = tuple[tuple[float, float], ...]
"""(recall, precision) at each threshold, the highest first."""


def curve(having: int, answers: Iterable[tuple[float, bool]]) -> Curve:
    """The curve of answers, each a probability and whether it is right, where `having` were to be found."""
    answered: Counter[float] = Counter()
    right: Counter[float] = Counter()
    for probability, is_right in answers:
        answered[probability] += 1
        right[probability] += is_right
    points = []
    so_far, found = 0, 0
    for threshold in sorted(answered, reverse=True):
        so_far, found = so_far + answered[threshold], found + right[threshold]
        points.append((found / having if having else 0.0, found / so_far))
    return tuple(points)


def area(points: Sequence[tuple[float, float]]) -> float:
    """Average precision: the area under the steps of a curve."""
    return sum((recall - before) * precision for (before, _), (recall, precision) in pairwise([(0.0, 1.0), *points]))
