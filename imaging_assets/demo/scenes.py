"""Paints photo-like scenes of four classes with NumPy and Pillow.

Belongs here: sky, terrain, water and what stands in them, in a given light. Does not: the time of day, the camera and the file
(`pictures`), names and days (`story`). Promise: the same view gives the same pixels. Lengths are pixels of the canvas unless said;
a `unit` is a hundredth of the canvas's height, so that a scene looks alike at every size.
"""

import functools
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
    """Colours of a time of day; `lamps` is the share of lit windows, `disc` says whether the sun (or moon) itself is seen."""

    zenith: Colour
    horizon: Colour
    sun: Colour
    lamps: float
    disc: bool = True


class View:
    """One scene being painted: canvas, generator, light, and where horizon and sun are."""

    def __init__(self, rng: np.random.Generator, size: tuple[int, int], light: Light, horizon: float) -> None:
        self.rng, (self.width, self.height), self.light = rng, size, light
        self.unit, self.horizon = self.height / 100, int(self.height * horizon)
        self.sun = (float(self.width * rng.uniform(0.08, 0.92)), float(self.horizon * rng.uniform(0.2, 0.95)))
        self.brightness = 0.35 + 0.65 * min(1.0, sum(light.horizon) / 560)

    def between(self, low: float, high: float) -> float:
        """A random number."""
        return float(self.rng.uniform(low, high))

    def pick(self, *choices: Colour) -> Colour:
        """One of the colours, a little off, as the light of the day shows it."""
        red, green, blue = (int(c + self.rng.integers(-14, 15)) for c in choices[int(self.rng.integers(len(choices)))])
        return self.lit((red, green, blue))

    def lit(self, colour: Colour, strength: float = 1.0) -> Colour:
        """The colour under the light of the day."""
        pairs = zip(colour, self.light.sun, strict=True)
        red, green, blue = (int(max(0, min(255, c * self.brightness * (0.4 + 0.6 * s / 255 * strength)))) for c, s in pairs)
        return red, green, blue


@functools.cache
def noise(seed: int, roughness: float) -> Floats:
    """Tileable fractal noise, `BANK` x `BANK`, mean 0, deviation 1; a smaller roughness is smoother."""
    spectrum = np.fft.rfft2(np.random.Generator(np.random.PCG64(seed)).standard_normal((BANK, BANK)))
    frequency = np.hypot(np.fft.fftfreq(BANK)[:, None], np.fft.rfftfreq(BANK)[None, :]) * BANK
    frequency[0, 0] = 1.0
    field = np.fft.irfft2(spectrum * frequency ** (roughness - 3.0) * (frequency > 3))
    return np.asarray(field / field.std(), dtype=np.float32)


def _bilinear(bank: Floats, across: Floats, along: Floats) -> Floats:
    column, row, flat = across.astype(np.int32), along.astype(np.int32), bank.ravel()
    right, down = across - column.astype(np.float32), along - row.astype(np.float32)
    left_of, right_of = column & BANK - 1, column + 1 & BANK - 1
    above, below = (row & BANK - 1) * BANK, (row + 1 & BANK - 1) * BANK
    upper = flat[above + left_of] * (1 - right) + flat[above + right_of] * right
    lower = flat[below + left_of] * (1 - right) + flat[below + right_of] * right
    return np.asarray(upper + (lower - upper) * down, dtype=np.float32)


def plane(view: View, rows: int, scale: float, roughness: float = 1.2) -> Floats:
    """Noise on an endless plane seen from the side, `rows` x width; row 0 is at the horizon."""
    depth = scale * view.height / (np.arange(rows, dtype=np.float32)[:, None] + np.float32(0.06 * view.height))
    across = (np.arange(view.width, dtype=np.float32) - view.width / 2) * depth * np.float32(1.6 / view.unit)
    left, ahead = view.rng.uniform(0, BANK, 2).astype(np.float32)
    # Some turns of the map to the right, because `_bilinear` rounds towards zero.
    return _bilinear(noise(5, roughness), across + (left + 16 * BANK), np.broadcast_to(depth * 100 + ahead, across.shape))


def sky(view: View, cover: float) -> Floats:
    """The canvas with a sky down to just below the horizon, height x width x 3 (0-255); `cover` 0-1 is the share of cloud."""
    zenith, horizon, sun = (np.array(c, dtype=np.float32) for c in (view.light.zenith, view.light.horizon, view.light.sun))
    canvas = np.tile(horizon, (view.height, view.width, 1))
    part = canvas[: view.horizon + int(12 * view.unit)]
    row, column = np.arange(len(part), dtype=np.float32)[:, None], np.arange(view.width, dtype=np.float32)[None, :]
    part[:] = zenith + (horizon - zenith) * np.minimum(row / view.horizon, 1)[..., None] ** 1.3
    clouds = plane(view, view.horizon, view.between(0.5, 1.1))[::-1] - (1.6 - 2.6 * cover)
    mask = np.clip(clouds * 0.8, 0, 0.9) * np.clip((view.horizon - row[: view.horizon]) / (9 * view.unit), 0, 1)
    shade = np.clip(1.04 - 0.07 * clouds, 0.82, 1)[..., None]
    upper = canvas[: view.horizon]
    upper += ((0.55 * sun + 0.3 * horizon + 38 * view.brightness) * shade - upper) * mask[..., None]
    distance = ((column - view.sun[0]) ** 2 + (row - view.sun[1]) ** 2) / view.unit**2
    disc = np.clip((10 - distance) * 0.3, 0, 1) * view.light.disc
    part += (sun * 1.05 - part) * np.minimum(0.55 / (1 + distance / 260) + disc, 1)[..., None]
    return canvas


class Terrain:
    """A rolling surface in perspective: slices of a height map; per column the nearest slice that reaches a pixel shows."""

    def __init__(self, view: View, bank: Floats, *, near: float, far: float, eye: float, rise: float, slices: int = 200) -> None:
        self.view, self.slices = view, slices
        self.depth = np.geomspace(near, far, slices).astype(np.float32)
        left, ahead = view.rng.uniform(0, BANK, 2).astype(np.float32)
        across = np.linspace(0.2, 1.8, view.width, dtype=np.float32)[None, :] * self.depth[:, None] + left
        self.height = _bilinear(bank, across, np.broadcast_to(self.depth[:, None] + ahead, across.shape))
        self.rows = view.horizon + (eye - rise * self.height) / self.depth[:, None] * view.height
        self.skyline = np.clip(np.minimum.accumulate(self.rows, axis=0), 0, view.height - 1).astype(np.int32)

    def paint(self, canvas: Floats, low: Colour, high: Colour, *, contrast: float, haze: float) -> None:
        """Covers the canvas: `low` to `high` by height, lit from the sun's side, fading into the horizon's colour."""
        side = 0.8 if self.view.sun[0] > self.view.width / 2 else -0.8
        slope = side * np.gradient(self.height, axis=1) * (self.view.width / 1.6 / self.depth)[:, None]
        slope += 0.45 * np.gradient(self.height, self.depth, axis=0)
        lighting = np.clip(1 - contrast * slope / slope.std(), 0.25, 1.55)[..., None]
        shades = self.view.lit(low), self.view.lit(high), self.view.light.horizon
        dark, bright, away = (np.array(shade, dtype=np.float32) for shade in shades)
        colours = (dark + (bright - dark) * np.clip(self.height * 0.35 + 0.5, 0, 1)[..., None]) * lighting
        colours += (away * 0.96 - colours) * (1 - (self.depth[0] / self.depth) ** haze)[:, None, None]
        top, columns = int(self.skyline.min()), np.arange(self.view.width, dtype=np.int32)
        marks = np.full((self.view.height - top, self.view.width), self.slices, dtype=np.int32)
        marks[self.skyline[::-1] - top, columns] = np.arange(self.slices, dtype=np.int32)[::-1, None]
        seen = np.minimum.accumulate(marks, axis=0)
        painted = np.concatenate([colours, colours[-1:]]).reshape(-1, 3).astype(np.float32)[seen * self.view.width + columns]
        canvas[top:] = np.where((seen < self.slices)[..., None], painted, canvas[top:])

    def place(self, count: int, nearest: float, farthest: float) -> list[tuple[float, float, float]]:
        """`count` tries for a visible spot, far ones first: x, y and the unit's size there; the other arguments are shares."""
        slices = (self.view.rng.uniform(nearest, farthest, count) * (self.slices - 1)).astype(int)
        columns = self.view.rng.integers(0, self.view.width, count)
        spots = sorted(zip(slices.tolist(), columns.tolist(), strict=True), reverse=True)
        size = self.view.unit * self.depth[0] / self.depth
        return [(float(x), float(self.rows[k, x]), float(size[k])) for k, x in spots if self.rows[k, x] <= self.skyline[k, x] + 1]


def picture(canvas: Floats) -> Image.Image:
    """The canvas as an RGB image."""
    return Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))


def mirror(view: View, image: Image.Image, waterline: int, tint: Colour, swell: float) -> Image.Image:
    """The image with everything below `waterline` replaced by its reflection; `swell` 0-1 breaks it up."""
    pixels, rows = np.asarray(image).astype(np.float32), view.height - waterline
    waves, row = plane(view, rows, 0.55), np.arange(rows)[:, None]
    reach = waves * (row * 0.12 + 0.5 * view.unit) * swell
    down = np.clip(waterline - 1 - row * 0.94 + reach * 1.7, 0, waterline - 1).astype(np.int32)
    across = np.clip(np.arange(view.width) + reach * 0.8, 0, view.width - 1).astype(np.int32)
    depth = np.linspace(0.25, 0.6, rows, dtype=np.float32)[:, None, None]
    water = pixels[down, across] * (1 - depth) + np.array(view.lit(tint), dtype=np.float32) * depth
    glitter = np.clip(waves - 0.7, 0, 1) * (0.15 + 0.8 / (1 + ((np.arange(view.width) - view.sun[0]) / (7 * view.unit)) ** 2))
    pixels[waterline:] = water + (np.array(view.light.sun) - water) * np.clip(glitter, 0, 0.9)[..., None]
    return picture(pixels)


def meadow(view: View) -> Image.Image:
    """Hills of grass with trees and flowers, sometimes mountains."""
    canvas = sky(view, view.between(0.2, 0.75))
    if view.between(0, 1) < 0.6:
        peaks = Terrain(view, noise(8, 0.3), near=260, far=400, eye=10, rise=view.between(14, 34), slices=70)
        peaks.paint(canvas, (70, 84, 110), (190, 196, 214), contrast=0.3, haze=0.5)
    land = Terrain(view, noise(2, 0.2), near=34, far=300, eye=15, rise=view.between(3, 7))
    red, green, blue = ((74, 112, 38), (96, 128, 44), (62, 110, 52), (132, 130, 54))[int(view.rng.integers(4))]
    land.paint(canvas, (red, green, blue), (red + 70, green + 66, blue + 26), contrast=0.14, haze=0.42)
    rows = view.height - view.horizon
    canvas[view.horizon :] *= 1 + (0.07 * plane(view, rows, 1.4, 2.3) * np.linspace(0.3, 1.3, rows)[:, None])[..., None]
    draw = ImageDraw.Draw(image := picture(canvas))
    for x, y, size in land.place(int(view.between(4, 26)), 0.28, 0.8):
        tree(view, draw, x, y, size * view.between(14, 24))
    petals = view.pick((232, 52, 40), (250, 214, 60), (246, 244, 250), (164, 96, 214), (240, 130, 180))
    stalk = view.lit((70, 116, 40))
    for x, y, size in land.place(int(view.between(150, 1000)), 0.0, 0.42):
        stem, radius, lean = size * view.between(2, 5), size * view.between(0.5, 1.0), x + size * view.between(-1.2, 1.2)
        draw.line((x, y, lean, y - stem), fill=stalk, width=max(1, int(size * 0.3)))
        draw.ellipse((lean - radius, y - stem - radius * 0.8, lean + radius, y - stem + radius * 0.8), fill=petals)
    return image


def tree(view: View, draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    """A broad-leaved tree, `size` high, lit from the sun's side, with its shadow at its foot."""
    draw.ellipse((x - size * 0.45, y - size * 0.06, x + size * 0.45, y + size * 0.07), fill=view.lit((44, 66, 30), 0.7))
    draw.line((x, y, x, y - size * 0.4), fill=view.lit((70, 50, 36)), width=max(1, int(size * 0.07)))
    sunward = 0.1 if view.sun[0] > x else -0.1
    for shade, spread in ((0.5, 0.27), (0.85, 0.22), (1.2, 0.15)):
        for turn, reach, radius in view.rng.uniform((0, 0, 0.07), (6.283, spread, 0.15), (10, 3)).tolist():
            middle = x + size * (np.cos(turn) * reach * 1.1 + sunward * (shade - 0.5)), y - size * (0.62 + np.sin(turn) * reach)
            draw.circle(middle, size * radius, fill=view.lit((62, 104, 44), shade))


def desert(view: View) -> Image.Image:
    """Dunes with crests, sometimes mesas behind them and cacti on them."""
    canvas = sky(view, view.between(0.0, 0.4))
    sands = (((176, 104, 56), (246, 190, 120)), ((190, 132, 78), (252, 216, 156)), ((160, 78, 50), (236, 150, 96)))
    if view.between(0, 1) < 0.5:
        mesas = Terrain(view, np.minimum(noise(9, 0.3), 0.5), near=260, far=420, eye=10, rise=view.between(14, 40), slices=70)
        mesas.paint(canvas, (130, 72, 56), (196, 120, 88), contrast=0.2, haze=0.5)
    crests = 1.2 - 2 * np.sqrt(noise(3, -0.5) ** 2 + 0.004)
    dunes = Terrain(view, crests, near=38, far=300, eye=view.between(20, 30), rise=view.between(8, 15))
    dunes.paint(canvas, *sands[int(view.rng.integers(3))], contrast=0.3, haze=0.18)
    rows = view.height - view.horizon
    canvas[view.horizon :] *= 1 + (plane(view, rows, view.between(1.5, 3), 1.9) * np.linspace(0, 0.04, rows)[:, None])[..., None]
    draw = ImageDraw.Draw(image := picture(canvas))
    for x, y, size in dunes.place(max(0, int(view.between(-5, 14))), 0.05, 0.6):
        cactus(view, draw, x, y, size * view.between(9, 20))
    return image


def cactus(view: View, draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    """A saguaro with two arms and a lit side, `size` high."""
    draw.ellipse((x - size * 0.1, y - size * 0.04, x + size * 0.6, y + size * 0.05), fill=view.lit((120, 76, 50), 0.8))
    for colour, shift, girth in ((view.lit((46, 72, 42)), 0.0, 0.15), (view.lit((104, 134, 74)), 0.03, 0.06)):
        stem, width = x - size * shift, max(1, int(size * girth))
        limbs = [((stem, y), (stem, y - size))]
        for reach, foot, top in ((-0.25, 0.45, 0.8), (0.25, 0.35, 0.68)):
            elbow = (stem + size * reach, y - size * foot)
            limbs += [((stem, elbow[1]), elbow), (elbow, (elbow[0], y - size * top))]
        for start, end in limbs:
            draw.line((start, end), fill=colour, width=width)
            draw.circle(end, width / 2, fill=colour)


def harbour(view: View) -> Image.Image:
    """Still water between hills, with boats."""
    canvas = sky(view, view.between(0.15, 0.8))
    slopes = (((52, 72, 58), (112, 122, 92)), ((70, 80, 104), (150, 150, 160)))
    hills = Terrain(view, noise(8, 0.2), near=200, far=330, eye=view.between(-6, 6), rise=view.between(10, 26), slices=70)
    hills.paint(canvas, *slopes[int(view.rng.integers(2))], contrast=0.25, haze=0.7)
    waterline = view.horizon + int(view.unit * view.between(3, 6))
    image = mirror(view, picture(canvas), waterline, (28, 84, 110), view.between(0.5, 1.3))
    for near in sorted(view.between(0, 1) ** 1.5 for _ in range(int(view.between(2, 8)))):
        foot = (view.width * view.between(0.05, 0.95), waterline + near * 0.75 * (view.height - waterline))
        sail(view, ImageDraw.Draw(image, "RGBA"), foot, view.unit * (6 + 34 * near))
    return image


def sail(view: View, draw: ImageDraw.ImageDraw, foot: Point, size: float) -> None:
    """A boat, `size` high, over its own broken reflection; most have their sails up."""
    hull = view.pick((238, 236, 230), (176, 40, 38), (30, 60, 110), (40, 44, 48), (214, 160, 60))
    cloth = view.pick((250, 248, 240), (250, 248, 240), (226, 120, 60), (120, 160, 200))
    side, lean = (1 if view.between(0, 1) < 0.5 else -1), view.between(-0.05, 0.05)
    shapes: list[tuple[Colour, tuple[Point, ...]]] = [
        (view.lit((70, 60, 54)), ((-0.012, 0.1), (0.012, 0.1), (0.008, 1), (-0.008, 1))),
        (hull, ((-0.34, 0.13), (0.4, 0.15), (0.3, 0), (-0.28, 0))),
    ]
    if view.between(0, 1) < 0.7:
        shapes += [(cloth, ((0.03, 0.97), (0.36, 0.2), (0.03, 0.2))), (cloth, ((-0.03, 0.9), (-0.3, 0.22), (-0.03, 0.2)))]
    for flip, alpha in ((-0.85, 120), (1.0, 255)):
        for colour, points in shapes:
            spots = [(foot[0] + side * size * (x + lean * y), foot[1] - flip * size * y) for x, y in points]
            draw.polygon(spots, fill=(*colour, alpha))
        wave, thick = (*view.lit((60, 110, 136)), 110), max(1, int(size * 0.014))
        for across, down in view.rng.uniform((-0.4, 0.03), (0.4, 0.85), (26 if flip < 0 else 0, 2)).tolist():
            left, y = foot[0] + size * (across - 0.2), foot[1] + size * down
            draw.line((left, y, left + size * 0.4, y), fill=wave, width=thick)


def city(view: View) -> Image.Image:
    """Towers with windows, row before row, most of them by the water."""
    image = picture(sky(view, view.between(0.1, 0.7)))
    lamps = Image.new("RGB", image.size)
    ground = view.horizon + int(view.unit * view.between(2, 8)) if view.between(0, 1) < 0.6 else int(view.height * 0.97)
    for near, share, low, high in ((0.25, 0.95, 24, 62), (0.6, 0.7, 18, 52), (1.0, 0.45, 8, 40)):
        x = view.between(-12, 0) * view.unit
        while x < view.width:
            broad = view.unit * view.between(7, 15) * (0.6 + 0.5 * near)
            if view.between(0, 1) < share:
                top = ground - view.unit * view.between(low, high)
                tower(view, (image, lamps), (x, top, x + broad, float(ground)), near)
            x += broad * view.between(0.95, 1.3)
    glow = lamps.reduce(4).filter(ImageFilter.GaussianBlur(view.unit * 0.35)).resize(image.size, Image.Resampling.BILINEAR)
    return mirror(view, ImageChops.screen(image, ImageChops.add(lamps, glow)), ground, (52, 54, 60), view.between(0.6, 1.6))


def tower(view: View, layers: tuple[Image.Image, Image.Image], box: tuple[float, float, float, float], near: float) -> None:
    """A building with a shaded side and a grid of windows; the lit ones go to the second layer, of lamps."""
    (image, lamps), (left, top, right, bottom) = map(ImageDraw.Draw, layers), box
    corner = right - (right - left) * view.between(0.12, 0.4)
    wall = view.pick((150, 140, 134), (112, 122, 138), (176, 150, 124), (92, 96, 108), (150, 104, 88), (190, 188, 182))
    colour = [(c * near + away * 0.8 * (1 - near)) * (1 - 0.25 * near) for c, away in zip(wall, view.light.horizon, strict=True)]
    front, side, pane = (tuple(int(c * shade) for c in colour) for shade in (1.0, 0.62, 0.5))
    lamps.rectangle(box, fill=(0, 0, 0))
    image.rectangle((left, top, corner, bottom), fill=front)
    image.polygon(((corner, top), (right, top + view.unit * 0.8), (right, bottom), (corner, bottom)), fill=side)
    step_x, step_y = view.unit * view.between(1.3, 2.2), view.unit * view.between(1.7, 3.0)
    wide, tall = step_x * view.between(0.4, 0.85), step_y * view.between(0.35, 0.75)
    warm = view.light.lamps * view.between(0.4, 1.4)
    for x in np.arange(left + step_x * 0.4, corner - wide, step_x).tolist():
        for y in np.arange(top + step_y * 0.5, bottom - tall, step_y).tolist():
            image.rectangle((x, y, x + wide, y + tall), fill=pane)
            if view.between(0, 1) < warm:
                lamps.rectangle((x, y, x + wide, y + tall), fill=(236, int(view.between(176, 226)), int(view.between(90, 160))))
