"""Decodes one image, once: upright, 8-bit, sRGB or grey, on a set colour where it was transparent.

Belongs here: the way from bytes to `Pixels`, and how much of a JPEG is worth decoding. Does not: limits on bytes (`fit`).

JPEGs go to libjpeg-turbo (`simplejpeg`) straight into our layout; everything else, and JPEGs that it finds fault with, to Pillow.
libjpeg-turbo can decode at k/8 of the size. That saves no Huffman decoding and, but for 4, 2 and 1, is not vectorised: 7/8 costs
half more time than 8/8. It is used only where a much smaller image is wanted anyway.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
import simplejpeg
from PIL import Image

from imaging_assets.policies import Resize
from imaging_assets.stages.images.facts import Facts
from imaging_assets.stages.images.looks import MEASURED
from imaging_assets.stages.images.pixels import Pixels, pixels_of
from imaging_assets.stages.images.profiles import in_srgb, pixels_in_srgb

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FINE = 2.0  # a decode at k/8 must leave so many times the wanted edge; with less, its aliasing is seen (1 to 2 dB)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pixels and how they were come by.

    Attributes:
        pixels: Upright; smaller than the image where that is enough.
        faulty: The strict decoder found fault with the file, the patient one did not.
    """

    pixels: Pixels
    faulty: bool = False


def decoded(data: bytes, picture: Image.Image, facts: Facts, limits: Resize, *, small: bool = False) -> Decoded:
    """Pixels of an opened image.

    Args:
        data: The landed bytes.
        picture: The same, opened.
        facts: Of it.
        limits: What the result will have to fit into.
        small: Nothing but looks will be made of it.
    """
    turn = _TURNS.get(facts.turn)
    plain = facts.kind == "JPEG" and facts.mode in ("RGB", "L")
    if plain:
        fast = _turbo(data, facts, eighths_for(facts, limits, small=small))
        if fast is not None:
            return Decoded(pixels_in_srgb(fast, facts.profile).turned(turn))
    return Decoded(_by_pillow(picture, facts, limits).turned(turn), faulty=plain)


def eighths_for(facts: Facts, limits: Resize, *, small: bool = False) -> int:
    """How many eighths of a JPEG's edges to decode: 8, or 4, 2 or 1 where much less than all pixels is wanted."""
    wanted = max(MEASURED, limits.thumbnail_edge) if small else _FINE * limits.max_edge
    return next((k for k in (1, 2, 4) if max(facts.width, facts.height) * k / 8 >= wanted), 8)


def _turbo(data: bytes, facts: Facts, eighths: int) -> Pixels | None:
    grey = facts.mode == "L"
    try:
        array = simplejpeg.decode_jpeg(
            data,
            colorspace="GRAY" if grey else "RGBX",
            fastupsample=eighths == 8,  # repeats colour samples: what 4:2:0 averages again when encoded, so that nothing is lost
            min_width=ceil(facts.width * eighths / 8),
            min_height=ceil(facts.height * eighths / 8),
        )
    except ValueError:
        return None  # Pillow is more patient, and its words are the ones that reasons are made of
    return Pixels(array[..., 0] if grey else array)


def _by_pillow(picture: Image.Image, facts: Facts, limits: Resize) -> Pixels:
    picture.load()
    plain = in_srgb(_eight_bit(picture), facts.profile)
    if plain.has_transparency_data:
        canvas = Image.new("RGBA", plain.size, limits.background)
        plain = Image.alpha_composite(canvas, plain.convert("RGBA")).convert("RGB")
    return pixels_of(plain)


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Deep grey modes scaled to 8 bits; Pillow's own conversion clips them to white."""
    if picture.mode not in ("I", "F") and not picture.mode.startswith("I;16"):
        return picture
    values = np.asarray(picture, dtype=np.float64)
    top = float(np.nanmax(values, initial=0.0))
    full = 1.0 if top <= 1.0 else 255.0 if top <= 255.0 else 65535.0 if top <= 65535.0 else top
    return Image.fromarray((np.clip(np.nan_to_num(values) / full, 0, 1) * 255).round().astype(np.uint8))
