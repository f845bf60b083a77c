"""One image: bytes in, bytes and facts out.

Belongs here: what becomes of an image (passed, rewritten, resized, quarantined). Does not: how (`facts`, `decode`, `fit`, `rewrite`,
`looks`), in which process (`engine`), stores, days, tables (`resized`).

Everything a decoder may throw at us ends as `UnreadableImageError` with a reason from a closed list.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from PIL import Image, UnidentifiedImageError

from imaging_assets.errors import UnreadableImageError
from imaging_assets.policies import Resize
from imaging_assets.records.images import ImageStatus
from imaging_assets.stages.images.decode import decoded
from imaging_assets.stages.images.facts import Facts, facts_of, open_image
from imaging_assets.stages.images.fit import BEST_QUALITY, Fitted, fit, quality_of, step_of
from imaging_assets.stages.images.looks import Looks, looks_of
from imaging_assets.stages.images.pixels import Pixels
from imaging_assets.stages.images.rewrite import ends_with_picture, rewritten, with_exif

Hold = Callable[[int], AbstractContextManager[object]]
"""Called with the number of pixels before any is decoded; what it returns is left when they are no longer needed."""

_PASSABLE = {"JPEG": "jpg", "PNG": "png", "BMP": "bmp", "GIF": "gif"}
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"RIFF", b"II*\0", b"MM\0*", b"GIF8", b"BM")
_LAST_BYTES = (b"\xff\xd9", b"IEND\xaeB`\x82")  # of a JPEG, of a PNG
_GOOD_QUALITY = 92  # of what was not a JPEG
_EXIF_SEGMENT = 10  # bytes around the EXIF in a JPEG


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """What became of one image.

    Attributes:
        status: `passed`, `rewritten` or `resized`.
        data: Bytes to store; the landed ones when passed.
        extension: Of those bytes, without a dot.
        format: Of the landed bytes, as sniffed.
        width, height: Of the landed image, upright, in pixels.
        orientation: Of the landed image: 1 to 8, as EXIF counts.
        resized_width, resized_height: Of `data`.
        looks: Thumbnail, hash and quality.
        captured_at: From EXIF; cameras do not say the zone, so it is taken for UTC.
        problems: What Custom Vision will not like, and what may be wrong with the picture.
    """

    status: ImageStatus
    data: bytes
    extension: str
    format: str
    width: int
    height: int
    orientation: int
    resized_width: int
    resized_height: int
    looks: Looks
    captured_at: datetime | None
    problems: tuple[str, ...]


def encode_image(data: bytes, limits: Resize, hold: Hold = nullcontext) -> EncodedImage:
    """Fit one image into the limits.

    Raises:
        UnreadableImageError: The image cannot be used; the reason says why.
    """
    if not data:
        raise UnreadableImageError("empty file")
    try:
        picture = open_image(data, limits)
        with hold(picture.width * picture.height):
            return _encode(data, picture, limits)
    except UnreadableImageError:
        raise
    except Exception as error:  # decoders of hostile files raise anything, and it must cost one image only
        raise _unreadable(error, data) from error


def smaller_copy(data: bytes, max_bytes: int) -> bytes:
    """Encoded bytes as they are, if they are few enough, else a JPEG that is (services have limits of their own).

    Raises:
        UnreadableImageError: They are no image, or cannot fit.
    """
    return data if len(data) <= max_bytes else encode_image(data, Resize(max_bytes=max_bytes)).data


def _encode(data: bytes, picture: Image.Image, limits: Resize) -> EncodedImage:
    facts = facts_of(picture, keep_gps=limits.keep_gps)
    kept = _kept(data, facts, limits) if _pixels_are_fine(facts, limits) else None
    found = decoded(data, picture, facts, limits, small=kept is not None)
    looks = looks_of(found.pixels, limits.thumbnail_edge)
    fitted = None if kept else _fitted(found.pixels, facts, len(data), limits)
    size = (fitted.width, fitted.height) if fitted else facts.upright
    return EncodedImage(
        status=kept[0] if kept else "resized",
        data=kept[1] if kept else with_exif(fitted.data, facts.exif) if fitted else b"",
        extension=_PASSABLE[facts.kind] if kept else "jpg",
        format=facts.kind,
        width=facts.upright[0],
        height=facts.upright[1],
        orientation=facts.orientation,
        resized_width=size[0],
        resized_height=size[1],
        looks=looks,
        captured_at=facts.captured_at,
        problems=_odd_size(*size) + looks.problems + (("partly damaged",) if found.faulty else ()),
    )


def _pixels_are_fine(facts: Facts, limits: Resize) -> bool:
    """Whether the landed pixels may serve as they are."""
    return (
        facts.kind in _PASSABLE
        and facts.mode in ("RGB", "L", "P", "1")
        and max(facts.width, facts.height) <= limits.max_edge
        and facts.turn == 1
        and not facts.profile
        and not facts.transparent
        and (not facts.moves or facts.kind == "JPEG")  # of several pictures in a JPEG the first stands alone
    )


def _kept(data: bytes, facts: Facts, limits: Resize) -> tuple[Literal["passed", "rewritten"], bytes] | None:
    """The landed bytes, or the same without what offends, if that fits."""
    fits = len(data) <= limits.max_bytes
    if not fits and not facts.moves and data.endswith(_LAST_BYTES):
        return None  # there is nothing behind its end that would make it fit if it went
    offends = facts.moves or (facts.tells_place and not limits.keep_gps)
    if fits and not offends and ends_with_picture(data, facts.kind):
        return "passed", data
    clean = rewritten(data, facts.kind, facts.exif)
    return ("rewritten", clean) if clean is not None and len(clean) <= limits.max_bytes else None


def _fitted(pixels: Pixels, facts: Facts, size: int, limits: Resize) -> Fitted:
    """A budget is filled with quality only where the landed file exceeded it; a small file is not blown up."""
    room = limits.model_copy(update={"max_bytes": limits.max_bytes - (len(facts.exif) + _EXIF_SEGMENT if facts.exif else 0)})
    over = size > limits.max_bytes
    ceiling = BEST_QUALITY if over else min(BEST_QUALITY, max(_GOOD_QUALITY, facts.quality))
    guess = quality_of(step_of(facts.quality) * (size / limits.max_bytes)) if over and facts.quality else 90
    return fit(pixels, room, ceiling=ceiling, guess=guess, subsampling="444" if facts.fine_colour and not over else "420")


def _odd_size(width: int, height: int) -> tuple[str, ...]:
    """Limits of Custom Vision that no resizing mends, or that the settings let pass."""
    found = {
        "shorter than 256 pixels": min(width, height) < 256,
        "longer than 10,240 pixels": max(width, height) > 10_240,
        "longer than 25:1": max(width, height) > 25 * min(width, height),
    }
    return tuple(name for name, holds in found.items() if holds)


def _unreadable(error: Exception, data: bytes) -> UnreadableImageError:
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return UnreadableImageError("too many pixels", str(error))
    if isinstance(error, UnidentifiedImageError):
        if data.startswith(_MAGIC):
            return UnreadableImageError("damaged", "its header says image, but no decoder accepts it")
        return UnreadableImageError("unsupported format", f"starts with {data[:8].hex()}")
    if isinstance(error, MemoryError):
        return UnreadableImageError("too many pixels", "more memory is needed than there is")
    truncated = "truncated" in str(error).lower() or isinstance(error, EOFError)
    return UnreadableImageError("truncated" if truncated else "damaged", f"{type(error).__name__}: {error}"[:200])
