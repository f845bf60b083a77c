"""Azure Machine Learning: JSON lines as AutoML for images reads them and labelling projects write them, and the MLTable file beside.

`{"image_url": …, "image_details": {"format", "width", "height"}, "label": "can" | ["can", …] | [{"label", "topX", "topY", "bottomX",
"bottomY", "isCrowd"}, …]}`; boxes and polygons in fractions. The labels of all lines must be of one kind.

Belongs here: these lines. Does not: COCO as labelling projects write it (`coco`), talking to the service.
Source: https://learn.microsoft.com/azure/machine-learning/reference-automl-images-schema
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from imaging_assets.records.manifests import AnnotatedImage, RejectedLine
from imaging_assets.stages.manifests.formats.draft import ImageDraft, Read
from imaging_assets.stages.manifests.formats.label_file import LabelFile
from imaging_assets.stages.manifests.formats.streams import decoded, json_lines

ML_TABLE = """\
paths:
  - file: ./{file}
transformations:
  - read_json_lines:
      encoding: utf8
      invalid_lines: error
      include_path_column: false
  - convert_column_types:
      - columns: image_url
        column_type: stream_info
"""
"""The file `MLTable` beside the lines, to be filled with their file's name."""


def read(file: LabelFile) -> Iterator[Read]:
    """What each line says; raises LabelFileError when it is not text."""
    for line, item in json_lines(decoded(file.path, file.data, file.encoding)):
        if not isinstance(item, dict) or "label" not in item:
            yield RejectedLine(line, "", "the line is no JSON object with a label")
        else:
            yield from _read_item(line, item)


def write(images: Iterable[AnnotatedImage], url: str, *, several: bool = False) -> str:
    """The images as lines, regions in fractions.

    Args:
        url: What comes before each image's path, as `azureml://…/paths/folder/`.
        several: Whether images may have several tags; then even a single one is a list.
    """
    images = list(images)
    boxes = any(image.regions for image in images)
    lines = []
    for image in images:
        details: dict[str, str] = {"format": PurePosixPath(image.path).suffix.removeprefix(".") or "jpg"}
        if image.width and image.height:
            details |= {"width": f"{image.width}px", "height": f"{image.height}px"}
        label: object = list(image.tags) if several else image.tags[0]
        if boxes:
            label = [_box(region.tag, region.left, region.top, region.width, region.height) for region in image.regions]
        lines.append(json.dumps({"image_url": url + image.path, "image_details": details, "label": label}, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines)


def _box(tag: str, left: float, top: float, width: float, height: float) -> dict[str, object]:
    right, bottom = min(1.0, left + width), min(1.0, top + height)
    return {"label": tag, "topX": left, "topY": top, "bottomX": right, "bottomY": bottom, "isCrowd": 0}


def _read_item(line: int, item: dict[str, Any]) -> Iterator[Read]:
    details = item.get("image_details")
    details = details if isinstance(details, dict) else {}
    draft = ImageDraft(line, item.get("image_url"), width=details.get("width"), height=details.get("height"))
    label = item["label"]
    for part in label if isinstance(label, list) else [label]:
        if isinstance(part, dict):
            _read_part(draft, part)
        else:
            draft.tag(part)
    yield from draft.finish()


def _read_part(draft: ImageDraft, part: dict[str, Any]) -> None:
    if "topX" in part:
        draft.corners(part.get("label"), part["topX"], part.get("topY"), part.get("bottomX"), part.get("bottomY"))
    elif isinstance(part.get("polygon"), list):
        points = [value for outline in part["polygon"] if isinstance(outline, list) for value in outline]
        draft.outline(part.get("label"), points[::2], points[1::2])
    else:
        draft.refuse(str(part.get("label")), "the label has no box and no outline")
