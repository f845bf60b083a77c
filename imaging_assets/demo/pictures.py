"""Photographs a scene and encodes it: time of day, lens, sensor, printed lot plate, EXIF, file formats, damage.

Belongs here: everything between a painted scene and the bytes of a file. Does not: what is painted (`scenes`) and which file lands
when (`story`). Promise: equal shots give equal bytes (of one Pillow version), so a copy is the same shot made again, and a
near duplicate is the same shot with another `quality`, `shrink` or `brightness`.
"""

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from PIL import ExifTags, Image, ImageChops, ImageDraw, ImageFont

from imaging_assets.demo.scenes import Light, Point, Scene, View, city, desert, harbour, meadow

SEED = 20260302
"""All randomness of the demo comes from this and the shot's own seed."""

_TILE = 1024
_BIG = 3000

_MORNING = Light((88, 142, 204), (252, 218, 188), (255, 226, 184), 0.1)
_NOON = Light((38, 104, 190), (186, 217, 240), (255, 248, 228), 0.02)
_GOLDEN = Light((74, 112, 178), (255, 190, 104), (255, 190, 96), 0.3)
_DUSK = Light((38, 40, 96), (244, 132, 104), (255, 150, 96), 0.5)
_OVERCAST = Light((132, 146, 162), (210, 214, 216), (222, 224, 226), 0.15, disc=False)
_NIGHT = Light((8, 12, 38), (58, 62, 112), (178, 190, 226), 0.55)

_OUTINGS: dict[Scene, tuple[Callable[[View], Image.Image], tuple[Light, ...], Point]] = {
    "city": (city, (_DUSK, _DUSK, _NIGHT, _NIGHT, _GOLDEN, _MORNING, _OVERCAST, _NOON), (0.66, 0.8)),
    "desert": (desert, (_NOON, _NOON, _GOLDEN, _GOLDEN, _MORNING, _DUSK, _NIGHT), (0.3, 0.55)),
    "harbour": (harbour, (_MORNING, _NOON, _GOLDEN, _DUSK, _OVERCAST, _NIGHT), (0.32, 0.55)),
    "meadow": (meadow, (_MORNING, _NOON, _NOON, _GOLDEN, _OVERCAST, _OVERCAST, _DUSK), (0.3, 0.52)),
}
"""Per scene: who paints it, in which lights it is taken (one of them), and how high the horizon lies (a range, 0 at the top)."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One photograph and how it was saved.

    Attributes:
        seed: Decides pose, colours and time of day.
        scene: What it shows.
        size: Width and height in pixels, upright.
        lot: Number printed on the plate, or None for no plate.
        format: File format; `transparent` is a PNG with an alpha channel, `gray` a JPEG of one channel.
        quality: Of JPEG and WebP, 1-100.
        shrink: Share of `size` that is saved.
        brightness: Gain applied before saving.
        sideways: Pixels are stored turned, EXIF orientation 6 says so.
        taken_at: EXIF DateTimeOriginal.
        place: EXIF GPS latitude and longitude in degrees, north and east positive.
    """

    seed: int
    scene: Scene
    size: tuple[int, int]
    lot: int | None = None
    format: Literal["jpeg", "gray", "png", "transparent", "webp"] = "jpeg"
    quality: int = 86
    shrink: float = 1.0
    brightness: float = 1.0
    sideways: bool = False
    taken_at: datetime | None = None
    place: tuple[float, float] | None = None


def photograph(shot: Shot) -> Image.Image:
    """The upright RGB picture of a shot, before it is saved."""
    rng = np.random.Generator(np.random.PCG64([SEED, shot.seed]))
    width, height = shot.size
    # Painting costs by the pixel; a lens is never sharper than this, and grain restores the bite.
    share = min(1.0, max(0.6, 408 / min(shot.size))) if max(shot.size) < _BIG else 0.28
    painter, lights, horizon = _OUTINGS[shot.scene]
    light = lights[int(rng.integers(len(lights)))]
    image = painter(View(rng, (int(width * share), int(height * share)), light, float(rng.uniform(*horizon))))
    image = ImageChops.multiply(image, _vignette().resize(image.size, Image.Resampling.BILINEAR))
    image = image.resize(shot.size, Image.Resampling.BICUBIC)
    if shot.format not in {"png", "transparent"}:
        image = ImageChops.add(image, _grain(shot.size, 9 if max(shot.size) > _BIG else 3, int(rng.integers(_TILE))), 1, -128)
    if shot.lot is not None:
        _print_plate(image, f"LOT {shot.lot:04d}", rng)
    return image


@functools.cache
def _vignette() -> Image.Image:
    line = (np.arange(96, dtype=np.float32) - 47.5) / 48
    fall = 255 * (1 - 0.16 * (line[:, None] ** 2 + line[None, :] ** 2))
    return Image.fromarray(fall.astype(np.uint8)).convert("RGB")


@functools.cache
def _noise_tile(strength: int) -> Image.Image:
    rng = np.random.Generator(np.random.PCG64([SEED, strength]))
    # The sum of dice is close enough to a bell and is the same integers everywhere.
    dice = rng.integers(-strength, strength + 1, (3, _TILE, _TILE, 3), dtype=np.int8).sum(axis=0, dtype=np.int16)
    return Image.fromarray((dice + 128).clip(0, 255).astype(np.uint8))


def _grain(size: tuple[int, int], strength: int, shift: int) -> Image.Image:
    """Sensor noise around 128, tiled over `size` from a shifted corner."""
    sheet, tile = Image.new("RGB", size), _noise_tile(strength)
    for top in range(-shift, size[1], _TILE):
        for left in range(-shift, size[0], _TILE):
            sheet.paste(tile, (left, top))
    return sheet


def _print_plate(image: Image.Image, text: str, rng: np.random.Generator) -> None:
    """Draws a white plate with dark letters near one of the lower corners."""
    unit = min(image.size) / 100
    font = ImageFont.load_default(size=6.5 * unit)
    draw = ImageDraw.Draw(image)
    box = draw.textbbox((0, 0), text, font=font)
    width, height = box[2] - box[0] + 5 * unit, box[3] - box[1] + 4 * unit
    left = float(rng.uniform(3, 6)) * unit
    left = image.width - width - left if rng.integers(2) else left
    top = image.height - height - float(rng.uniform(3, 8)) * unit
    frame = (left, top, left + width, top + height)
    draw.rounded_rectangle(frame, radius=1.2 * unit, fill=(246, 244, 236), outline=(40, 42, 48), width=max(1, int(0.5 * unit)))
    draw.text((left + 2.5 * unit - box[0], top + 2 * unit - box[1]), text, font=font, fill=(24, 26, 30))


def take(shot: Shot) -> bytes:
    """The bytes of the file."""
    image = photograph(shot)
    if shot.shrink != 1:
        image = image.resize((int(image.width * shot.shrink), int(image.height * shot.shrink)), Image.Resampling.LANCZOS)
    if shot.brightness != 1:
        image = image.point(lambda value: min(255, int(value * shot.brightness)))
    if shot.sideways:
        image = image.transpose(Image.Transpose.ROTATE_90)
    target = io.BytesIO()
    match shot.format:
        case "png":
            image.save(target, "PNG")
        case "transparent":
            image.putalpha(_oval(image.size))
            image.save(target, "PNG")
        case "webp":
            image.save(target, "WEBP", quality=shot.quality, method=2)
        case "gray":
            image.convert("L").save(target, "JPEG", quality=shot.quality, exif=_exif(shot))
        case "jpeg":
            image.save(target, "JPEG", quality=shot.quality, exif=_exif(shot))
    return target.getvalue()


def _oval(size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).ellipse((0, 0, size[0] - 1, size[1] - 1), fill=255)
    return mask


def _exif(shot: Shot) -> Image.Exif:
    exif = Image.Exif()
    if shot.sideways:
        exif[ExifTags.Base.Orientation] = 6
    if shot.taken_at:
        exif[ExifTags.Base.Make] = "Imaging Assets"
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = shot.taken_at.strftime("%Y:%m:%d %H:%M:%S")
    if shot.place:
        latitude, longitude = shot.place
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
        gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N" if latitude >= 0 else "S", _degrees(latitude)
        gps[ExifTags.GPS.GPSLongitudeRef], gps[ExifTags.GPS.GPSLongitude] = "E" if longitude >= 0 else "W", _degrees(longitude)
    return exif


def _degrees(angle: float) -> tuple[float, float, float]:
    minutes = abs(angle) * 60
    return float(minutes // 60), float(minutes // 1 % 60), round(minutes % 1 * 60, 2)


def take_truncated(shot: Shot) -> bytes:
    """The file as a camera leaves it whose battery died: the header and part of the pixels."""
    whole = take(shot)
    return whole[: len(whole) * 2 // 5]
