"""Photograph-like images from a fixed seed, for the benchmarks.

Belongs here: pixels and JPEG bytes that compress as a camera's do. Does not: any figure (`resize`, `memory`).

A picture is the sum of what makes photographs costly to compress, each kept where a camera would have it: a 1/f colour field
(made small and enlarged), a sky-like gradient, hard-edged shapes, fine texture (one 1/f tile, shown through a slowly varying
mask at a new offset per block) and sensor noise that grows with the square root of the light. One takes 2 to 4 s to make.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image, ImageDraw, ImageFilter

Pixels = npt.NDArray[np.uint8]
_Field = npt.NDArray[np.float32]
_TILE = 1024
_SHAPES = ((4, 3), (3, 2), (3, 4), (16, 9))


@dataclass(frozen=True, slots=True)
class Photo:
    """One picture of the set: pixels are drawn again when asked for, because 40 of them would not fit into memory."""

    seed: int
    megapixels: float
    noise: float
    subsampling: str
    target: int

    def pixels(self) -> Pixels:
        """uint8 [height, width, 3], never compressed."""
        return _draw(self)

    def jpeg(self) -> bytes:
        """JPEG of quality 90 to 97, as near to `target` bytes as that allows."""
        pixels, best = self.pixels(), b""
        for quality in (97, 96, 95, 94, 93, 92, 91, 90):
            data: bytes = simplejpeg.encode_jpeg(pixels, quality=quality, colorsubsampling=self.subsampling)
            best = data
            if len(data) <= self.target:
                break
        return best


def photo_set(count: int, seed: int = 0) -> list[Photo]:
    """`count` pictures of 12 to 24 MP whose files have about 4 to 14 MB."""
    random = np.random.default_rng(seed)
    photos = []
    for number in range(count):
        megapixels = float(random.uniform(12, 24))
        target = int(random.uniform(4.2e6, min(14.0e6, megapixels * 0.72e6)))
        noise = float(random.uniform(0.6, 1.4) * (target / 1e6 / megapixels) * 10)
        subsampling = str(random.choice(["420", "420", "422", "444"]))
        photos.append(Photo(seed * 1000 + number, megapixels, noise, subsampling, target))
    return photos


def jpegs(photos: Sequence[Photo], folder: Path = Path(".imaging/bench-photos")) -> list[bytes]:
    """Their files, kept in a folder between runs; this module's source is part of its name, so that old ones are never used."""
    kept = folder / hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    kept.mkdir(parents=True, exist_ok=True)

    def one(photo: Photo) -> bytes:
        path = kept / f"{hashlib.sha256(repr(photo).encode()).hexdigest()[:16]}.jpg"
        if not path.exists():
            path.write_bytes(photo.jpeg())
        return path.read_bytes()

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, photos))


def _draw(photo: Photo) -> Pixels:
    random = np.random.default_rng(photo.seed)
    across, down = _SHAPES[int(random.integers(len(_SHAPES)))]
    unit = (photo.megapixels * 1e6 / (across * down)) ** 0.5
    width, height = round(unit * across), round(unit * down)
    base = _base(random, width, height)
    canvas = Image.fromarray(base).resize((width, height), Image.Resampling.BICUBIC)
    _shapes(random, canvas)
    canvas = canvas.filter(ImageFilter.GaussianBlur(0.6))  # a lens
    return _grain(random, np.array(canvas), photo.noise)


def _base(random: np.random.Generator, width: int, height: int) -> Pixels:
    """Colour field of 1/f noise and a gradient, a quarter of the size."""
    small = (height // 4 + 1, width // 4 + 1)
    light = _fractal(random, small, 1.6)
    slope = np.linspace(-1, 1, small[0], dtype=np.float32)[:, None] * random.uniform(-0.8, 0.8)
    tint = [_fractal(random, small, 2.0) for _ in range(2)]
    luma = 118 + 42 * (light + slope)
    planes = [luma + 22 * tint[0], luma - 8 * tint[0] - 8 * tint[1], luma + 22 * tint[1]]
    return np.clip(np.stack(planes, -1), 4, 250).astype(np.uint8)


def _fractal(random: np.random.Generator, shape: tuple[int, int], power: float) -> _Field:
    """Noise of unit variance whose amplitude falls with frequency**power."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(random.standard_normal(shape, dtype=np.float32)) / np.maximum(frequency, 1 / max(shape)) ** power
    field = np.fft.irfft2(spectrum, shape)
    scaled: _Field = ((field - field.mean()) / field.std()).astype(np.float32)
    return scaled


def _shapes(random: np.random.Generator, canvas: Image.Image) -> None:
    pen = ImageDraw.Draw(canvas)
    for _ in range(int(random.integers(25, 80))):
        x, y = random.integers(canvas.width), random.integers(canvas.height)
        size = float(random.uniform(0.01, 0.12)) * canvas.width
        angles = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(3, 9))))
        corners = [(float(x + size * np.cos(a)), float(y + size * np.sin(a))) for a in angles]
        colour = tuple(int(c) for c in random.integers(15, 240, 3))
        pen.polygon(corners, fill=colour)


def _grain(random: np.random.Generator, pixels: Pixels, noise: float) -> Pixels:
    """Fine texture through a mask, and noise of the sensor; block by block, from tiles drawn once."""
    height, width = pixels.shape[:2]
    texture = _fractal(random, (_TILE, _TILE), 0.9)
    grain = random.standard_normal((_TILE, _TILE, 3), dtype=np.float32)
    grain = 0.5 * grain + 0.25 * (np.roll(grain, 1, 0) + np.roll(grain, 1, 1))  # demosaicing correlates neighbours
    small = Image.fromarray(_fractal(random, (height // 16 + 1, width // 16 + 1), 1.5))
    mask = np.clip(np.asarray(small.resize((width, height), Image.Resampling.BILINEAR)) * 0.7 + 0.5, 0.05, 1.5)
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            block: Any = (slice(top, top + _TILE), slice(left, left + _TILE))
            part = pixels[block].astype(np.float32)
            shift = random.integers(_TILE, size=2)
            fine = np.roll(texture, shift, (0, 1))[: part.shape[0], : part.shape[1]]
            dots = np.roll(grain, shift[::-1], (0, 1))[: part.shape[0], : part.shape[1]]
            light = np.sqrt(part[..., :1] / 128 + 0.1)
            part += (fine * mask[block] * 9.0)[..., None] + dots * (noise * light)
            pixels[block] = np.clip(part + 0.5, 0, 255).astype(np.uint8)
    return pixels
