"""Values of the group *manifests*: what people said about images, regions and sides of a split."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Split = Literal["train", "validation", "test", "excluded"]
"""Side of an image in a training set; `excluded` rows carry the reason and are never trained on or scored."""


@dataclass(frozen=True, slots=True)
class Region:
    """A tagged box, origin top-left: fractions of the image's width and height, unless its image says `in_pixels`."""

    tag: str
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """What a label file says about one image, whatever its format: what every format reads, and writes.

    Attributes:
        line: 1-based number of the line, or of the record where a format has no lines.
        path: The image: a landing path, its end, or a bare file name; empty when only `sha256` is given.
        sha256: Hex digest of the landed image's bytes where the file states it, else empty.
        tags: NFC, trimmed, sorted, told once; those of the regions are among them.
        regions: Boxes, in pixels or fractions of the image as the file's tool saw it.
        in_pixels: Whether the regions are in pixels.
        width, height: Size in pixels that the file states, or None.
        who: Who said it, where the file tells.
        when: When it was said, where the file tells; UTC.
        split: Side of the split, where the file tells.
    """

    line: int
    path: str
    sha256: str = ""
    tags: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()
    in_pixels: bool = False
    width: int | None = None
    height: int | None = None
    who: str = ""
    when: datetime | None = None
    split: str = ""


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line (or record, or box) of a label file that says nothing usable, and why."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class PortalImage:
    """What a project says of an image.

    Attributes:
        sha256: Hex digest of the landed image's bytes.
        tags: NFC, trimmed, sorted; at least one.
        regions: Fractions of the image.
        ours: Whether this is just what the trainer gave it: nobody said it there.
        when: When people gave it a tag that the trainer had not; None where a tag or box only went or moved. UTC.
    """

    sha256: str
    tags: tuple[str, ...]
    regions: tuple[Region, ...] = ()
    ours: bool = False
    when: datetime | None = None


@dataclass(frozen=True, slots=True)
class PortalView:
    """A project as people left it.

    Attributes:
        images: Every tagged image.
        known: Digests of images that are, or were when last looked, in the project and that the trainer did not take out: one without an
            entry in `images` has lost its tags.
        unread: Why an image could not be identified, by its id there.
        not_now: Why nothing can be told at the moment, or "".
    """

    images: tuple[PortalImage, ...] = ()
    known: frozenset[str] = frozenset()
    unread: Mapping[str, str] = field(default_factory=dict)
    not_now: str = ""
