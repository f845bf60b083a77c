"""Plays the story of the demo once for all tests of this folder: what has landed after each day, in memory."""

import functools
import io

from PIL import Image, ImageOps

from imaging_assets.demo.story import days


@functools.cache
def arrived() -> tuple[dict[str, bytes], ...]:
    """Per day the arrivals, path to bytes."""
    return tuple({file.path: file.data for file in day.arrivals} for day in days())


@functools.cache
def landed() -> dict[str, bytes]:
    """The landing place after the last day."""
    blobs: dict[str, bytes] = {}
    for day, arrivals in zip(days(), arrived(), strict=True):
        blobs.update(arrivals)
        for old, new in day.moves:
            blobs[new] = blobs.pop(old)
        for path in day.deletions:
            del blobs[path]
    return blobs


def decode(data: bytes) -> Image.Image | None:
    """The upright RGB picture (a big JPEG at a fraction of its size), or None for a file that is none."""
    try:
        image = Image.open(io.BytesIO(data))
        image.draft("RGB", (480, 480))
        return ImageOps.exif_transpose(image).convert("RGB")
    except OSError:
        return None
