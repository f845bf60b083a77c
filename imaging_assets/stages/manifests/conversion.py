"""One format into another: what label files say, newest per image, with boxes as fractions.

Belongs here: what must be decided without a store of images. Does not: reading files (`cli`), formats (`formats`).
"""

import io
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from PIL import Image, UnidentifiedImageError

from imaging_assets.records.manifests import AnnotatedImage
from imaging_assets.stages.manifests.regions import upright_regions

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True)
class ImageSize:
    """Upright size in pixels and EXIF orientation of an image file."""

    width: int
    height: int
    orientation: int = 1


def size_of(data: bytes) -> ImageSize | None:
    """Of an encoded image, by its header alone; None when it is none."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            orientation = int(picture.getexif().get(_ORIENTATION, 1))
            width, height = picture.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return ImageSize(height, width, orientation) if orientation in (5, 6, 7, 8) else ImageSize(width, height, orientation)


def convert(
    said: Iterable[AnnotatedImage], size: Callable[[str], ImageSize | None]
) -> tuple[list[AnnotatedImage], list[tuple[str, str]]]:
    """Records that any format can write, sorted by path, and (path, problem) pairs.

    Args:
        said: What label files say; of several records about one image the newest counts, then the last.
        size: Of an image by its path, where the image is at hand.
    """
    newest: dict[tuple[str, str], AnnotatedImage] = {}
    problems: list[tuple[str, str]] = []
    for image in said:
        key = (image.path, image.sha256 if not image.path else "")
        before = newest.get(key)
        if before is not None:
            problems.append((image.path, "described more than once; the newest record counts, then the last"))
        if before is None or (image.when or _EARLIEST) >= (before.when or _EARLIEST):
            newest[key] = image
    converted = []
    for image in newest.values():
        if fault := _bad_name(image.path):
            problems.append((image.path, fault))
            continue
        found, faults = _in_fractions(image, size(image.path))
        converted.append(found)
        problems += [(image.path, fault) for fault in faults]
    return sorted(converted, key=lambda image: image.path), problems


def _in_fractions(image: AnnotatedImage, known: ImageSize | None) -> tuple[AnnotatedImage, list[str]]:
    size = known or ImageSize(image.width or 0, image.height or 0)
    regions, faults = upright_regions(
        (asdict(region) for region in image.regions),
        in_pixels=image.in_pixels,
        stated=(image.width, image.height),
        image=asdict(size),
    )
    width, height = size.width or None, size.height or None
    return replace(image, regions=tuple(regions), in_pixels=False, width=width, height=height), faults


def _bad_name(path: str) -> str:
    if not path:
        return "named by its sha256 only; other formats need a file name"
    return "the name leads out of the folder" if path.startswith("/") or ".." in PurePosixPath(path).parts else ""
