"""CVAT for images 1.1: one XML file; boxes, polygons, polylines, ellipses and masks in pixels, tags of the whole image.

Belongs here: reading CVAT. Does not: writing it; `coco` says the same. Tracks of videos are not images.
Source: https://docs.cvat.ai/docs/manual/advanced/formats/format-cvat/
"""

import math
from collections.abc import Iterator
from typing import Any

from imaging_assets.stages.manifests.formats.draft import ImageDraft, Read, number_of
from imaging_assets.stages.manifests.formats.label_file import LabelFile
from imaging_assets.stages.manifests.formats.streams import xml_elements


def read(file: LabelFile) -> Iterator[Read]:
    """What is said of each image; raises LabelFileError when the file is not XML."""
    for record, image in enumerate(xml_elements(file.path, file.data, "image"), 1):
        size = {"width": image.get("width"), "height": image.get("height")}
        draft = ImageDraft(record, image.get("name"), in_pixels=True, split=_split(image.get("subset")), **size)
        for shape in image:
            _read_shape(draft, shape)
        yield from draft.finish()


def _split(subset: str | None) -> str:
    return {"train": "train", "validation": "validation", "val": "validation", "test": "test"}.get((subset or "").lower(), "")


def _read_shape(draft: ImageDraft, shape: Any) -> None:
    tag = shape.get("label")
    if shape.tag == "tag":
        draft.tag(tag)
    elif shape.tag == "box":
        corners = [shape.get(name) for name in ("xtl", "ytl", "xbr", "ybr")]
        turn = number_of(shape.get("rotation")) or 0.0
        if turn:
            _turned_about_centre(draft, tag, corners, turn)
        else:
            draft.corners(tag, *corners)
    elif shape.tag in ("polygon", "polyline"):
        points = [pair.split(",") for pair in (shape.get("points") or "").split(";")]
        draft.outline(tag, [pair[0] for pair in points], [pair[-1] for pair in points])
    elif shape.tag == "mask":
        draft.box(tag, *(shape.get(name) for name in ("left", "top", "width", "height")))
    elif shape.tag == "ellipse":
        x, y, across, down = (number_of(shape.get(name)) for name in ("cx", "cy", "rx", "ry"))
        if x is None or y is None or across is None or down is None:
            draft.refuse(str(tag), "the ellipse has no centre and radii")
        else:
            draft.box(tag, x - across, y - down, 2 * across, 2 * down)
    else:
        draft.refuse(str(tag), f"a shape of kind {shape.tag!r} has no area")


def _turned_about_centre(draft: ImageDraft, tag: object, corners: list[str | None], turn: float) -> None:
    """CVAT turns boxes about their centre, in degrees clockwise."""
    left, top, right, bottom = (number_of(corner) for corner in corners)
    if left is None or top is None or right is None or bottom is None:
        draft.corners(tag, *corners)
        return
    width, height = right - left, bottom - top
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    x = (left + right) / 2 - width / 2 * cos + height / 2 * sin
    y = (top + bottom) / 2 - width / 2 * sin - height / 2 * cos
    draft.turned_box(tag, x, y, width, height, turn=turn)
