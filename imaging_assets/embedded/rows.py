"""What every trainer here learns from and is judged by: rows of pixels, folds, scores, other light, and that ONNX says the same.

Belongs here: what scikit-learn's and torch's trainer share. Does not: learning (`model_search.py`, `small_network.py`), reading images
(`trainer.py`). Imported late (onnxruntime).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imaging_assets.embedded.decoding import Pixels
from imaging_assets.embedded.onnx_session import PixelSession
from imaging_assets.records.models import ClassificationKind

Targets = npt.NDArray[np.bool_]
"""bool [images, tags]: which tags an image has; exactly one per row when multiclass."""

Probabilities = npt.NDArray[np.float64]
"""float64 [images, tags], 0-1; rows sum to 1 when multiclass."""


FOLDS = 3
SEARCH_ROWS = 3_000
"""Images compared on at most: bounds a candidate's seconds whatever the size of the set. The winner is fitted on all."""

AGREEMENT = 1e-4
"""Largest difference between a probability by onnxruntime and by what was trained."""

OTHER_LIGHT = 0.6
"""How far the light of a training picture's second copy may differ: with none, a model learns the colours of the day; with 1.0 it
forgets those that matter."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What is learnt from; all three in the same order.

    Attributes:
        pixels: uint8 [images, SIDE, SIDE, 3].
        targets: bool [images, tags].
        groups: Near-duplicates share one.
    """

    pixels: Pixels
    targets: Targets
    groups: tuple[str, ...]

    def first(self, count: int) -> "Rows":
        """The first so many."""
        return Rows(self.pixels[:count], self.targets[:count], self.groups[:count])

    def only(self, chosen: npt.NDArray[np.bool_]) -> "Rows":
        """Those that are chosen."""
        return Rows(self.pixels[chosen], self.targets[chosen], tuple(np.asarray(self.groups)[chosen]))


def assign_folds(targets: Targets, groups: Sequence[str]) -> npt.NDArray[np.intp]:
    """Intp [images]: a fold for each image, one per group, every tag spread as evenly as the groups allow.

    Greedy like scikit-learn's StratifiedGroupKFold, which refuses several tags per image and warns of rare ones.
    """
    names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    wanted = np.zeros((len(names), targets.shape[1]))
    np.add.at(wanted, group_of, targets)
    rarity = 1 / np.maximum(targets.sum(axis=0), 1)
    held = np.zeros((FOLDS, targets.shape[1]))
    fold_of_group = np.zeros(len(names), dtype=np.intp)
    for group in np.argsort(-wanted.sum(axis=1), kind="stable"):
        crowding = held @ (wanted[group] * rarity)
        fold = np.lexsort((held.sum(axis=1), crowding))[0]
        fold_of_group[group] = fold
        held[fold] += wanted[group]
    return fold_of_group[group_of]


def score(answers: Probabilities, targets: Targets, kind: ClassificationKind) -> float:
    """0-1. Multiclass: share of images whose likeliest tag is right. Multilabel: F1 over all tags at probability 0.5."""
    if not len(targets):
        return 0.0
    if kind == "multiclass":
        return float(targets[np.arange(len(targets)), answers.argmax(axis=1)].mean())
    chosen = answers >= 0.5
    return float(2 * (chosen & targets).sum() / max(1, chosen.sum() + targets.sum()))


def change_light(pixels: Pixels, seed: int, strength: float = 1.0) -> Pixels:
    """Each image as under a lamp of another colour and strength: a gain of 0.6-1.5 and an offset of 20 at most per colour.

    Args:
        strength: Share of that change.
    """
    random = np.random.default_rng(seed)
    count = len(pixels)
    brightness = 1 + strength * random.uniform(-0.2, 0.2, (count, 1, 1, 1))
    gain = brightness * (1 + strength * random.uniform(-0.25, 0.25, (count, 1, 1, 3)))
    offset = strength * random.uniform(-20, 20, (count, 1, 1, 3))
    return np.stack([(image * gain[place] + offset[place]).clip(0, 255).astype(np.uint8) for place, image in enumerate(pixels)])


def check_agreement(model: bytes, pixels: Pixels, expected: npt.NDArray[np.floating]) -> None:
    """That an exported model says what the model it was made of says.

    Raises:
        ArithmeticError: It does not; it must not be used.
    """
    difference = float(np.abs(PixelSession(model).run(pixels) - expected).max())
    if not difference <= AGREEMENT:
        raise ArithmeticError(f"onnxruntime differs from the trained model by {difference:.2g}")
