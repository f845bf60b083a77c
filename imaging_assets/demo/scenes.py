"""Paints photo-like scenes of four classes with NumPy and Pillow.

Here: light, sky, terrain, water and what stands in them. Not here: the camera and the file (`pictures`), names and days
(`story`). Promise: the same generator state and size give the same pixels. Lengths are pixels of the canvas unless said;
`unit` is a hundredth of the canvas's height, so that a scene looks alike at every size.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Scene = Literal["city", "desert", "harbour", "meadow"]
Floats = NDArray[np.float32]
Colour = tuple[int, int, int]
Point = tuple[float, float]

BANK = 1024
"""Side of the tileable noise maps; a power of two, so that wrapping is a bit mask."""


@dataclass(frozen=True, slots=True)
class Light:
    """Colours of a time of day; `lamps` is the share of lit windows."""

    zenith: Colour
    horizon: Colour
    sun: Colour
    lamps: float


MORNING = Light((88, 142, 204), (252, 218, 188), (255, 226, 184), 0.1)
NOON = Light((38, 104, 190), (186, 217, 240), (255, 248, 228), 0.02)
GOLDEN = Light((74, 112, 178), (255, 190, 104), (255, 190, 96), 0.3)
DUSK = Light((38, 40, 96), (244, 132, 104), (255, 150, 96), 0.5)
OVERCAST = Light((132, 146, 162), (210, 214, 216), (222, 224, 226), 0.15)
NIGHT = Light((8, 12, 38), (58, 62, 112), (178, 190, 226), 0.55)


class View:
    """One scene being painted: canvas, generator, light, and where horizon and sun are."""

    def __init__(self, rng: np.random.Generator, width: int, height: int, lights: tuple[Light, ...], horizon: Point) -> None:
        self.rng = rng
        self.width, self.height, self.unit = width, height, height / 100
        self.light = lights[int(rng.integers(len(lights)))]
        self.horizon = int(height * rng.uniform(*horizon))
        self.sun = (float(width * rng.uniform(0.08, 0.92)), float(self.horizon * rng.uniform(0.2, 0.95)))
        self.brightness = 0.35 + 0.65 * min(1.0, sum(self.light.horizon) / 560)

    def between(self, low: float, high: float) -> float:
        """A random number."""
        return float(self.rng.uniform(low, high))

    def pick(self, choices: tuple[Colour, ...]) -> Colour:
        """One of the colours, a little off, as the light of the day shows it."""
        colour = np.array(choices[int(self.rng.integers(len(choices)))]) + self.rng.integers(-14, 15, 3)
        return self.lit(colour.tolist())

    def lit(self, colour: list[float] | Colour, strength: float = 1.0) -> Colour:
        """The colour under the light of the day."""
        tint = np.array(self.light.sun) / 255 * self.brightness * strength
        red, green, blue = np.clip(np.array(colour) * (0.4 * self.brightness + 0.6 * tint), 0, 255).astype(int).tolist()
        return red, green, blue


@functools.cache
def noise(seed: int, roughness: float) -> Floats:
    """Tileable fractal noise, `BANK` x `BANK`, mean 0, deviation 1; a smaller roughness is smoother."""
    spectrum = np.fft.rfft2(np.random.Generator(np.random.PCG64(seed)).standard_normal((BANK, BANK)))
    frequency = np.hypot(np.fft.fftfreq(BANK)[:, None], np.fft.rfftfreq(BANK)[None, :]) * BANK
    frequency[0, 0] = 1.0
    spectrum *= frequency ** (roughness - 3.0) * (frequency > 3)
    field = np.fft.irfft2(spectrum)
    return (field / field.std()).astype(np.float32)


@functools.cache
def relief(seed: int, roughness: float, ridged: bool) -> Floats:  # noqa: FBT001 - a cache key
    """Height and its slopes along x and z, `BANK` x `BANK` x 3; ridged heights have crests, as dunes and mountains do."""
    height = noise(seed, roughness)
    height = 1.2 - 2 * np.sqrt(height * height + 0.004) if ridged else height
    slope_z = np.roll(height, -1, 0) - np.roll(height, 1, 0)
    slope_x = np.roll(height, -1, 1) - np.roll(height, 1, 1)
    slopes = [slope / slope.std() for slope in (slope_x, slope_z)]
    return np.stack([height, *slopes], axis=2).astype(np.float32)


def _bilinear(bank: Floats, across: Floats, along: Floats) -> Floats:
    column, row = across.astype(np.int32), along.astype(np.int32)
    right, down = (across - column.astype(np.float32))[..., None], (along - row.astype(np.float32))[..., None]
    flat = bank.reshape(BANK * BANK, -1)

    def at(rows: NDArray[np.int32], columns: NDArray[np.int32]) -> Floats:
        return flat[(rows & BANK - 1) * BANK + (columns & BANK - 1)]

    upper, lower = at(row, column), at(row + 1, column)
    upper += (at(row, column + 1) - upper) * right
    lower += (at(row + 1, column + 1) - lower) * right
    return upper + (lower - upper) * down


def plane(view: View, rows: int, scale: float, roughness: float = 1.2) -> Floats:
    """Noise on an endless plane seen from the side, `rows` x width; row 0 is at the horizon."""
    depth = scale * view.height / (np.arange(rows) + 0.06 * view.height)
    across = (np.arange(view.width) - view.width / 2)[None, :] * depth[:, None] * (1.6 / view.unit)
    along, shift = depth[:, None] * 100, view.rng.integers(0, BANK, 2)
    bank = noise(5, roughness)
    return bank[(along.astype(np.int32) + shift[0]) & BANK - 1, (across.astype(np.int32) + shift[1]) & BANK - 1]


def sky(view: View, cover: float) -> Floats:
    """The canvas with a sky down to just below the horizon, height x width x 3 (0-255); `cover` 0-1 is the share of cloud."""
    zenith, horizon, sun = (np.array(c, dtype=np.float32) for c in (view.light.zenith, view.light.horizon, view.light.sun))
    canvas = np.empty((view.height, view.width, 3), dtype=np.float32)
    canvas[:] = horizon
    depth = min(view.height, view.horizon + int(12 * view.unit))
    row, column = np.arange(depth, dtype=np.float32)[:, None], np.arange(view.width, dtype=np.float32)[None, :]
    canvas[:depth] = (zenith + (horizon - zenith) * np.minimum(row / view.horizon, 1)[..., None] ** 1.3)
    clouds = plane(view, view.horizon, view.between(0.5, 1.1))[::-1] - (1.6 - 2.6 * cover)
    mask = np.clip(clouds * 0.8, 0, 0.9) * np.clip((view.horizon - row[: view.horizon]) / (9 * view.unit), 0, 1)
    shade = np.clip(1.04 - 0.07 * clouds, 0.82, 1)[..., None]
    upper = canvas[: view.horizon]
    upper += ((0.55 * sun + 0.3 * horizon + 0.15 * 255 * view.brightness) * shade - upper) * mask[..., None]
    distance = ((column - view.sun[0]) ** 2 + (row - view.sun[1]) ** 2) / view.unit**2
    disc = 0 if view.light is OVERCAST else np.clip((10 - distance) * 0.3, 0, 1)
    canvas[:depth] += (sun * 1.05 - canvas[:depth]) * np.minimum(0.55 / (1 + distance / 260) + disc, 1)[..., None]
    return canvas


class Terrain:
    """A rolling surface seen in perspective: painted onto a canvas, then asked where its ground is.

    Slices of the height map from near to far are projected; per column the nearest slice that reaches a pixel shows.
    """

    def __init__(self, view: View, bank: Floats, *, near: float, far: float, eye: float, rise: float, slices: int = 200) -> None:
        self.view, self.slices = view, slices
        self.depth = np.geomspace(near, far, slices).astype(np.float32)
        half = np.linspace(-0.8, 0.8, view.width, dtype=np.float32)
        shift = view.rng.uniform(0, BANK, 2)
        across = (half[None, :] + 1) * self.depth[:, None] + np.float32(shift[0])
        along = np.broadcast_to(self.depth[:, None] + np.float32(shift[1]), across.shape)
        self.height, self.slope_x, self.slope_z = np.moveaxis(_bilinear(bank, across, along), 2, 0)
        self.rows = view.horizon + (eye - rise * self.height) / self.depth[:, None] * view.height
        self.skyline = np.clip(np.minimum.accumulate(self.rows, axis=0), 0, view.height - 1).astype(np.int32)

    def paint(self, canvas: Floats, low: Colour, high: Colour, *, contrast: float, haze: float) -> None:
        """Covers the canvas: `low` to `high` by height, lit from the sun's side, fading into the horizon's colour."""
        side = 1.0 if self.view.sun[0] > self.view.width / 2 else -1.0
        lighting = np.clip(1 - contrast * (0.8 * side * self.slope_x + 0.45 * self.slope_z), 0.25, 1.55)[..., None]
        share = np.clip(self.height * 0.35 + 0.5, 0, 1)[..., None]
        dark, bright = (np.array(self.view.lit(c), dtype=np.float32) for c in (low, high))
        colours = (dark + (bright - dark) * share) * lighting
        far = (1 - (self.depth[0] / self.depth) ** haze)[:, None, None]
        colours += (np.array(self.view.light.horizon, dtype=np.float32) * 0.96 - colours) * far
        top, columns = int(self.skyline.min()), np.arange(self.view.width, dtype=np.int32)
        marks = np.full((self.view.height - top, self.view.width), self.slices, dtype=np.int32)
        marks[self.skyline[::-1] - top, columns] = np.arange(self.slices, dtype=np.int32)[::-1, None]
        seen = np.minimum.accumulate(marks, axis=0)
        painted = np.concatenate([colours, colours[-1:]]).reshape(-1, 3)[seen * self.view.width + columns]
        canvas[top:] = np.where((seen < self.slices)[..., None], painted, canvas[top:])

    def place(self, count: int, nearest: float, farthest: float) -> list[tuple[float, float, float]]:
        """`count` tries for a visible spot, far ones first: x, y and size of one unit there; arguments are shares 0-1."""
        slices = (self.view.rng.uniform(nearest, farthest, count) * (self.slices - 1)).astype(int)
        columns = self.view.rng.integers(0, self.view.width, count)
        spots = sorted(zip(slices.tolist(), columns.tolist(), strict=True), reverse=True)
        size = self.view.unit * self.depth[0] / self.depth
        return [
            (float(x), float(self.rows[k, x]), float(size[k])) for k, x in spots if self.rows[k, x] <= self.skyline[k, x] + 1
        ]


def picture(canvas: Floats) -> Image.Image:
    """The canvas as an RGB image."""
    return Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))


def mirror(view: View, image: Image.Image, waterline: int, tint: Colour, swell: float) -> Image.Image:
    """The image with everything below `waterline` replaced by its rippled reflection; `swell` 0-1 blurs it more."""
    pixels = np.asarray(image).astype(np.float32)
    rows = view.height - waterline
    waves = plane(view, rows, 0.55)
    reach = (np.arange(rows) / view.unit * 0.12 + 0.5)[:, None] * swell * view.unit
    source = waterline - 1 - np.arange(rows)[:, None] * 0.94 + waves * reach * 1.7
    across = np.arange(view.width)[None, :] + waves * reach * 0.8
    index = np.clip(source, 0, waterline - 1).astype(np.int32), np.clip(across, 0, view.width - 1).astype(np.int32)
    depth = np.linspace(0.25, 0.6, rows, dtype=np.float32)[:, None, None]
    water = pixels[index] * (1 - depth) + np.array(view.lit(tint), dtype=np.float32) * depth
    away = np.abs(np.arange(view.width) - view.sun[0])[None, :] / view.unit
    glitter = np.clip(waves - 0.7, 0, 1)[..., None] * (0.15 + 0.8 / (1 + (away / 7) ** 2))[..., None]
    pixels[waterline:] = water + (np.array(view.light.sun, dtype=np.float32) - water) * np.clip(glitter, 0, 0.9)
    return picture(pixels)


def meadow(view: View) -> Image.Image:
    """Hills of grass with trees and flowers."""
    canvas = sky(view, view.between(0.2, 0.75))
    if view.between(0, 1) < 0.6:
        peaks = Terrain(view, relief(8, 0.3, ridged=False), near=260, far=400, eye=10, rise=view.between(14, 34), slices=70)
        peaks.paint(canvas, (70, 84, 110), (190, 196, 214), contrast=0.3, haze=0.5)
    land = Terrain(view, relief(2, 0.2, ridged=False), near=34, far=300, eye=15, rise=view.between(3, 7))
    green = ((74, 112, 38), (96, 128, 44), (62, 110, 52), (132, 130, 54))[int(view.rng.integers(4))]
    land.paint(canvas, green, (green[0] + 70, green[1] + 66, green[2] + 26), contrast=0.14, haze=0.42)
    rows = view.height - view.horizon
    grain = 1 + 0.07 * plane(view, rows, 1.4, 2.3) * np.linspace(0.3, 1.3, rows)[:, None]
    canvas[view.horizon :] *= grain[..., None]
    image = picture(canvas)
    draw = ImageDraw.Draw(image)
    for x, y, size in land.place(int(view.between(4, 26)), 0.28, 0.8):
        tree(view, draw, x, y, size * view.between(14, 24))
    petals = view.pick(((232, 52, 40), (250, 214, 60), (246, 244, 250), (164, 96, 214), (240, 130, 180)))
    for x, y, size in land.place(int(view.between(150, 1100)), 0.0, 0.42):
        _flower(view, draw, (x, y), size, petals)
    return image


def _flower(view: View, draw: ImageDraw.ImageDraw, foot: Point, size: float, petals: Colour) -> None:
    (x, y), stem, radius = foot, size * view.between(2, 5), size * view.between(0.5, 1.0)
    lean = x + size * view.between(-1.2, 1.2)
    draw.line((x, y, lean, y - stem), fill=view.pick(((58, 104, 34), (110, 150, 60))), width=max(1, int(size * 0.3)))
    if radius > 0.35:
        draw.ellipse((lean - radius, y - stem - radius * 0.8, lean + radius, y - stem + radius * 0.8), fill=petals)


def tree(view: View, draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    """A broad-leaved tree, `size` high, with its shadow at its foot."""
    draw.ellipse((x - size * 0.45, y - size * 0.06, x + size * 0.45, y + size * 0.07), fill=view.lit((44, 66, 30), 0.7))
    draw.line((x, y, x, y - size * 0.4), fill=view.lit((70, 50, 36)), width=max(1, int(size * 0.07)))
    sunward = 0.1 if view.sun[0] > x else -0.1
    for shade, count, spread in ((0.55, 12, 1.0), (0.85, 10, 0.8), (1.15, 8, 0.55)):
        leaves = view.lit((62, 104, 44), shade)
        for _ in range(count):
            angle, reach, radius = view.between(0, 6.283), view.between(0, 0.27) * spread, size * view.between(0.07, 0.15)
            middle = x + size * (np.cos(angle) * reach * 1.1 + sunward * (shade - 0.55)), y - size * (0.62 + np.sin(angle) * reach)
            draw.ellipse(
                (middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius), fill=leaves
            )


def desert(view: View) -> Image.Image:
    """Dunes with crests and ripples, sometimes mesas behind them and cacti on them."""
    canvas = sky(view, view.between(0.0, 0.4))
    low, high = (((176, 104, 56), (246, 190, 120)), ((186, 132, 82), (250, 216, 160)), ((160, 78, 50), (236, 150, 96)))[
        int(view.rng.integers(3))
    ]
    if view.between(0, 1) < 0.5:
        mesas = Terrain(view, np.minimum(relief(9, 0.3, ridged=False), 0.5), near=260, far=420, eye=10, rise=view.between(14, 40), slices=70)
        mesas.paint(canvas, (130, 72, 56), (196, 120, 88), contrast=0.2, haze=0.5)
    dunes = Terrain(view, relief(3, -0.5, ridged=True), near=38, far=360, eye=view.between(20, 30), rise=view.between(8, 15))
    dunes.paint(canvas, low, high, contrast=0.3, haze=0.3)
    rows = view.height - view.horizon
    ripples = plane(view, rows, view.between(1.5, 3), 1.9) * np.linspace(0, 0.04, rows)[:, None]
    canvas[view.horizon :] *= 1 + ripples[..., None]
    image = picture(canvas)
    draw = ImageDraw.Draw(image)
    for x, y, size in dunes.place(int(view.between(-4, 14)) if view.between(0, 1) < 0.6 else 0, 0.05, 0.6):
        cactus(view, draw, x, y, size * view.between(9, 20))
    return image


def cactus(view: View, draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    """A saguaro with up to two arms and a lit side."""
    draw.ellipse((x - size * 0.1, y - size * 0.04, x + size * 0.6, y + size * 0.05), fill=view.lit((120, 76, 50), 0.8))
    for colour, shift, girth in ((view.lit((46, 72, 42)), 0.0, 0.15), (view.lit((104, 134, 74)), 0.03, 0.06)):
        width, left = max(1, int(size * girth)), x - size * shift
        draw.line((left, y, left, y - size), fill=colour, width=width)
        draw.circle((left, y - size), width / 2, fill=colour)
        for side, foot, top in ((-1, 0.45, 0.8), (1, 0.35, 0.68)):
            elbow = left + side * size * 0.25
            points = ((left, y - size * foot), (elbow, y - size * foot), (elbow, y - size * top))
            draw.line(points, fill=colour, width=max(1, int(width * 0.8)), joint="curve")
            draw.circle(points[2], width * 0.4, fill=colour)


def harbour(view: View) -> Image.Image:
    """Still water between hills, with boats."""
    canvas = sky(view, view.between(0.15, 0.8))
    hills = Terrain(view, relief(8, 0.2, ridged=False), near=200, far=330, eye=view.between(-6, 6), rise=view.between(10, 26), slices=70)
    hills.paint(canvas, *(((52, 72, 58), (112, 122, 92)), ((70, 80, 104), (150, 150, 160)))[int(view.rng.integers(2))], contrast=0.25, haze=0.7)
    image = picture(canvas)
    waterline = view.horizon + int(view.unit * view.between(3, 6))
    boats = sorted((view.between(0, 1) ** 1.5, view.between(0.05, 0.95)) for _ in range(int(view.between(2, 8))))
    image = mirror(view, image, waterline, (28, 84, 110), view.between(0.5, 1.3))
    for near, across in boats:
        sail(view, image, (view.width * across, waterline + near * 0.75 * (view.height - waterline)), view.unit * (6 + 34 * near))
    return image


def sail(view: View, image: Image.Image, foot: Point, size: float) -> None:
    """A boat with a mast, `size` high, over its own broken reflection; most have their sails up."""
    draw = ImageDraw.Draw(image, "RGBA")
    hull = view.pick(((238, 236, 230), (176, 40, 38), (30, 60, 110), (40, 44, 48), (214, 160, 60)))
    cloth = view.pick(((250, 248, 240), (250, 248, 240), (226, 120, 60), (120, 160, 200)))
    side, lean, sails = (1 if view.between(0, 1) < 0.5 else -1), view.between(-0.05, 0.05), view.between(0, 1) < 0.7
    shapes: list[tuple[Colour, tuple[Point, ...]]] = [
        (view.lit((70, 60, 54)), ((-0.012, 0.1), (0.012, 0.1), (0.008, 1), (-0.008, 1))),
        (hull, ((-0.34, 0.13), (0.4, 0.15), (0.3, 0), (-0.28, 0))),
        (view.lit((90, 70, 60)), ((-0.34, 0.13), (0.4, 0.15), (0.37, 0.11), (-0.33, 0.1))),
    ]
    rig = (((0.03, 0.97), (0.36, 0.2), (0.03, 0.2)), ((-0.03, 0.9), (-0.3, 0.22), (-0.03, 0.2)))
    cabin = ((-0.2, 0.13), (0.12, 0.14), (0.08, 0.26), (-0.16, 0.26))
    shapes += [(cloth, points) for points in rig] if sails else [(view.lit((240, 240, 236)), cabin)]
    for flip, alpha in ((-0.85, 120), (1.0, 255)):
        for colour, points in shapes:
            spots = [(foot[0] + side * size * (x + lean * y), foot[1] - flip * size * y) for x, y in points]
            draw.polygon(spots, fill=(*colour, alpha))
        if flip < 0:
            for _ in range(26):
                x, y, half = foot[0] + size * view.between(-0.4, 0.4), foot[1] + size * view.between(0.03, 0.85), size * 0.2
                draw.line((x - half, y, x + half, y), fill=(*view.lit((60, 110, 136)), 110), width=max(1, int(size * 0.014)))


def city(view: View) -> Image.Image:
    """Towers with windows, row before row, over a wet promenade."""
    image = picture(sky(view, view.between(0.1, 0.7)))
    lamps = Image.new("RGB", image.size)
    ground = view.horizon + int(view.unit * view.between(2, 8)) if view.between(0, 1) < 0.6 else int(view.height * 0.97)
    facades = ((150, 140, 134), (112, 122, 138), (176, 150, 124), (92, 96, 108), (150, 104, 88), (190, 188, 182))
    for row, (near, low, high) in enumerate(((0.25, 24, 62), (0.6, 18, 52), (1.0, 8, 40))):
        x = view.between(-12, 0) * view.unit
        while x < view.width:
            broad = view.unit * view.between(7, 15) * (0.6 + 0.5 * near)
            if view.between(0, 1) < 0.93 - 0.25 * row:
                colour = np.array(view.pick(facades)) * near + np.array(view.light.horizon) * 0.85 * (1 - near)
                top = ground - view.unit * view.between(low, high)
                tower(view, (image, lamps), (x, top, x + broad, float(ground)), (colour * (0.72 + 0.28 * (1 - near))).tolist())
            x += broad * view.between(0.95, 1.3)
    glow = lamps.reduce(4).filter(ImageFilter.GaussianBlur(view.unit * 0.35)).resize(image.size, Image.Resampling.BILINEAR)
    image = ImageChops.screen(image, ImageChops.add(lamps, glow))
    return mirror(view, image, ground, (52, 54, 60), view.between(0.6, 1.6))


def tower(view: View, layers: tuple[Image.Image, Image.Image], box: tuple[float, float, float, float], colour: list[float]) -> None:
    """A building with a shaded side, a roof and a grid of windows; lit windows also go to the layer of lamps."""
    image, lamps = (ImageDraw.Draw(layer) for layer in layers)
    left, top, right, bottom = box
    corner = right - (right - left) * view.between(0.12, 0.4)
    front, side, pane = (tuple(int(c * shade) for c in colour) for shade in (1.0, 0.62, 0.5))
    image.rectangle((left, top, corner, bottom), fill=front)
    image.polygon(((corner, top), (right, top + view.unit * 0.8), (right, bottom), (corner, bottom)), fill=side)
    lamps.rectangle((left, top, right, bottom), fill=(0, 0, 0))
    if view.between(0, 1) < 0.3:
        image.line(((left + corner) / 2, top, (left + corner) / 2, top - view.unit * view.between(3, 9)), fill=side, width=2)
    step_x, step_y = view.unit * view.between(1.3, 2.2), view.unit * view.between(1.7, 3.0)
    wide, tall = step_x * view.between(0.4, 0.85), step_y * view.between(0.35, 0.75)
    warm = view.light.lamps * view.between(0.4, 1.4)
    for x in np.arange(left + step_x * 0.4, corner - wide, step_x).tolist():
        for y in np.arange(top + step_y * 0.5, bottom - tall, step_y).tolist():
            window = (x, y, x + wide, y + tall)
            image.rectangle(window, fill=pane)
            if view.between(0, 1) < warm:
                lamps.rectangle(window, fill=(236, 176 + int(view.between(0, 50)), 90 + int(view.between(0, 70))))


_PAINTERS: dict[Scene, tuple[Callable[[View], Image.Image], tuple[Light, ...], Point]] = {
    "city": (city, (DUSK, DUSK, NIGHT, NIGHT, GOLDEN, MORNING, OVERCAST, NOON), (0.66, 0.8)),
    "desert": (desert, (NOON, NOON, GOLDEN, GOLDEN, MORNING, DUSK, NIGHT), (0.3, 0.55)),
    "harbour": (harbour, (MORNING, NOON, GOLDEN, DUSK, OVERCAST, NIGHT), (0.32, 0.55)),
    "meadow": (meadow, (MORNING, NOON, NOON, GOLDEN, OVERCAST, OVERCAST, DUSK), (0.3, 0.52)),
}


def paint(scene: Scene, rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """A scene of that class, RGB, `width` x `height`; the generator decides pose, colours and time of day."""
    painter, lights, horizon = _PAINTERS[scene]
    return painter(View(rng, width, height, lights, horizon))
