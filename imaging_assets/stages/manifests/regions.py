"""Boxes as label files state them, turned into fractions of the upright image.

Belongs here: geometry. Does not: reading boxes (`formats`), deciding which statement holds (`winners`).

Tools differ in whether their boxes refer to the pixels as they are stored or to the upright image. The size that the label file
states decides: when it is the stored one and not the upright one, the boxes are turned with the image. Where sizes do not tell (no
size, a square, a half turn, a mirror) the image is assumed to have been upright, as browsers show it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from imaging_assets.records.manifests import Region

Row = dict[str, Any]

_UPRIGHT: Mapping[int, Callable[[float, float, float, float], tuple[float, float, float, float]]] = {
    1: lambda x, y, w, h: (x, y, w, h),
    2: lambda x, y, w, h: (1 - x - w, y, w, h),
    3: lambda x, y, w, h: (1 - x - w, 1 - y - h, w, h),
    4: lambda x, y, w, h: (x, 1 - y - h, w, h),
    5: lambda x, y, w, h: (y, x, h, w),
    6: lambda x, y, w, h: (1 - y - h, x, h, w),
    7: lambda x, y, w, h: (1 - y - h, 1 - x - w, h, w),
    8: lambda x, y, w, h: (y, 1 - x - w, h, w),
}
"""By EXIF orientation: left, top, width, height on the stored pixels to the same on the upright image, all in fractions."""

_TRANSPOSING = (5, 6, 7, 8)
_SAME_SHAPE = 0.02
"""Sides may differ by so much, relatively, between an image and a smaller copy that somebody labelled."""
_ROUNDING = 0.002
"""A box may reach so far beyond the image, in fractions of it, without a word; tools round."""


def upright_region(region: Region, orientation: int) -> Region:
    """The box, given on the stored pixels, on the upright image; both in fractions.

    Args:
        region: In fractions of the image as it is stored.
        orientation: EXIF orientation, 1 to 8; any other is taken for 1.
    """
    turn = _UPRIGHT.get(orientation, _UPRIGHT[1])
    return Region(region.tag, *turn(region.left, region.top, region.width, region.height))


def upright_regions(
    regions: Iterable[Row], *, in_pixels: bool, stated: tuple[int | None, int | None], image: Row
) -> tuple[list[Region], list[str]]:
    """Boxes of a statement as fractions of the upright image, inside it, and what is wrong with those that are not as stated.

    Args:
        regions: As `label_records` keeps them.
        in_pixels: Whether they are in pixels.
        stated: Width and height that the label file states, or Nones.
        image: Row with the `width` and `height` of the upright image and, where known, its EXIF `orientation`.
    """
    kept: list[Region] = []
    problems: list[str] = []
    orientation, problem = _orientation(stated, image)
    across, down = _unit(stated, image, orientation) if in_pixels else (1, 1)
    for row in regions:
        if not across or not down:
            problems.append(f"{_told(row)} is in pixels, and the size of the image is not known: left out")
            continue
        share = Region(row["tag"], row["left"] / across, row["top"] / down, row["width"] / across, row["height"] / down)
        inside, fault = _inside(upright_region(share, orientation))
        if fault:
            problems.append(f"{_told(row)} {fault}")
        if inside:
            kept.append(inside)
    return kept, [*([problem] if problem and (kept or problems) else []), *problems]


def _orientation(stated: tuple[int | None, int | None], image: Row) -> tuple[int, str]:
    """The turn that the boxes still need, and what is odd about the stated size."""
    orientation = int(image.get("orientation") or 1)
    size, upright = _both(stated), _both((image["width"], image["height"]))
    if size is None or upright is None or _same_shape(size, upright):
        return 1, ""
    if _same_shape(size, upright[::-1]):
        if orientation in _TRANSPOSING:
            return orientation, ""
        return 1, f"the label file states {_times(size)} and the upright image is {_times(upright)}: taken for upright"
    return 1, f"the label file states {_times(size)}, the image is {_times(upright)}: another shape"


def _unit(stated: tuple[int | None, int | None], image: Row, orientation: int) -> Sequence[int]:
    """Width and height that boxes in pixels refer to; zeros when nobody knows."""
    upright = _both((image["width"], image["height"])) or (0, 0)
    return _both(stated) or (upright[::-1] if orientation in _TRANSPOSING else upright)


def _inside(region: Region) -> tuple[Region | None, str]:
    left, top = max(0.0, region.left), max(0.0, region.top)
    right, bottom = min(1.0, region.left + region.width), min(1.0, region.top + region.height)
    if right <= left or bottom <= top:
        return None, "lies outside the image: left out"
    beyond = max(-region.left, -region.top, region.left + region.width - 1, region.top + region.height - 1)
    if beyond <= 0:
        return region, ""
    inside = Region(region.tag, left, top, right - left, bottom - top)
    return inside, "reaches beyond the image: cut to it" if beyond > _ROUNDING else ""


def _both(size: tuple[int | None, int | None]) -> tuple[int, int] | None:
    width, height = size
    return (width, height) if width and height else None


def _same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether one is the other, or a smaller copy of it."""
    return abs(one[0] * other[1] - one[1] * other[0]) <= _SAME_SHAPE * one[0] * other[1]


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _told(row: Row) -> str:
    return f"box {row['tag']!r} at {row['left']:g}, {row['top']:g}, {row['width']:g}, {row['height']:g}"
