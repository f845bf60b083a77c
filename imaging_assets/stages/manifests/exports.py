"""Which files a data set becomes in each format, and where its images go.

Belongs here: the order of folders and files that the users of a format expect, and what a format cannot say. Does not: how a file is
written (`formats`), copying images (`cli`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from imaging_assets.records.manifests import AnnotatedImage
from imaging_assets.stages.manifests.formats import azure_ml, coco, csv_file, folders, pascal_voc, yolo

File = tuple[str, str]
"""Relative path and text."""

_VOC_SETS = {"train": "train", "validation": "val", "test": "test"}


def image_places(format_name: str, image: AnnotatedImage) -> list[str]:
    """Relative paths of an image's copies."""
    if format_name == "folders":
        return folders.places(image)
    if format_name == "yolo":
        return ["/".join(("images", *_side(image), image.path))]
    return [f"{'JPEGImages' if format_name == 'voc' else 'images'}/{image.path}"]


def annotation_files(format_name: str, images: Sequence[AnnotatedImage], image_url: str = "") -> Iterator[File]:
    """The files that describe images.

    Args:
        format_name: One of `EXPORTS`.
        images: Those that the format can express; regions as fractions.
        image_url: What comes before an image's path in lines for Azure ML; by default the way to the folder `images` beside.
    """
    yield from EXPORTS[format_name](images, image_url)


def loss(format_name: str, image: AnnotatedImage) -> tuple[bool, str]:
    """Whether a format can hold an image at all, and what of it is lost, or "".

    Args:
        format_name: One of `EXPORTS`.
        image: What is said of it.
    """
    boxed = {region.tag for region in image.regions}
    if format_name in ("yolo", "voc"):
        if not boxed:
            return False, f"{format_name} knows boxes only, and it has none"
        if format_name == "voc" and not (image.width and image.height):
            return False, "voc needs the image's size, and nobody knows it"
        if plain := set(image.tags) - boxed:
            return True, f"{format_name} knows boxes only; tags without one are lost: {', '.join(sorted(plain))}"
    if format_name == "folders" and boxed:
        return True, "folders know tags only; its boxes are lost"
    return True, ""


def losses_together(format_name: str, images: Iterable[AnnotatedImage]) -> dict[str, str]:
    """Images (by path) of which Azure ML's lines lose something, because all lines must be of one kind: boxes, where any has one."""
    images = list(images)
    if format_name != "automl" or not any(image.regions for image in images):
        return {}
    told = {}
    for image in images:
        if plain := set(image.tags) - {region.tag for region in image.regions}:
            told[image.path] = f"lines with boxes know no other tags; lost: {', '.join(sorted(plain))}"
    return told


def _csv(images: Sequence[AnnotatedImage], image_url: str) -> Iterator[File]:
    del image_url
    yield "labels.csv", csv_file.write(images)


def _coco(images: Sequence[AnnotatedImage], image_url: str) -> Iterator[File]:
    del image_url
    for split, part in _by_split(images).items():
        yield f"annotations/{split or 'all'}.json", coco.write(part)


def _yolo(images: Sequence[AnnotatedImage], image_url: str) -> Iterator[File]:
    del image_url
    classes = sorted({region.tag for image in images for region in image.regions})
    yield "data.yaml", yolo.write_data(classes, (image.split for image in images))
    for image in images:
        yield "/".join(("labels", *_side(image), f"{_stem(image)}.txt")), yolo.write(image, classes)


def _voc(images: Sequence[AnnotatedImage], image_url: str) -> Iterator[File]:
    del image_url
    for image in images:
        yield f"Annotations/{_stem(image)}.xml", pascal_voc.write(image)
    for split, part in _by_split(images).items():
        yield f"ImageSets/Main/{_VOC_SETS.get(split, 'all')}.txt", "".join(f"{_stem(image)}\n" for image in part)


def _automl(images: Sequence[AnnotatedImage], image_url: str) -> Iterator[File]:
    boxes = any(image.regions for image in images)
    for split, part in _by_split(image for image in images if image.regions or not boxes).items():
        name = f"{split or 'all'}_annotations.jsonl"
        yield f"{split or 'all'}/{name}", azure_ml.write(part, image_url or "../images/", several=_several(images))
        yield f"{split or 'all'}/MLTable", azure_ml.ML_TABLE.format(file=name)


def _folders(images: Sequence[AnnotatedImage], image_url: str) -> Iterator[File]:
    """The images' places say it all."""
    del images, image_url
    yield from ()


EXPORTS: Mapping[str, Callable[[Sequence[AnnotatedImage], str], Iterator[File]]] = {
    "coco": _coco,
    "yolo": _yolo,
    "voc": _voc,
    "automl": _automl,
    "csv": _csv,
    "folders": _folders,
}
"""By the name that people give."""


def _by_split(images: Iterable[AnnotatedImage]) -> dict[str, list[AnnotatedImage]]:
    parts: dict[str, list[AnnotatedImage]] = defaultdict(list)
    for image in images:
        parts[image.split].append(image)
    return dict(sorted(parts.items()))


def _several(images: Iterable[AnnotatedImage]) -> bool:
    """Whether the data set is multi-label: then every line is, on every side of the split."""
    return any(len(image.tags) > 1 for image in images)


def _side(image: AnnotatedImage) -> tuple[str, ...]:
    return (image.split,) if image.split else ()


def _stem(image: AnnotatedImage) -> str:
    return str(PurePosixPath(image.path).with_suffix(""))
