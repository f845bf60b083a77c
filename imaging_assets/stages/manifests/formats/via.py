"""VGG Image Annotator (VIA 1 and 2): a JSON file or project, or its CSV; shapes in pixels, no image sizes.

A shape's tag is the attribute called `label`, `class`, `tag`, `type`, `category` or `name`, or its only attribute; ticked boxes are
several tags. Attributes of the file count as tags only by those names.

Belongs here: reading VIA. Does not: writing it; `coco` says the same.
Source: https://www.robots.ox.ac.uk/~vgg/software/via/
"""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from imaging_assets.errors import LabelFileError
from imaging_assets.records.manifests import RejectedLine
from imaging_assets.stages.manifests.formats.draft import ImageDraft, Read
from imaging_assets.stages.manifests.formats.label_file import LabelFile
from imaging_assets.stages.manifests.formats.streams import decoded, json_pairs, objects_of

CSV_HEADER = (
    "filename",
    "file_size",
    "file_attributes",
    "region_count",
    "region_id",
    "region_shape_attributes",
    "region_attributes",
)

_TAG_NAMES = ("label", "labels", "class", "tag", "tags", "type", "category", "name")


def read_json(file: LabelFile) -> Iterator[Read]:
    """What is said of each image; raises LabelFileError when the file is not JSON."""
    project = any(name == "_via_img_metadata" for name, _ in json_pairs(file.path, file.data, ""))
    for record, (key, item) in enumerate(json_pairs(file.path, file.data, "_via_img_metadata" if project else ""), 1):
        if not isinstance(item, dict) or "filename" not in item:
            yield RejectedLine(record, key, "the entry names no file")
            continue
        draft = ImageDraft(record, item["filename"], in_pixels=True)
        for tag in _tags(item.get("file_attributes"), named_only=True):
            draft.tag(tag)
        for region in objects_of(item.get("regions")):  # VIA 1 numbers them
            _read_region(draft, region.get("shape_attributes"), region.get("region_attributes"))
        yield from draft.finish()


def read_csv(file: LabelFile) -> Iterator[Read]:
    """What is said of each image, lines of one file taken together; raises LabelFileError when it is not text."""
    drafts: dict[str, ImageDraft] = {}
    reader = csv.DictReader(io.StringIO(decoded(file.path, file.data, file.encoding), newline=""))
    reader.fieldnames = [name.strip().lstrip("#").casefold() for name in reader.fieldnames or ()]
    try:
        for row in reader:
            line, name = reader.line_num, row.get("filename") or ""
            shape, told = _object(row.get("region_shape_attributes")), _object(row.get("region_attributes"))
            about_file = _object(row.get("file_attributes"))
            if shape is None or told is None or about_file is None:
                yield RejectedLine(line, name, "attributes that are not JSON")
                continue
            draft = drafts.setdefault(name, ImageDraft(line, name, in_pixels=True))
            for tag in _tags(about_file, named_only=True):
                draft.tag(tag)
            if shape:
                _read_region(draft, shape, told)
    except csv.Error as error:
        raise LabelFileError(f"{file.path}, line {reader.line_num}: {error}. Mend that line.") from error
    for draft in drafts.values():
        yield from draft.finish()


def _read_region(draft: ImageDraft, shape: object, attributes: object) -> None:
    shape = shape if isinstance(shape, dict) else {}
    tags = _tags(attributes, named_only=False)
    if not tags:
        draft.refuse(json.dumps(attributes, ensure_ascii=False), "the shape has no tag")
    for tag in tags:
        _note(draft, tag, shape)


def _note(draft: ImageDraft, tag: str, shape: dict[str, Any]) -> None:
    kind = shape.get("name")
    if kind == "rect":
        draft.box(tag, shape.get("x"), shape.get("y"), shape.get("width"), shape.get("height"))
    elif kind in ("polygon", "polyline"):
        draft.outline(tag, _points(shape.get("all_points_x")), _points(shape.get("all_points_y")))
    elif kind in ("circle", "ellipse"):
        radii = [shape.get(name, shape.get("r")) for name in ("rx", "ry")]
        try:
            x, y, across, down = (float(value) for value in (shape["cx"], shape["cy"], *radii))
        except (KeyError, TypeError, ValueError):
            draft.refuse(tag, f"the {kind} has no centre and radius")
        else:
            draft.box(tag, x - across, y - down, 2 * across, 2 * down)
    else:
        draft.refuse(tag, f"a shape of kind {kind!r} has no area")


def _points(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _tags(attributes: object, *, named_only: bool) -> list[str]:
    if not isinstance(attributes, dict):
        return []
    named = next((attributes[name] for name in _TAG_NAMES if attributes.get(name)), None)
    if named is None and not named_only and len(attributes) == 1:
        named = next(iter(attributes.values()))
    if isinstance(named, dict):  # ticked boxes
        return [str(name) for name, ticked in named.items() if ticked]
    return [str(named)] if named else []


def _object(text: str | None) -> dict[str, Any] | None:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
