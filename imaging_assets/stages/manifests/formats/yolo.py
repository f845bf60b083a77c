"""YOLO: a text file per image, `class x y width height` with the box's centre in fractions; outlines are read as their boxes.

The classes' names stand in a file beside: `classes.txt`, `obj.names`, or `names:` of `data.yaml`. The image is the one whose path
goes like the text file's below `labels/` (a folder `train`, `val` or `test` is the side of the split), or else has its name.

Belongs here: reading and writing these files. Does not: finding the file of names in a store (the caller, by `is_names_file`).
Source: https://docs.ultralytics.com/datasets/detect/
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

import yaml

from imaging_assets.errors import LabelFileError
from imaging_assets.records.manifests import AnnotatedImage, RejectedLine
from imaging_assets.stages.manifests.formats.draft import ImageDraft, Read, number_of
from imaging_assets.stages.manifests.formats.label_file import LabelFile
from imaging_assets.stages.manifests.formats.streams import decoded

_NAMES_FILES = ("classes.txt", "obj.names", "data.yaml", "data.yml", "dataset.yaml")
_SPLITS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
_LINE = re.compile(r"\s*\d+(?:\s+[-+.\deE]+){4,}\s*")


def is_names_file(path: str) -> bool:
    """Whether a file of that name lists classes."""
    return path.rpartition("/")[2].lower() in _NAMES_FILES


def read_names(file: str, data: bytes) -> tuple[str, ...]:
    """Names by class number.

    Raises:
        LabelFileError: The file lists none.
    """
    text = decoded(file, data)
    if not file.lower().endswith((".yaml", ".yml")):
        return tuple(line.strip() for line in text.splitlines() if line.strip())
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise LabelFileError(f"{file} is not YAML. Mend it, or name the classes in a classes.txt.") from error
    names = found.get("names") if isinstance(found, dict) else None
    if isinstance(names, dict) and all(isinstance(number, int) and number >= 0 for number in names):
        return tuple(str(names.get(number, "")) for number in range(max(names, default=-1) + 1))
    if isinstance(names, list):
        return tuple(str(name) for name in names)
    raise LabelFileError(f"{file} lists no names. Give `names:`, the classes in the order of their numbers.")


def looks_like(data: bytes) -> bool:
    """Whether the first line is one of YOLO; an empty file is an image without anything on it."""
    lines = data[:4096].decode("utf-8-sig", "replace").split("\n")
    first = next((line for line in lines if line.strip()), "0 0 0 1 1")
    return _LINE.fullmatch(first) is not None


def read(file: LabelFile) -> Iterator[Read]:
    """What is said of the image.

    Raises:
        LabelFileError: Not text, or no names of classes were found.
    """
    if not file.classes:
        raise LabelFileError(f"{file.path} names classes by number. Put a classes.txt, obj.names or data.yaml beside it.")
    path, split = _image(file.path)
    draft = ImageDraft(1, path, split=split)
    for number, line in enumerate(decoded(file.path, file.data).splitlines(), 1):
        if line.strip():
            draft.line = number
            _read_line(draft, line.split(), file.classes)
    draft.line = 1
    for item in draft.finish(path):
        yield RejectedLine(1, path, "nothing is marked on this image") if _is_empty(item) else item


def write(image: AnnotatedImage, classes: Sequence[str]) -> str:
    """The image's file; regions must be fractions."""
    numbers = {name: number for number, name in enumerate(classes)}
    lines = []
    for region in image.regions:
        centre = (region.left + region.width / 2, region.top + region.height / 2)
        told = " ".join(f"{value:.9g}" for value in (*centre, region.width, region.height))
        lines.append(f"{numbers[region.tag]} {told}\n")
    return "".join(lines)


def write_data(classes: Sequence[str], splits: Iterable[str]) -> str:
    """`data.yaml` for the sides there are."""
    names, found = {"train": "train", "validation": "val", "test": "test"}, set(splits)
    # Ultralytics wants both; without a validation side the test side stands in.
    there = [split for split in names if split in found]
    value: dict[str, object] = {"path": ".", **{names[split]: f"images/{split}" for split in there}}
    value.setdefault("train", "images")
    value.setdefault("val", value.get("test", value["train"]))
    return str(yaml.safe_dump({**value, "names": dict(enumerate(classes))}, allow_unicode=True, sort_keys=False))


def _is_empty(item: Read) -> bool:
    return isinstance(item, RejectedLine) and item.reason == "no tag"


def _read_line(draft: ImageDraft, words: Sequence[str], classes: Sequence[str]) -> None:
    number = int(words[0]) if words[0].isdecimal() else -1
    if not 0 <= number < len(classes) or not classes[number]:
        draft.refuse(" ".join(words), f"there is no class {words[0]}")
        return
    values = [number_of(word) for word in words[1:]]
    if None in values or (len(values) not in (4, 5) and (len(values) < 6 or len(values) % 2)):
        draft.refuse(" ".join(words), "a line is a class and a box of four numbers, or an outline")
        return
    numbers = [value for value in values if value is not None]
    if len(numbers) > 5:
        draft.outline(classes[number], numbers[::2], numbers[1::2])
    else:
        x, y, width, height = numbers[:4]  # the fifth is a probability
        draft.box(classes[number], x - width / 2, y - height / 2, width, height)


def _image(file: str) -> tuple[str, str]:
    """The image's name without extension and its side of the split."""
    parts = PurePosixPath(file).with_suffix("").parts
    below = parts[len(parts) - parts[::-1].index("labels") :] if "labels" in parts[:-1] else parts[-1:]
    if len(below) > 1 and below[0].lower() in _SPLITS:
        return "/".join(below[1:]), _SPLITS[below[0].lower()]
    return "/".join(below[-1:] if len(below) == len(parts) else below), ""
