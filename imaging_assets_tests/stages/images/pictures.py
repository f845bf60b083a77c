"""Pictures named by what matters about them, as files are; drawn when asked for.

Belongs here: bytes of each kind of image that a user has. Does not: what becomes of them (`test_kinds.py`).
"""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms

SIZE = (640, 480)


def draw(size: tuple[int, int] = SIZE, seed: int = 7) -> Image.Image:
    """Smooth colours with a dark top left corner, so that turning shows."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(90, 255, (12, 16, 3), dtype=np.uint8))
    picture = coarse.resize(size, Image.Resampling.BICUBIC)
    picture.paste((10, 10, 10), (0, 0, size[0] // 4, size[1] // 4))
    return picture


def saved(picture: Image.Image, kind: str, **save: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **save)
    return buffer.getvalue()


def exif(orientation: int = 1, *, gps: bool = False) -> Image.Exif:
    found = Image.Exif()
    found[ExifTags.Base.Orientation] = orientation
    found.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2026:03:02 04:05:06"
    if gps:
        found.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 0.0)
    return found


def a_profile(*, exchanged: bool) -> bytes:
    """The profile of sRGB, or the same whose first two primaries changed places: what is red in it is green."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    places = {plain[at : at + 4]: at for at in range(132, 132 + 12 * int.from_bytes(plain[128:132], "big"), 12)}
    red, green = places[b"rXYZ"] + 4, places[b"gXYZ"] + 4
    swapped = bytearray(plain)
    swapped[red : red + 8], swapped[green : green + 8] = plain[green : green + 8], plain[red : red + 8]
    return bytes(swapped) if exchanged else plain


def transparent(kind: str) -> bytes:
    picture = draw().convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(SIZE))
    return saved(picture, kind)


def sixteen_bit(kind: str) -> bytes:
    return saved(Image.fromarray(np.asarray(draw().convert("L")).astype(np.uint16) * 257), kind)


def animated(kind: str) -> bytes:
    return saved(draw(), kind, save_all=True, append_images=[draw(seed=8), draw(seed=9)])


def bomb() -> bytes:
    """50,000 x 50,000 pixels in a few kilobytes."""
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", 50_000, 50_000, 1, 0, 0, 0, 0),
        b"IDAT": zlib.compress(bytes(500_000)),
        b"IEND": b"",
    }
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


PICTURES: dict[str, Callable[[], bytes]] = {
    "640x480.jpg": lambda: saved(draw(), "JPEG"),
    "640x480.png": lambda: saved(draw(), "PNG"),
    "640x480.bmp": lambda: saved(draw(), "BMP"),
    "640x480_palette.gif": lambda: saved(draw().quantize(64), "GIF"),
    "640x480_grey.jpg": lambda: saved(draw().convert("L"), "JPEG"),
    "640x480_progressive.jpg": lambda: saved(draw(), "JPEG", progressive=True),
    "640x480_srgb-profile.jpg": lambda: saved(draw(), "JPEG", icc_profile=a_profile(exchanged=False)),
    "640x480_with-time.jpg": lambda: saved(draw(), "JPEG", exif=exif()),
    "640x480_gps.jpg": lambda: saved(draw(), "JPEG", exif=exif(gps=True)),
    "640x480_gps.png": lambda: saved(draw(), "PNG", exif=exif(gps=True)),
    "640x480_archive-behind.jpg": lambda: saved(draw(), "JPEG") + b"PK\x03\x04 archive",
    "640x480_two-pictures.mpo": lambda: animated("MPO"),
    "480x640_exif-rotated.jpg": lambda: saved(draw(), "JPEG", exif=exif(6)),
    "640x480_exif-mirrored.tif": lambda: saved(draw(), "TIFF", exif=exif(2)),
    "640x480_other-profile.jpg": lambda: saved(draw(), "JPEG", icc_profile=a_profile(exchanged=True)),
    "640x480_cmyk.jpg": lambda: saved(draw().convert("CMYK"), "JPEG"),
    "640x480_16-bit-grey.png": lambda: sixteen_bit("PNG"),
    "640x480_16-bit-grey.tif": lambda: sixteen_bit("TIFF"),
    "640x480_transparent.png": lambda: transparent("PNG"),
    "640x480_transparent.webp": lambda: transparent("WEBP"),
    "640x480_animated.gif": lambda: animated("GIF"),
    "640x480_animated.webp": lambda: animated("WEBP"),
    "640x480.avif": lambda: saved(draw(), "AVIF"),
    "11000x500_long.png": lambda: saved(draw((11_000, 500)), "PNG"),
    "empty.jpg": lambda: b"",
    "half.jpg": lambda: saved(draw(), "JPEG")[:9_000],
    "half.png": lambda: saved(draw(), "PNG")[:9_000],
    "page.jpg": lambda: b"<html><body>404 Not Found</body></html>",
    "archive-first.jpg": lambda: b"PK\x03\x04" + saved(draw(), "JPEG"),
    "50000x50000_bomb.png": bomb,
    "header-only.jpg": lambda: b"\xff\xd8\xff" + bytes(100),
}
