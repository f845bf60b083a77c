"""Speed, use of the budget and quality of the image engine, beside the notebook's algorithm, Pillow and libvips.

The set: photograph-like JPEGs from a fixed seed (`photos`), 12 to 24 MP, quality 90 to 97, 4 to 14 MB; those above 6 MB are worked
on. Speed is images per second of one processor, the contenders taking turns at each image and the best of three tries counting, so
that a busy machine harms all alike; wall is two at a time, the best of three rounds. Ours includes all that is made of an image:
resized bytes, sha256, thumbnail, hash, quality. Quality is PSNR against the picture that was never compressed.

Belongs here: figures. Does not: memory (`memory`), pictures (`photos`).
"""

import io
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image

from benchmarks.photos import Photo, Pixels, jpegs, photo_set
from imaging_assets.policies import Resize
from imaging_assets.stages.digests import sha256_of
from imaging_assets.stages.images.encode import encode_image

Row = dict[str, object]
Contender = Callable[[bytes], object]
Over = Sequence[tuple[Photo, bytes]]

_IMAGES = 24
_TIMED, _RATED = 10, 4
_TRIES = 3
_LIMITS = Resize()
_SHORT = Resize(max_edge=2048)


def rows() -> list[Row]:
    """One row per figure: {name, ours, peer, unit, ratio, goal, holds}."""
    photos = photo_set(_IMAGES)
    over = [(photo, data) for photo, data in zip(photos, jpegs(photos), strict=True) if len(data) > _LIMITS.max_bytes]
    files = [data for _, data in over]
    return [*_speed(files[:_TIMED]), *_filling(files), *_small(files[:4]), *_short_edge(over), *_quality(over[:_RATED])]


# --- contenders


def ours(data: bytes, limits: Resize = _LIMITS) -> bytes:
    """Everything that a day makes of an image."""
    sha256_of(data)
    return encode_image(data, limits).data


def notebook(data: bytes) -> bytes:
    """The algorithm that this project replaces: both edges times budget / size, Lanczos, Pillow's default quality."""
    return _by_pillow(data, min(1.0, _LIMITS.max_bytes / len(data)), 75)


def pillow(data: bytes) -> bytes:
    """As the notebook, but the area times budget / size, and quality 90."""
    return _by_pillow(data, _root(data), 90)


def vipsthumbnail(data: bytes, edge: int = 0) -> bytes:
    """The program, one thread, to the size of `pillow` or to an edge."""
    height, width = simplejpeg.decode_jpeg_header(data)[:2]
    edge = edge or int(max(width, height) * _root(data))
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").exists() else None) as folder:  # noqa: S108
        source, target = Path(folder) / "in.jpg", Path(folder) / "out.jpg"
        source.write_bytes(data)
        command = ["vipsthumbnail", str(source), "--size", f"{edge}x{edge}", "-o", f"{target}[Q=90]"]
        subprocess.run(command, check=True, env={**os.environ, "VIPS_CONCURRENCY": "1"})
        return target.read_bytes()


def pyvips_sequential(data: bytes) -> bytes:
    """The library, one thread, resized while it is read."""
    import pyvips  # noqa: PLC0415 - not everywhere

    saved: bytes = pyvips.Image.new_from_buffer(data, "", access="sequential").resize(_root(data)).jpegsave_buffer(Q=90)
    return saved


def turbo_eighths(data: bytes) -> bytes:
    """libjpeg-turbo decoding at k/8, quality 90, nothing tried twice."""
    height, width = simplejpeg.decode_jpeg_header(data)[:2]
    eighths = max(1, int(8 * _root(data)))
    array = simplejpeg.decode_jpeg(data, min_width=-(-width * eighths // 8), min_height=-(-height * eighths // 8))
    encoded: bytes = simplejpeg.encode_jpeg(array, 90, "RGB", "420")
    return encoded


def full_decode(data: bytes) -> object:
    """The limit: the fastest decoder, and nothing else."""
    return simplejpeg.decode_jpeg(data)


def _peers() -> dict[str, tuple[Contender, float | None]]:
    """Name to contender and goal; those that are not installed are left out, aloud."""
    peers: dict[str, tuple[Contender, float | None]] = {
        "the notebook": (notebook, 2.3),
        "full decode, the limit": (full_decode, 0.55),
        "Pillow LANCZOS": (pillow, None),
        "libjpeg-turbo k/8": (turbo_eighths, None),
    }
    os.environ.setdefault("VIPS_CONCURRENCY", "1")
    if shutil.which("vipsthumbnail"):
        peers["vipsthumbnail"] = (vipsthumbnail, 2.0)
    else:
        print("vipsthumbnail is not installed and left out")
    if find_spec("pyvips"):
        peers["pyvips sequential"] = (pyvips_sequential, None)
    else:
        print("pyvips is not installed and left out")
    return peers


# --- speed


def _speed(files: Sequence[bytes]) -> Iterator[Row]:
    peers = _peers()
    rates = _rates(files, {"ours": ours, **{name: contender for name, (contender, _) in peers.items()}})
    for name, (_, goal) in peers.items():
        yield _row(f"to 6 MB, beside {name}", rates["ours"], rates[name], "images/CPU s", goal)
    walls = _walls(files, {"ours": ours, **{name: contender for name, (contender, goal) in peers.items() if goal}})
    for name in walls.keys() - {"ours"}:
        yield _row(f"to 6 MB, two at a time, beside {name}", walls["ours"], walls[name], "images/s", peers[name][1])


def _short_edge(over: Over) -> Iterator[Row]:
    """To 2,048 pixels, where shrinking while decoding pays."""

    def draft(data: bytes) -> bytes:
        picture = Image.open(io.BytesIO(data))
        picture.draft("RGB", (2048, 2048))
        picture.thumbnail((2048, 2048), Image.Resampling.LANCZOS)
        return _saved(picture, 90)

    contenders: dict[str, Contender] = {"ours": lambda data: ours(data, _SHORT), "Pillow draft": draft}
    goals = {"vipsthumbnail": 2.0}
    if shutil.which("vipsthumbnail"):
        contenders["vipsthumbnail"] = lambda data: vipsthumbnail(data, 2048)
    rates = _rates([data for _, data in over[:_TIMED]], contenders)
    for name in contenders.keys() - {"ours"}:
        yield _row(f"to 2,048 pixels, beside {name}", rates["ours"], rates[name], "images/CPU s", goals.get(name))


def _small(files: Sequence[bytes]) -> Iterator[Row]:
    """Images of up to 300 KB pass unchanged; what is left is the looks."""
    small = [_saved(Image.open(io.BytesIO(data)).reduce(4), 85) for data in files] * 5
    rates = _rates(small, {"ours": ours, "the notebook": notebook, "full decode": full_decode})
    size = f"{np.mean([len(data) for data in small]) / 1e3:.0f} KB"
    for name in ("the notebook", "full decode"):
        yield _row(f"small ones of {size}, beside {name}", rates["ours"], rates[name], "images/CPU s", None)
    outside = 1 - rates["ours"] / rates["full decode"]
    yield _row(f"small ones of {size}, share of time outside the decoder", outside, None, "", None)


def _rates(files: Sequence[bytes], contenders: Mapping[str, Contender]) -> dict[str, float]:
    seconds = dict.fromkeys(contenders, 0.0)
    for data in files:
        for name, contender in contenders.items():
            seconds[name] += min(_cpu(contender, data) for _ in range(_TRIES))
    return {name: len(files) / spent for name, spent in seconds.items()}


def _cpu(contender: Contender, data: bytes) -> float:
    start = _spent()
    contender(data)
    return _spent() - start


def _spent() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _walls(files: Sequence[bytes], contenders: Mapping[str, Contender]) -> dict[str, float]:
    best = dict.fromkeys(contenders, 0.0)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(_TRIES):
            for name, contender in contenders.items():
                start = time.perf_counter()
                list(pool.map(contender, files))
                best[name] = max(best[name], len(files) / (time.perf_counter() - start))
    return best


# --- budget and quality


def _filling(files: Sequence[bytes]) -> Iterator[Row]:
    for budget in (6_000_000, 4_000_000, 1_000_000):
        limits = Resize(max_bytes=budget)
        fills = np.array([len(encode_image(data, limits).data) / budget for data in files])
        name = f"share of {budget / 1e6:.0f} MB used"
        yield _row(f"{name}, median of {len(files)}", float(np.median(fills)), None, "", 0.80)
        yield _row(f"{name}, 5th percentile", float(np.percentile(fills, 5)), None, "", 0.65)
        yield {**_row(f"{name}, most", float(fills.max()), None, "", None), "goal": "<= 1", "holds": bool(fills.max() <= 1)}


def _quality(over: Over) -> Iterator[Row]:
    """Beside Pillow's LANCZOS at the same bytes: at our size, at 4/5 of the edges, to 2,048 pixels, to 1 MB."""
    limits = {"to 6 MB": _LIMITS, "to 2,048 pixels": _SHORT, "to 1 MB": Resize(max_bytes=1_000_000)}
    found: dict[str, list[tuple[float, float]]] = {}
    for photo, data in over:
        original, source = photo.pixels(), Image.open(io.BytesIO(data)).convert("RGB")
        for name, limit in limits.items():
            made = encode_image(data, limit)
            decoded = np.asarray(Image.open(io.BytesIO(made.data)).convert("RGB"))
            sizes = {name: (made.resized_width, made.resized_height)}
            if limit is _LIMITS:  # nothing was resized; so also where shrinking would have ended
                sizes["to 6 MB, at 4/5 of the edges"] = (int(source.width * 0.8), int(source.height * 0.8))
            for label, size in sizes.items():
                reference = _resized(original, size)
                theirs = _pillow_of(source, size, len(made.data))
                found.setdefault(label, []).append((psnr(_resized(decoded, size), reference), psnr(theirs, reference)))
    for label, pairs in found.items():
        own, peer = (float(np.mean(side)) for side in zip(*pairs, strict=True))
        worst = min(one - other for one, other in pairs)
        row = _row(f"PSNR {label}, beside Pillow LANCZOS of the same bytes (worst {worst:+.2f})", own, peer, "dB", None)
        yield {**row, "ratio": None, "goal": "worst >= -0.5", "holds": worst >= -0.5}


def psnr(one: Pixels, other: Pixels) -> float:
    """In dB, over all channels."""
    bands = [one[top : top + 256].astype(np.float32) - other[top : top + 256] for top in range(0, one.shape[0], 256)]
    return float(10 * np.log10(255**2 * one.size / sum(float(np.sum(band**2, dtype=np.float64)) for band in bands)))


def _resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    picture = Image.fromarray(pixels)
    return pixels if picture.size == size else np.asarray(picture.resize(size, Image.Resampling.LANCZOS))


def _pillow_of(picture: Image.Image, size: tuple[int, int], budget: int) -> Pixels:
    """Lanczos to this size, at the highest quality that needs no more bytes."""
    smaller = picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)
    low, high = 20, 100
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if len(_saved(smaller, middle)) <= budget * 1.002 else (low, middle)
    return np.asarray(Image.open(io.BytesIO(_saved(smaller, low))))


def _by_pillow(data: bytes, scale: float, quality: int) -> bytes:
    picture = Image.open(io.BytesIO(data))
    size = (int(picture.width * scale), int(picture.height * scale))
    return _saved(picture.resize(size, Image.Resampling.LANCZOS), quality)


def _root(data: bytes) -> float:
    return float((_LIMITS.max_bytes / len(data)) ** 0.5)


def _saved(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _row(name: str, ours: float, peer: float | None, unit: str, goal: float | None) -> Row:
    ratio = None if peer is None else ours / peer
    holds: Any = None if goal is None else (ours if ratio is None else ratio) >= goal
    return {"name": name, "ours": ours, "peer": peer, "unit": unit, "ratio": ratio, "goal": goal, "holds": holds}


if __name__ == "__main__":
    for row in rows():
        print(row)
