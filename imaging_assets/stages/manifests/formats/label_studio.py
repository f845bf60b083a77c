"""Label Studio: the JSON export, a list of tasks with their annotations; boxes in per cent.

Each annotation that was not skipped is a record of its own, with its author and time, so that the newest wins; predictions are
machines' guesses and no labels. The image is `path` or `sha256` of a task's data where it tells (tasks of ours do), else its `image`.
JSON-MIN, one flat object per task, is read too.

Belongs here: reading Label Studio. Does not: writing tasks to be labelled (the review queue).
Source: https://labelstud.io/guide/export
"""

import re
from collections.abc import Iterator
from typing import Any

from imaging_assets.records.manifests import RejectedLine
from imaging_assets.stages.manifests.formats.draft import ImageDraft, Read, number_of
from imaging_assets.stages.manifests.formats.label_file import LabelFile
from imaging_assets.stages.manifests.formats.streams import json_items, objects_of

_UPLOADED = re.compile(r"/?data/upload/(?:\d+/)?(?:[0-9a-f]{8}-)?(.+)")
"""Uploaded files get a folder and eight digits in front."""
_IMAGE_KEYS = ("image", "img", "image_url", "url", "ocr")
_NOT_LABELS = {"textarea", "rating", "number", "datetime", "relation", "pairwise", "ranker"}
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def read(file: LabelFile) -> Iterator[Read]:
    """What each annotation says; raises LabelFileError when the file is not JSON."""
    for record, task in enumerate(json_items(file.path, file.data, "item"), 1):
        if not isinstance(task, dict):
            yield RejectedLine(record, "", "the task is no object")
        elif isinstance(task.get("data"), dict):
            yield from _read_task(record, task)
        else:
            yield from _read_flat(record, task)


def _read_task(record: int, task: dict[str, Any]) -> Iterator[Read]:
    annotations = task.get("annotations", task.get("completions"))
    annotations = annotations if isinstance(annotations, list) else []
    named = _named(task["data"])
    if not annotations:
        yield RejectedLine(record, str(named["path"] or named["sha256"]), "the task is not annotated")
    for annotation in annotations:
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            yield RejectedLine(record, str(named["path"]), "the annotator skipped the task")
            continue
        results = objects_of(annotation.get("result"))
        size = next((result for result in results if result.get("original_width")), {})
        when = annotation.get("updated_at") or annotation.get("created_at")
        draft = ImageDraft(
            record,
            named["path"],
            sha256=named["sha256"],
            width=size.get("original_width"),
            height=size.get("original_height"),
            who=_who(annotation.get("completed_by")),
            when=when,
        )
        for result in results:
            _read_result(draft, result)
        yield from draft.finish()


def _read_result(draft: ImageDraft, result: dict[str, Any]) -> None:
    kind = str(result.get("type", ""))
    value = result.get("value")
    if kind in _NOT_LABELS or not isinstance(value, dict):
        return
    said = value.get(kind, value.get("labels"))
    for tag in said if isinstance(said, list) else [said]:
        if kind in ("choices", "labels"):
            draft.tag(tag)
        elif kind == "taxonomy":
            draft.tag(tag[-1] if isinstance(tag, list) and tag else tag)
        elif result.get("image_rotation"):
            draft.refuse(str(tag), "marked on an image turned in Label Studio; turn it back and mark it again")
        else:
            _read_shape(draft, kind, tag, value)


def _read_shape(draft: ImageDraft, kind: str, tag: object, value: dict[str, Any]) -> None:
    numbers = {name: value.get(name) for name in ("x", "y", "width", "height", "radiusX", "radiusY")}
    if kind == "rectanglelabels":
        whole = draft.width or 1, draft.height or 1  # a turn keeps angles only in pixels
        left, top, width, height = (_share(numbers[name]) for name in ("x", "y", "width", "height"))
        turn = number_of(value.get("rotation")) or 0.0
        if not turn or left is None or top is None or width is None or height is None:
            draft.box(tag, left, top, width, height)
        else:
            _turned(draft, tag, (left, top, width, height), turn, whole)
    elif kind == "polygonlabels":
        corners = value.get("points")
        points = [point for point in corners if isinstance(point, list) and len(point) == 2] if isinstance(corners, list) else []
        draft.outline(tag, [_share(point[0]) for point in points], [_share(point[1]) for point in points])
    elif kind == "ellipselabels":
        x, y, across, down = (_share(numbers[name]) for name in ("x", "y", "radiusX", "radiusY"))
        if x is None or y is None or across is None or down is None:
            draft.refuse(str(tag), "the ellipse has no centre and radii")
        else:
            draft.box(tag, x - across, y - down, 2 * across, 2 * down)
    else:
        draft.refuse(str(tag), f"a result of type {kind!r} has no box")


def _turned(draft: ImageDraft, tag: object, box: tuple[float, float, float, float], turn: float, whole: tuple[int, int]) -> None:
    """The upright box around one that Label Studio turned about its top-left corner."""
    across, down = whole
    pixels = ImageDraft(0, "x")
    pixels.turned_box("x", box[0] * across, box[1] * down, box[2] * across, box[3] * down, turn=turn)
    for found in pixels.finish():
        if not isinstance(found, RejectedLine):
            (region,) = found.regions
            draft.box(tag, region.left / across, region.top / down, region.width / across, region.height / down)


def _read_flat(record: int, task: dict[str, Any]) -> Iterator[Read]:
    """JSON-MIN: labels stand beside the data."""
    named = _named(task)
    draft = ImageDraft(
        record, named["path"], sha256=named["sha256"], who=_who(task.get("annotator")), when=task.get("updated_at")
    )
    for name, value in task.items():
        if name in ("choice", "choices", "label", "labels", "tag", "tags") or isinstance(value, list | dict):
            _read_flat_value(draft, value)
    yield from draft.finish()


def _read_flat_value(draft: ImageDraft, value: object) -> None:
    if isinstance(value, dict):
        value = value.get("choices", [])
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, str):
            draft.tag(part)
        elif isinstance(part, dict):
            kind = next((name for name in part if name.endswith("labels")), "")
            if kind and draft.width is None and part.get("original_width"):
                draft.state_size(part["original_width"], part.get("original_height"))
            _read_result(draft, {"type": kind, "value": part})


def _named(data: dict[str, Any]) -> dict[str, object]:
    """What a task's data tells of its image."""
    sha256 = data.get("sha256") if _SHA256.fullmatch(str(data.get("sha256", ""))) else ""
    path = data.get("path") or next((data[key] for key in _IMAGE_KEYS if isinstance(data.get(key), str)), "")
    if not path:
        path = next((value for value in data.values() if isinstance(value, str) and "/" in value), "")
    uploaded = _UPLOADED.fullmatch(str(path))
    return {"path": uploaded[1] if uploaded else path, "sha256": sha256}


def _who(value: object) -> object:
    return value.get("email") or value.get("id") if isinstance(value, dict) else value


def _share(value: object) -> float | None:
    number = number_of(value)
    return None if number is None else number / 100
