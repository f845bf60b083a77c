"""Takes what offends out of a file without touching its pixels: GPS, XMP, comments, further pictures, bytes after the end.

Belongs here: JPEG segments and PNG chunks, copied, left out or counted, and where a picture ends. Does not: the decision (`encode`), EXIF's
meaning (`facts`).

What shapes the pixels stays: JFIF, Adobe's colour transform, the colour profile; of EXIF only what `facts` keeps, written anew.
Sources: ITU T.81 (JPEG), annex B; the PNG specification, third edition; the GIF89a specification.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress

_KEPT_PNG = frozenset(
    (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"pHYs")
)
_PNG = b"\x89PNG\r\n\x1a\n"
_APP0, _APP2, _APP14, _COMMENT, _EOI, _SOS = 0xE0, 0xE2, 0xEE, 0xFE, 0xD9, 0xDA
_SEQUENTIAL = (0xC0, 0xC1)
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")  # neither stuffed bytes nor restarts


class _OddStructureError(ValueError):
    """The file is not made as its kind demands; decoders may accept it all the same."""


def ends_with_picture(data: bytes, kind: str) -> bool:
    """Whether nothing but zeros follows the picture; False also where its end cannot be told."""
    try:
        if kind == "JPEG":
            end = _jpeg_end(data, _first_scan(data))
        elif kind == "PNG":
            end = sum(len(chunk) for _, chunk in _png_chunks(data)) + len(_PNG)
        elif kind == "BMP":
            end = int.from_bytes(data[2:6], "little") or len(data)
        else:
            return kind != "GIF" or data.rstrip(b"\0").endswith(b";")
    except _OddStructureError:
        return False
    return not data[end:].strip(b"\0")


def rewritten(data: bytes, kind: str, exif: bytes) -> bytes | None:
    """The same pixels with nothing but this EXIF about them; None for a kind or a structure that this cannot be done to."""
    try:
        if kind == "JPEG":
            return b"".join(_jpeg(data, exif))
        if kind == "PNG":
            return b"".join(_png(data, exif))
    except _OddStructureError:
        return None
    return None


def with_exif(jpeg: bytes, exif: bytes) -> bytes:
    """A freshly encoded JPEG with this EXIF in it."""
    at = 4 + int.from_bytes(jpeg[4:6], "big") if jpeg[2:4] == b"\xff\xe0" else 2
    return jpeg[:at] + _exif_segment(exif) + jpeg[at:] if exif else jpeg


def scans(data: bytes) -> int:
    """At most so many scans a JPEG has; 1, without a look at the rest, where the first holds all of a sequential one."""
    components = b""
    with suppress(_OddStructureError):
        for marker, start, _ in _segments(data):
            if marker in _SEQUENTIAL:
                components = data[start + 9 : start + 10]
            if marker == _SOS and components and data[start + 4 : start + 5] == components:
                return 1
    return data.count(b"\xff\xda")


def _exif_segment(exif: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif if exif else b""


def _jpeg(data: bytes, exif: bytes) -> Iterator[bytes]:
    yield data[:2]
    pending = _exif_segment(exif)
    for marker, start, end in _segments(data):
        if marker != _APP0 and pending:  # EXIF follows JFIF, if there is any
            yield pending
            pending = b""
        if marker == _SOS:
            yield data[start : _jpeg_end(data, start)]
        elif _shapes_pixels(marker, data[start + 4 : start + 18]):
            yield data[start:end]


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment up to that of the first scan."""
    position = marker = 2
    while marker != _SOS:
        marker, start, position = _segment(data, position)
        yield marker, start, position


def _segment(data: bytes, position: int) -> tuple[int, int, int]:
    """Marker, start and end of the segment at this place; fill bytes before it are skipped."""
    while data[position : position + 2] == b"\xff\xff":
        position += 1
    if position + 4 > len(data) or data[position] != 0xFF:
        raise _OddStructureError
    length = int.from_bytes(data[position + 2 : position + 4], "big")
    if length < 2 or position + 2 + length > len(data):
        raise _OddStructureError
    return data[position + 1], position, position + 2 + length


def _shapes_pixels(marker: int, head: bytes) -> bool:
    if not (0xE0 <= marker <= 0xEF or marker == _COMMENT):
        return True  # tables and frames
    return marker in (_APP0, _APP14) or (marker == _APP2 and head.startswith(b"ICC_PROFILE\0"))


def _first_scan(data: bytes) -> int:
    return next(start for marker, start, _ in _segments(data) if marker == _SOS)


def _jpeg_end(data: bytes, scan: int) -> int:
    """Where the picture ends whose first scan begins here."""
    if data.find(b"\xff\xd9", scan) == len(data) - 2:
        return len(data)  # mostly; tables between scans may hold these bytes too, so that others are walked through
    position = _segment(data, scan)[2]
    while (found := _MARKER.search(data, position)) is not None:
        if data[found.start() + 1] == _EOI:
            return found.end()
        position = _segment(data, found.start())[2]
    raise _OddStructureError


def _png(data: bytes, exif: bytes) -> Iterator[bytes]:
    yield _PNG
    for name, chunk in _png_chunks(data):
        if name == b"IDAT" and exif:
            yield _chunk(b"eXIf", exif)
            exif = b""
        if name in _KEPT_PNG:
            yield chunk


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and bytes of each chunk up to the end of the image."""
    position, name = len(_PNG), b""
    while name != b"IEND":
        name, end = data[position + 4 : position + 8], position + 12 + int.from_bytes(data[position : position + 4], "big")
        if len(name) < 4 or end > len(data):
            raise _OddStructureError
        yield name, data[position:end]
        position = end


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
