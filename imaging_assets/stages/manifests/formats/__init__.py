"""Label formats: a module each, which reads and (where people leave with it) writes one neutral record, `AnnotatedImage`.

Belongs here: telling formats apart, by content or by the name a source sets. Does not: which image a record means (`matching`), which
record wins (`winners`), what is exported (`datasets`). What a service holds (a Custom Vision project) is first written as a label file,
by `csv_file.write`, and then is a source like any other.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping

from imaging_assets.errors import LabelFileError
from imaging_assets.stages.manifests.formats import azure_ml, coco, csv_file, cvat, label_studio, pascal_voc, via, yolo
from imaging_assets.stages.manifests.formats.draft import MAX_TAG_CHARACTERS, Read, clean_tag
from imaging_assets.stages.manifests.formats.label_file import LabelFile
from imaging_assets.stages.manifests.formats.streams import json_events, xml_root

__all__ = ["MAX_TAG_CHARACTERS", "READERS", "LabelFile", "Read", "clean_tag", "is_companion", "read_labels", "recognise"]

READERS: Mapping[str, Callable[[LabelFile], Iterator[Read]]] = {
    "csv": csv_file.read,
    "coco": coco.read,
    "voc": pascal_voc.read,
    "via": via.read_json,
    "via-csv": via.read_csv,
    "yolo": yolo.read,
    "label-studio": label_studio.read,
    "cvat": cvat.read,
    "azure-ml": azure_ml.read,
}
"""By the name a source may set."""

_IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".heic", ".avif")

_BY_KEY = {
    (1, "images"): "coco",
    (1, "annotations"): "coco",
    (1, "categories"): "coco",
    (1, "image_url"): "azure-ml",
    (1, "image_details"): "azure-ml",
    (2, "filename"): "via",
    (2, "regions"): "via",
}
"""Depth and name of a part of a JSON file that only one format has."""

_EVENTS = 5_000
"""So much of a JSON file is looked at to tell its format."""


def read_labels(file: LabelFile, format_name: str = "auto") -> Iterator[Read]:
    """What a label file says, record by record, and what of it cannot be used.

    Args:
        file: The file.
        format_name: One of `READERS`, or `auto` to go by its content.

    Raises:
        LabelFileError: The file as a whole cannot be read, or its format is not known.
    """
    found = recognise(file) if format_name == "auto" else format_name
    if not found:
        raise LabelFileError(f"{file.path}: not a label format known here. Known are {', '.join(READERS)}; see docs/labels.md.")
    yield from READERS[found](file)


def is_companion(path: str) -> bool:
    """Whether a file says nothing itself but belongs to others: images, names of YOLO's classes, the MLTable beside JSON lines."""
    return path.lower().endswith(_IMAGES) or yolo.is_names_file(path) or path.rpartition("/")[2] == "MLTable"


def recognise(file: LabelFile) -> str:
    """The format by its content, or ""."""
    start = file.data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        return {"annotation": "voc", "annotations": "cvat"}.get(xml_root(file.data), "")
    if start[:1] in (b"{", b"["):
        return _recognise_json(file)
    name = file.path.lower()
    if name.endswith(".txt"):
        return "yolo" if yolo.looks_like(file.data) else ""
    if name.endswith((".csv", ".tsv")):
        header = start.split(b"\n", 1)[0].decode("utf-8", "replace").casefold()
        return "via-csv" if all(column in header for column in via.CSV_HEADER) else "csv"
    return ""


def _recognise_json(file: LabelFile) -> str:
    """By the names of its outermost parts, and of the parts of those."""
    depth = 0
    for kind, value in itertools.islice(json_events(file.data), _EVENTS):
        if depth == 0 and kind == "start_array":
            return "label-studio"
        depth += {"start_map": 1, "start_array": 1, "end_map": -1, "end_array": -1}.get(kind, 0)
        if kind == "map_key" and (found := _BY_KEY.get((depth, value)) or ("via" if value.startswith("_via_") else "")):
            return found
    return ""
