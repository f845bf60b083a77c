"""Colour profiles: whether one is sRGB by another name, and pixels taken out of it.

Belongs here: everything that calls LittleCMS. Does not: where a profile is found (`facts`).
"""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from imaging_assets.stages.images.pixels import Pixels, pixels_of

_ERRORS = (ImageCms.PyCMSError, OSError, ValueError)
_MANAGED = ("RGB", "RGBX", "RGBA", "CMYK", "L")
_LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


@lru_cache(maxsize=64)
def is_srgb(profile: bytes) -> bool:
    """Whether a profile maps colours to themselves; files call sRGB by many names, and other things sRGB."""
    steps = np.linspace(0, 255, 6).round().astype(np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(6, 36, 3)
    try:
        seen = ImageCms.applyTransform(Image.fromarray(lattice), _transform(profile, "RGB", "RGB"))
    except _ERRORS:
        return False
    return seen is not None and int(np.abs(np.asarray(seen).astype(int) - lattice).max()) <= 3


def pixels_in_srgb(pixels: Pixels, profile: bytes) -> Pixels:
    """Pixels taken out of their profile."""
    return pixels_of(in_srgb(pixels.picture(), profile)) if profile else pixels


def in_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """A picture taken out of its profile; as it is where that cannot be done, which is no reason to lose it."""
    if picture.mode == "LAB":
        return ImageCms.applyTransform(picture, _transform(_LAB, "LAB", "RGB")) or picture
    if not profile:
        return picture
    if picture.mode == "P":
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    if picture.mode not in _MANAGED:
        return picture
    target = picture.mode if picture.mode in ("RGBA", "RGBX") else "RGB"
    try:
        return ImageCms.applyTransform(picture, _transform(profile, picture.mode, target)) or picture
    except _ERRORS:
        return picture


def _transform(profile: bytes, source: str, target: str) -> ImageCms.ImageCmsTransform:
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), source, target)
