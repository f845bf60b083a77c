"""COCO: one JSON file with `images`, `annotations` and `categories`; boxes are pixels from the top-left corner, `[x, y, width, height]`.

Azure Machine Learning's labelling projects write the same with boxes in fractions and sizes of 0.0; where no image of the file has a
size and no number of a box is above 1, they are read so. An annotation without box and outline is a tag of the whole image.

The file is read as a stream, once per part, so that outlines (most of its bytes) are never held.

Belongs here: reading and writing COCO. Does not: AutoML's JSON lines (`azure_ml`).
Source: https://cocodataset.org/#format-data
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from imaging_assets.records.manifests import AnnotatedImage, RejectedLine
from imaging_assets.stages.manifests.formats.draft import ImageDraft, Read
from imaging_assets.stages.manifests.formats.label_file import LabelFile
from imaging_assets.stages.manifests.formats.streams import json_items

_Said = tuple[int, str, list[Any] | None]
"""Record number, tag, box: None for a tag of the whole image, [] for one that cannot be used."""


def read(file: LabelFile) -> Iterator[Read]:
    """What is said of each image; raises LabelFileError when the file is not JSON."""
    categories = {_id(item, "id"): str(item.get("name", "")) for item in _objects(file, "categories.item")}
    said: dict[object, list[_Said]] = defaultdict(list)
    for number, item in enumerate(json_items(file.path, file.data, "annotations.item"), 1):
        if not isinstance(item, dict) or _id(item, "category_id") not in categories:
            yield RejectedLine(number, _told(item), "the annotation's category is not listed in the file")
        else:
            said[_id(item, "image_id")].append((number, categories[_id(item, "category_id")], _box(item)))
    images = list(_objects(file, "images.item"))
    in_pixels = any(_has_size(item) for item in images) or any(
        any(isinstance(value, int | float) and value > 1 for value in box)
        for entries in said.values()
        for _, _, box in entries
        if box
    )
    for record, item in enumerate(images, 1):
        yield from _read_image(record, item, said.pop(_id(item, "id"), []), in_pixels=in_pixels)
    for image_id, entries in said.items():
        for number, tag, _ in entries:
            yield RejectedLine(number, tag, f"the annotation's image {image_id} is not listed in the file")


def write(images: Iterable[AnnotatedImage]) -> str:
    """The images as COCO; regions must be fractions, and become pixels of the images' sizes."""
    images = list(images)
    numbers = {tag: number for number, tag in enumerate(sorted({tag for image in images for tag in image.tags}), 1)}
    annotations: list[dict[str, object]] = []
    listed: list[dict[str, object]] = []
    for image_id, image in enumerate(images, 1):
        width, height = image.width or 0, image.height or 0
        known = {"sha256": image.sha256} if image.sha256 else {}  # of the landed image; an addition of ours
        listed.append({"id": image_id, "file_name": image.path, "width": width, "height": height, **known})
        for region in image.regions:
            across, down = (width, height) if width and height else (1, 1)
            box = [region.left * across, region.top * down, region.width * across, region.height * down]
            area = {"area": round(box[2] * box[3], 4), "bbox": [round(number, 6) for number in box], "iscrowd": 0}
            annotations.append({"id": len(annotations) + 1, "image_id": image_id, "category_id": numbers[region.tag], **area})
        boxed = {region.tag for region in image.regions}
        for tag in image.tags:
            if tag not in boxed:
                annotations.append({"id": len(annotations) + 1, "image_id": image_id, "category_id": numbers[tag]})
    categories = [{"id": number, "name": tag} for tag, number in numbers.items()]
    return json.dumps({"images": listed, "annotations": annotations, "categories": categories}, ensure_ascii=False, indent=1)


def _objects(file: LabelFile, place: str) -> Iterator[dict[str, Any]]:
    return (item for item in json_items(file.path, file.data, place) if isinstance(item, dict))


def _read_image(record: int, item: dict[str, Any], said: list[_Said], *, in_pixels: bool) -> Iterator[Read]:
    name = item.get("file_name") or item.get("coco_url") or item.get("absolute_url")
    size = {"width": item.get("width"), "height": item.get("height")}
    draft = ImageDraft(record, name, sha256=item.get("sha256"), in_pixels=in_pixels, **size)
    for _, tag, box in said:
        if box is None:
            draft.tag(tag)
        elif box:
            draft.box(tag, *box)
        else:
            draft.refuse(tag, "the annotation has no box of four numbers and no outline")
    yield from draft.finish()


def _box(item: dict[str, Any]) -> list[Any] | None:
    box, outline = item.get("bbox"), item.get("segmentation")
    if isinstance(box, list) and len(box) == 4:
        return box
    if not box and not outline:
        return None
    if isinstance(outline, list) and all(isinstance(part, list) and len(part) % 2 == 0 for part in outline):
        points = [value for part in outline for value in part]
        if points and all(isinstance(value, int | float) for value in points):
            left, top = min(points[::2]), min(points[1::2])
            return [left, top, max(points[::2]) - left, max(points[1::2]) - top]
    return []


def _has_size(item: dict[str, Any]) -> bool:
    return any(isinstance(item.get(name), int | float) and item[name] >= 1 for name in ("width", "height"))


def _id(item: dict[str, Any], name: str) -> str:
    """Tools write numbers, some write text."""
    return str(item.get(name))


def _told(item: object) -> str:
    return (
        ", ".join(f"{name} {item[name]}" for name in ("id", "image_id", "category_id") if name in item)
        if isinstance(item, dict)
        else ""
    )
