"""Generated pictures to learn from, and the training sets made of them.

Belongs here: sets for the trainer, predictor and embedder, used by their tests and by `benchmarks/trainer.py`.
The sets stand in for the ones of the project's notes, which need packages that are not installed: right and left halves of
textures (a real shift between training and test), and shapes of any place, size, turn, colour and noise.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.manifests import Split
from imaging_assets.records.models import TrainingImage

Array = npt.NDArray[Any]


class Picture(NamedTuple):
    """An encoded image and what is on it."""

    data: bytes
    tags: tuple[str, ...]


def encode(pixels: Array | Image.Image, encoding: str = "JPEG", **options: Any) -> bytes:
    """Pixels of any range, clipped to 0-255, as a file."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    target = io.BytesIO()
    image.save(target, encoding, **options)
    return target.getvalue()


def digits() -> tuple[list[Picture], list[Picture]]:
    """scikit-learn's 1,797 handwritten digits (Alpaydin & Kaynak 1998), 64 x 64 PNG; three quarters to train, one to test."""
    from sklearn.datasets import load_digits

    source = load_digits()
    pictures = []
    for strokes, digit in zip(source.images, source.target, strict=True):
        image = Image.fromarray((strokes * 15.9375).astype(np.uint8)).resize((64, 64), Image.Resampling.BICUBIC)
        pictures.append(Picture(encode(image, "PNG"), (str(digit),)))
    order = np.random.default_rng(0).permutation(len(pictures))
    shuffled = [pictures[place] for place in order]
    return shuffled[:1347], shuffled[1347:]


def plain(colours: Sequence[str], count: int) -> list[Picture]:
    """Noisy pictures of one colour each with stripes of its own direction, tagged with the colour; the easiest set there is."""
    random = np.random.default_rng(4)
    tones = {"red": (200, 40, 40), "green": (40, 160, 60), "blue": (40, 60, 190), "grey": (128, 128, 128)}
    y, x = np.mgrid[0:48, 0:64]
    stripes = {"red": x, "green": y, "blue": x + y, "grey": x - y}
    return [
        Picture(
            encode(
                np.asarray(tones[colour]) + 30 * np.sin(stripes[colour] / 2)[..., None] + random.normal(0, 15, (48, 64, 3)),
                quality=90,
            ),
            (colour,),
        )
        for _ in range(count)
        for colour in colours
    ]


def halves(count: int) -> list[Picture]:
    """Two tags: "red" when the left half is red, "striped" when the right half is; every picture has one or both."""
    random = np.random.default_rng(5)
    pictures = []
    for number in range(count):
        tags = (("red",), ("striped",), ("red", "striped"))[number % 3]
        pixels = random.normal(110, 15, (64, 64, 3))
        if "red" in tags:
            pixels[:, :32] += (90, -60, -60)
        if "striped" in tags:
            pixels[:, 32:] += 60 * np.sign(np.sin(np.arange(64) * 0.8))[:, None, None]
        pictures.append(Picture(encode(pixels, quality=90), tags))
    return pictures


def scenes(count: int, seed: int) -> list[Picture]:
    """Landscapes of noise and gradients, four kinds, any light."""
    random = np.random.default_rng(seed)
    skies = {"sea": (130, 170, 210), "forest": (160, 185, 200), "desert": (170, 180, 200), "night": (20, 25, 50)}
    grounds = {"sea": (40, 90, 130), "forest": (50, 90, 50), "desert": (190, 150, 100), "night": (30, 35, 45)}
    down = np.arange(96)[:, None, None]
    pictures = []
    for number in range(count):
        kind = ("sea", "forest", "desert", "night")[number % 4]
        waves = _noise(random, (96, 128), lambda y, x: np.exp(-(((y - 0.12) / 0.05) ** 2) - (x / 0.05) ** 2))
        leaves = _noise(random, (96, 128), lambda y, x: np.exp(-(((np.hypot(y, x) - 0.2) / 0.1) ** 2)))
        clouds = _noise(random, (96, 128), lambda y, x: (np.hypot(y, x) + 0.01) ** -1.3)
        relief = {"sea": waves, "forest": leaves, "desert": clouds, "night": 0.4 * clouds + 4 * (leaves > 2.3)}[kind]
        sky = (np.asarray(skies[kind]) + random.normal(0, 25, 3)) * (0.8 + 0.4 * down / 96) + 6 * clouds[..., None]
        ground = np.asarray(grounds[kind]) + random.normal(0, 28, 3) + relief[..., None] * random.uniform(8, 25)
        pixels = np.where(down < random.uniform(29, 62), sky, ground) * random.uniform(0.7, 1.3)
        pictures.append(Picture(encode(pixels, quality=88), (kind,)))
    return pictures


def shapes(count: int, seed: int) -> list[Picture]:
    """Circles, squares, triangles and stars of any place, size, turn and colour, under noise and a gradient of light."""
    random = np.random.default_rng(seed)
    pictures = []
    for number in range(count):
        kind = ("circle", "square", "triangle", "star")[number % 4]
        ground, ink = random.integers(0, 256, (2, 3))
        while np.abs(ground - ink).sum() < 150:
            ink = random.integers(0, 256, 3)
        image = Image.new("RGB", (96, 96), tuple(ground.tolist()))
        radius, turn = random.uniform(16, 30), random.uniform(0, 2 * np.pi)
        outline = _outline(kind, radius, turn) + random.uniform(radius + 2, 94 - radius, 2)
        ImageDraw.Draw(image).polygon([(x, y) for x, y in outline.tolist()], fill=tuple(ink.tolist()))
        light = np.linspace(-1, 1, 96)[:, None, None] * random.uniform(-40, 40)
        noise = random.normal(0, random.uniform(5, 35), (96, 96, 3))
        pictures.append(Picture(encode(np.asarray(image) + noise + light, quality=85), (kind,)))
    return pictures


def textures(count: int, draw: int = 5) -> tuple[list[Picture], list[Picture]]:
    """Twelve textures that drift in colour, light and scale; left halves to train, right halves to test, `count` of each.

    How hard the set is depends much on the draw: judge by several.
    """
    left: list[Picture] = []
    right: list[Picture] = []
    for kind in range(12):
        wall, random = _wall(kind, draw), np.random.default_rng([draw, kind, 9])
        for start, side in ((0, left), (512, right)):
            for _ in range(count):
                size = int(random.integers(72, 129))
                top, across = random.integers(0, 512 - size, 2)
                piece = Image.fromarray(wall[top : top + size, start + across : start + across + size])
                side.append(Picture(encode(piece.resize((64, 64), Image.Resampling.BILINEAR), quality=85), (f"texture {kind}",)))
    return left, right


def training_images(
    store: BlobStore, pictures: Iterable[Picture], *, split: Split = "train", group_of: Callable[[int], str] | None = None
) -> list[TrainingImage]:
    """Store the pictures as resized blobs and return their rows; each is its own group unless told otherwise."""
    rows = []
    for number, picture in enumerate(pictures):
        digest = hashlib.sha256(picture.data).hexdigest()
        blob = store.write(f"resized/{digest[:2]}/{digest}.jpg", picture.data).path
        group = group_of(number) if group_of else digest
        rows.append(TrainingImage(sha256=digest, blob=blob, tags=picture.tags, regions=(), group=group, split=split))
    return rows


def _outline(kind: str, radius: float, turn: float) -> Array:
    """[corners, 2] around the origin."""
    corners = {"circle": 60, "square": 4, "triangle": 3, "star": 10}[kind]
    angles = turn + 2 * np.pi * np.arange(corners) / corners
    radii = np.where((np.arange(corners) % 2 == 1) & (kind == "star"), 0.45 * radius, radius)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def _noise(random: np.random.Generator, shape: tuple[int, int], spectrum: Callable[[Array, Array], Array]) -> Array:
    """White noise with the given spectrum; mean 0, deviation 1."""
    frequencies = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :]
    noise = np.real(np.fft.ifft2(np.fft.fft2(random.normal(size=shape)) * spectrum(*frequencies)))
    return np.asarray((noise - noise.mean()) / noise.std())


def _wall(kind: int, draw: int) -> Array:
    """uint8 [512, 1024, 3]."""
    random, (height, width) = np.random.default_rng([draw, kind]), (512, 1024)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    light = 1 + 0.35 * np.sin(3 * x / width + kind) + 0.1 * y / height
    base = 110 + random.uniform(-25, 25, 3) + np.linspace(-1, 1, width)[None, :, None] * random.uniform(-25, 25, 3)
    relief = _relief(kind, random, y, x)[..., None] * random.uniform(20, 35) * (1 + random.uniform(-0.2, 0.2, 3))
    pixels = (base + relief) * light[..., None] + random.normal(0, 6, (height, width, 3))
    return np.asarray(pixels.clip(0, 255), dtype=np.uint8)


def _relief(kind: int, random: np.random.Generator, y: Array, x: Array) -> Array:
    shape = (y.shape[0], y.shape[1])
    turn = random.uniform(0, np.pi)
    rough = _noise(random, shape, lambda v, u: (np.hypot(v, u) + 1e-3) ** -1.0)
    cloud = _noise(random, shape, lambda v, u: (np.hypot(v, u) + 1e-3) ** -1.6)
    blobs = _noise(random, shape, lambda v, u: np.exp(-(((np.hypot(v, u) - 0.12) / 0.02) ** 2)))
    grain = _noise(random, shape, lambda v, u: np.exp(-(((np.hypot(v, u) - 0.25) / 0.05) ** 2)))
    fibre = _noise(
        random,
        shape,
        lambda v, u: np.exp(-(((u * np.cos(turn) + v * np.sin(turn)) / 0.01) ** 2) - ((np.hypot(v, u) - 0.1) / 0.08) ** 2),
    )
    warped = x * (1 + 0.15 * x / shape[1])
    reliefs: tuple[Array, ...] = (
        rough,
        blobs,
        grain,
        fibre,
        np.sign(np.sin(warped / 5) * np.sin(y / 5)) + 0.5 * rough,
        np.sign((warped / 14 + (y // 12 % 2) / 2) % 1 - 0.15) + np.sign(y % 12 - 1.5) + 0.4 * rough,
        1.5 * np.sin((warped + 12 * rough) / 6),
        2 * np.abs(blobs) - 1 + 0.3 * grain,
        2.5 * (grain > 1.2) + 0.4 * rough,
        1.2 * np.sin(np.hypot(x % 48 - 24, y % 48 - 24) / 2.2) + 0.5 * rough,
        1.2 * cloud + 0.15 * grain,
        np.maximum(fibre, blobs),
    )
    return reliefs[kind]
