"""Values of the group *manifests*: labels, regions and sides of a split."""

from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "validation", "test", "excluded"]
"""Side of an image in a training set; `excluded` rows carry the reason and are never trained on or scored."""


@dataclass(frozen=True, slots=True)
class Region:
    """A tagged box on the upright image: fractions of its width and height, origin top-left."""

    tag: str
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Statement:
    """What one line of a label file says.

    Attributes:
        source: Name of the label source (`csv`, `folders`).
        file: Path of the label file in the store.
        line: 1-based line (or record) number in that file.
        path: Image the line names: a landing path, its end, or a bare file name; empty when only `sha256` is given.
        sha256: Hex digest of the image's bytes where the file states it, else empty.
        tags: NFC, trimmed, at least one.
        regions: Boxes on the upright image.
    """

    source: str
    file: str
    line: int
    path: str
    sha256: str
    tags: tuple[str, ...]
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line of a label file that says nothing usable, and why."""

    file: str
    line: int
    text: str
    reason: str
