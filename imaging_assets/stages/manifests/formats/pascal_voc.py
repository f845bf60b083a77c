"""Pascal VOC: an XML file per image with `object`s whose `bndbox` is in pixels.

The standard counts pixels from 1 and includes the last one; a file in which a corner is 0 was written by a tool that counts from 0,
and is read so. VOC knows no tags of a whole image: an `object` without `bndbox` is read as one.

Belongs here: reading and writing such files. Does not: image sets.
Source: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/
"""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from xml.sax.saxutils import escape

from imaging_assets.records.manifests import AnnotatedImage
from imaging_assets.stages.manifests.formats.draft import ImageDraft, Read, number_of
from imaging_assets.stages.manifests.formats.label_file import LabelFile
from imaging_assets.stages.manifests.formats.streams import xml_elements

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read(file: LabelFile) -> Iterator[Read]:
    """What is said of the image; raises LabelFileError when the file is not XML."""
    for root in xml_elements(file.path, file.data, "annotation"):
        path = (root.findtext("path") or "").strip()
        if not path or path.startswith("/") or ":" in path:  # of the labeller's machine
            path = root.findtext("filename") or ""
        size = {"width": root.findtext("size/width"), "height": root.findtext("size/height")}
        draft = ImageDraft(1, path, in_pixels=True, **size)
        objects = root.findall("object")
        first = 0 if any(_counts_from_0(item) for item in objects) else 1
        for item in objects:
            _read_object(draft, item, first)
        yield from draft.finish(path or file.path)


def write(image: AnnotatedImage) -> str:
    """The image's file; regions must be fractions, and become whole pixels of the image's size."""
    width, height = image.width or 1, image.height or 1
    path = PurePosixPath(image.path)
    lines = [
        "<annotation>",
        f"  <folder>{escape(str(path.parent))}</folder>",
        f"  <filename>{escape(path.name)}</filename>",
        f"  <path>{escape(image.path)}</path>",
        f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>",
        "  <segmented>0</segmented>",
    ]
    for region in image.regions:
        left, top = round(region.left * width), round(region.top * height)
        right, bottom = round((region.left + region.width) * width), round((region.top + region.height) * height)
        corners = (left + 1, top + 1, max(right, left + 1), max(bottom, top + 1))
        box = "".join(f"<{name}>{number}</{name}>" for name, number in zip(_CORNERS, corners, strict=True))
        lines += [
            "  <object>",
            f"    <name>{escape(region.tag)}</name>",
            "    <pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>",
            f"    <bndbox>{box}</bndbox>",
            "  </object>",
        ]
    return "\n".join([*lines, "</annotation>", ""])


def _read_object(draft: ImageDraft, item: Any, first: int) -> None:
    tag = item.findtext("name")
    if item.find("bndbox") is None:
        draft.tag(tag)
        return
    left, top, right, bottom = (number_of(item.findtext(f"bndbox/{name}")) for name in _CORNERS)
    draft.corners(tag, left and left - first, top and top - first, right, bottom)


def _counts_from_0(item: Any) -> bool:
    return any(number_of(item.findtext(f"bndbox/{name}")) == 0 for name in ("xmin", "ymin"))
