"""One image: decode it once, set it upright in sRGB, and fit it into the limits.

Belongs here: bytes in, bytes and facts out. Does not: stores, days, tables (`resized`).

Everything a decoder may throw at us ends as `UnreadableImageError` with a reason from a closed list.
"""

import io
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import PIL
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError, features

from imaging_assets.errors import UnreadableImageError
from imaging_assets.policies import Resize
from imaging_assets.records.images import ImageStatus
from imaging_assets.stages.digests import digest
from imaging_assets.stages.images.hashing import perceptual_hash

# Pillow warns of images that could exhaust memory and refuses only twice as large ones; here the warning is the limit.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# Odd EXIF and malformed multi-picture files are usual in the wild; what matters of them ends in the row's reason.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

Image.init()  # otherwise a format is unknown until Pillow happens to load its plug-in

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
"""Accepted formats, by content; a file's name says nothing."""

_PASSABLE = {"JPEG": "jpg", "PNG": "png", "BMP": "bmp", "GIF": "gif"}
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"RIFF", b"II*\0", b"MM\0*", b"GIF8", b"BM")
_MAX_JPEG_EDGE = 65_500
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EMPTY_EXIF = 20  # bytes of a block without an entry, which some writers leave
_ORIENTATION, _GPS = ExifTags.Base.Orientation, ExifTags.IFD.GPSInfo


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """What became of one image.

    Attributes:
        status: `passed` or `resized`.
        data: Bytes to store; the landed ones when passed.
        extension: Of those bytes, without a dot.
        format: Of the landed bytes, as sniffed.
        width, height: Of the landed image, upright, in pixels.
        resized_width, resized_height: Of `data`.
        thumbnail: JPEG bytes.
        phash: 16 hex digits.
        captured_at: From EXIF; cameras do not say the zone, so it is taken for UTC.
    """

    status: ImageStatus
    data: bytes
    extension: str
    format: str
    width: int
    height: int
    resized_width: int
    resized_height: int
    thumbnail: bytes
    phash: str
    captured_at: datetime | None


def decoders() -> str:
    """Names the decoders at hand; quarantined images are tried again when it changes."""
    codecs = [f"{name} {features.version_codec(name) or '-'}" for name in ("jpg", "zlib", "libtiff")]
    modules = [f"{name} {features.version_module(name) or '-'}" for name in ("webp", "avif")]
    return digest(PIL.__version__, *codecs, *modules)


def recipe(limits: Resize) -> str:
    """Names this code and the limits that shape its output; part of every resized blob's name."""
    shaping = limits.model_dump(exclude={"workers", "batch", "near_duplicate_bits"})
    return f"p1-{digest(shaping)[:8]}"


def encode_image(data: bytes, limits: Resize) -> EncodedImage:
    """Fit one image into the limits.

    Raises:
        UnreadableImageError: The image cannot be used; the reason says why.
    """
    if not data:
        raise UnreadableImageError("empty file")
    try:
        return _encode(data, limits)
    except UnreadableImageError:
        raise
    except Exception as error:  # decoders of hostile files raise anything, and it must cost one image only
        raise _unreadable(error, data) from error


def _encode(data: bytes, limits: Resize) -> EncodedImage:
    picture = _decode(data, limits)
    kind = "JPEG" if picture.format == "MPO" else str(picture.format)
    exif = _exif(picture)
    passes = _passes(picture, exif, len(data), limits)
    upright = _upright_rgb(picture, exif, limits)
    kept = (data, upright.size) if passes else _fit(upright, limits)
    return EncodedImage(
        status="passed" if passes else "resized",
        data=kept[0],
        extension=_PASSABLE[kind] if passes else "jpg",
        format=kind,
        width=upright.width,
        height=upright.height,
        resized_width=kept[1][0],
        resized_height=kept[1][1],
        thumbnail=_thumbnail(upright, limits.thumbnail_edge),
        phash=perceptual_hash(upright),
        captured_at=_captured_at(exif),
    )


def _decode(data: bytes, limits: Resize) -> Image.Image:
    if Image.MAX_IMAGE_PIXELS is not None and limits.max_pixels > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = limits.max_pixels  # Pillow's own limit would make a larger setting void
    picture = Image.open(io.BytesIO(data), formats=FORMATS)
    if picture.width * picture.height > limits.max_pixels:
        raise UnreadableImageError("too many pixels", f"{picture.width} x {picture.height}")
    picture.load()
    return picture


def _unreadable(error: Exception, data: bytes) -> UnreadableImageError:
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return UnreadableImageError("too many pixels", str(error))
    if isinstance(error, UnidentifiedImageError):
        if data.startswith(_MAGIC):
            return UnreadableImageError("damaged", "its header says image, but no decoder accepts it")
        return UnreadableImageError("unsupported format", f"starts with {data[:8].hex()}")
    truncated = "truncated" in str(error).lower() or isinstance(error, EOFError)
    return UnreadableImageError("truncated" if truncated else "damaged", f"{type(error).__name__}: {error}"[:200])


def _exif(picture: Image.Image) -> Image.Exif:
    try:
        return picture.getexif()
    except Exception:  # noqa: BLE001 - broken EXIF is common and harmless: the pixels are what counts
        return Image.Exif()


def _passes(picture: Image.Image, exif: Image.Exif, size: int, limits: Resize) -> bool:
    """Whether the landed bytes may serve as they are."""
    return (
        picture.format in _PASSABLE
        and size <= limits.max_bytes
        and max(picture.size) <= limits.max_edge
        and picture.mode in ("RGB", "L")
        and exif.get(_ORIENTATION, 1) == 1
        and not _may_tell_place(picture, exif)
        and "icc_profile" not in picture.info
        and "transparency" not in picture.info
        and not _moves(picture)
    )


def _may_tell_place(picture: Image.Image, exif: Image.Exif) -> bool:
    """Whether EXIF or XMP say where the picture was taken; EXIF that we cannot read may say so to others."""
    xmp = str(picture.info.get("xmp", "")) + str(picture.info.get("XML:com.adobe.xmp", ""))
    unread = not len(exif) and len(picture.info.get("exif", b"")) > _EMPTY_EXIF
    return _GPS in exif or "GPSL" in xmp or unread


def _moves(picture: Image.Image) -> bool:
    try:
        return int(getattr(picture, "n_frames", 1)) > 1
    except Exception:  # noqa: BLE001 - a later frame is broken; the first is what we take
        return True


def _upright_rgb(picture: Image.Image, exif: Image.Exif, limits: Resize) -> Image.Image:
    """The first frame, upright, 8-bit sRGB, on the background colour where it was transparent."""
    upright = _eight_bit(picture)
    turn = _TURNS.get(exif.get(_ORIENTATION, 1))
    # `ImageOps.exif_transpose` also writes the EXIF anew, and gives up the turn where that fails.
    upright = _to_srgb(upright if turn is None else upright.transpose(turn))
    if upright.has_transparency_data:
        canvas = Image.new("RGBA", upright.size, limits.background)
        return Image.alpha_composite(canvas, upright.convert("RGBA")).convert("RGB")
    return upright.convert("RGB")


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Deep grey modes scaled to 8 bits; Pillow's own conversion clips them to white."""
    if picture.mode not in ("I", "F") and not picture.mode.startswith("I;16"):
        return picture
    values = np.asarray(picture, dtype=np.float64)
    top = float(np.nanmax(values, initial=0.0))
    full = 1.0 if top <= 1.0 else 255.0 if top <= 255.0 else 65535.0 if top <= 65535.0 else top
    grey = Image.fromarray((np.clip(np.nan_to_num(values) / full, 0, 1) * 255).round().astype(np.uint8))
    grey.info = dict(picture.info)
    return grey


def _to_srgb(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = "RGBA" if picture.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture  # an unusable profile is no reason to lose the image
    return converted or picture


def _fit(picture: Image.Image, limits: Resize) -> tuple[bytes, tuple[int, int]]:
    """JPEG bytes within the limits, and their size in pixels: quality is given up first, then pixels."""
    scale = min(1.0, min(limits.max_edge, _MAX_JPEG_EDGE) / max(picture.size))
    for quality in (max(90, limits.min_quality), limits.min_quality, *[limits.min_quality] * 8):
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        smaller = picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        data = _jpeg(smaller, quality)
        if len(data) <= limits.max_bytes:
            return data, size
        if quality == limits.min_quality:
            scale *= 0.98 * (limits.max_bytes / len(data)) ** 0.5
    raise UnreadableImageError("cannot fit", f"still {len(data)} bytes at {size[0]} x {size[1]}")


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def _thumbnail(picture: Image.Image, edge: int) -> bytes:
    small = picture.copy()
    small.thumbnail((edge, edge), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return _jpeg(small, 80)


def _captured_at(exif: Image.Exif) -> datetime | None:
    try:
        details = exif.get_ifd(ExifTags.IFD.Exif)
    except Exception:  # noqa: BLE001 - see _exif
        details = {}
    text = details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    try:
        return datetime.strptime(str(text).strip("\0 "), "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC) if text else None
    except ValueError:
        return None
