"""What the server's iterations know: ridge regression on tiny pixels, for whole images or for windows of them.

Belongs here: learning and answering, so that a test's predictions mean something. Does not: any service behaviour.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[np.float64]
Kind = Literal["Multiclass", "Multilabel", "Detection"]

SIDE, CELLS = 64, 8
WINDOW_STEP = 8


class Box(NamedTuple):
    """Fractions of the image."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Lesson:
    """One image to learn from: pixels [64, 64, 3] of 0-1, tag ids, and boxes with their tag ids for detection."""

    pixels: Array
    tags: tuple[str, ...]
    regions: tuple[tuple[str, Box], ...] = ()


@dataclass
class Learnt:
    """An iteration's knowledge."""

    kind: Kind
    tags: tuple[str, ...]
    weights: Array = field(repr=False)
    mean: Array = field(repr=False)
    boxes: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def answer(self, pixels: Array) -> list[tuple[str, float, Box | None]]:
        """Tag id, probability and box of everything seen, most probable first."""
        if self.kind == "Detection":
            return sorted(self._detect(pixels), key=lambda seen: -seen[1])
        scores = 4 * self._score(features(pixels)[None, :])[0]
        if self.kind == "Multiclass":
            powers = np.exp(scores - scores.max())
            chances = powers / powers.sum()
        else:
            chances = 1 / (1 + np.exp(-scores))
        found: list[tuple[str, float, Box | None]] = [
            (tag, float(chance), None) for tag, chance in zip(self.tags, chances, strict=True)
        ]
        return sorted(found, key=lambda seen: -seen[1])

    def _score(self, rows: Array) -> Array:
        centred = rows - self.mean
        return np.asarray(np.hstack([centred, np.ones((len(rows), 1))]) @ self.weights)

    def _detect(self, pixels: Array) -> list[tuple[str, float, Box | None]]:
        kept: list[tuple[str, float, Box | None]] = []
        for place, tag in enumerate(self.tags):
            boxes = _windows(*self.boxes[tag])
            chances = 1 / (1 + np.exp(-4 * self._score(np.stack([features(_cut(pixels, box)) for box in boxes]))[:, place]))
            taken: list[Box] = []
            for number in np.argsort(-chances):
                if chances[number] > 0.1 and all(overlap(boxes[number], other) < 0.3 for other in taken):
                    taken.append(boxes[number])
                    kept.append((tag, float(chances[number]), boxes[number]))
        return kept


def learn(kind: Kind, tags: Sequence[str], lessons: Sequence[Lesson]) -> Learnt:
    """Fit one row of weights per tag."""
    if kind != "Detection":
        rows = np.stack([features(lesson.pixels) for lesson in lessons])
        targets = np.array([[1.0 if tag in lesson.tags else -1.0 for tag in tags] for lesson in lessons])
        return Learnt(kind, tuple(tags), *_ridge(rows, targets))
    sizes = {tag: [(box.width, box.height) for lesson in lessons for name, box in lesson.regions if name == tag] for tag in tags}
    boxes = {
        tag: (float(np.median([w for w, _ in found])), float(np.median([h for _, h in found]))) for tag, found in sizes.items()
    }
    samples = [(lesson, name, box) for lesson in lessons for name, box in lesson.regions]
    samples += [
        (lesson, "", box)
        for lesson in lessons
        for box in _windows(*next(iter(boxes.values())))[::5]
        if all(overlap(box, other) < 0.2 for _, other in lesson.regions)
    ]
    rows = np.stack([features(_cut(lesson.pixels, box)) for lesson, _, box in samples])
    targets = np.array([[1.0 if tag == name else -1.0 for tag in tags] for _, name, _ in samples])
    return Learnt(kind, tuple(tags), *_ridge(rows, targets), boxes)


def pixels_of(data: bytes) -> tuple[Array, str, tuple[int, int]]:
    """Pixels [64, 64, 3] of 0-1, the format, width and height; raises OSError on anything but an image."""
    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        return np.asarray(small, dtype=np.float64) / 255, str(image.format), image.size


def features(pixels: Array) -> Array:
    """Mean colour and contrast of each of 8 x 8 cells."""
    cells = pixels.reshape(CELLS, SIDE // CELLS, CELLS, SIDE // CELLS, 3)
    grey = cells.mean(axis=4)
    return np.concatenate([cells.mean(axis=(1, 3)).ravel(), 3 * grey.std(axis=(1, 3)).ravel()])


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / (one.width * one.height + other.width * other.height - shared)


def _windows(width: float, height: float) -> list[Box]:
    columns = range(0, int(SIDE * (1 - width)) + 1, WINDOW_STEP)
    rows = range(0, int(SIDE * (1 - height)) + 1, WINDOW_STEP)
    return [Box(column / SIDE, row / SIDE, width, height) for row in rows for column in columns]


def _cut(pixels: Array, box: Box) -> Array:
    columns = ((box.left + box.width * (np.arange(SIDE) + 0.5) / SIDE) * SIDE).astype(int).clip(0, SIDE - 1)
    rows = ((box.top + box.height * (np.arange(SIDE) + 0.5) / SIDE) * SIDE).astype(int).clip(0, SIDE - 1)
    return np.asarray(pixels[rows[:, None], columns[None, :]])


def _ridge(rows: Array, targets: Array) -> tuple[Any, Any]:
    mean = rows.mean(axis=0)
    inputs = np.hstack([rows - mean, np.ones((len(rows), 1))])
    return inputs.T @ np.linalg.solve(inputs @ inputs.T + 0.1 * np.eye(len(inputs)), targets), mean
