"""What a file says about itself before anything is decoded: kind, size, orientation, place, time, colour profile.

Belongs here: headers and metadata, as Pillow reads them. Does not: pixels (`decode`), what is taken out (`rewrite`).
"""

import io
import warnings
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from PIL import AvifImagePlugin, ExifTags, Image, JpegImagePlugin

from imaging_assets.errors import UnreadableImageError
from imaging_assets.policies import Resize
from imaging_assets.stages.images.fit import quality_of
from imaging_assets.stages.images.profiles import is_srgb

# Pillow warns of images that could exhaust memory and refuses only twice as large ones; here the warning is the limit.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# Odd EXIF and malformed multi-picture files are usual in the wild; what matters of them ends in the row's reason.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

Image.init()  # otherwise a format is unknown until Pillow happens to load its plug-in
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # images are worked on side by side; a decoder's own threads would only take memory
with suppress(ImportError):  # the extra `heic`
    import pi_heif

    pi_heif.options.DECODE_THREADS = 1
    pi_heif.register_heif_opener()

FORMATS = tuple(name for name in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF") if name in Image.OPEN)
"""Accepted formats, by content; a file's name says nothing."""

_ORIENTATION, _GPS = ExifTags.Base.Orientation, ExifTags.IFD.GPSInfo
_UPRIGHT_BY_PILLOW = ("TIFF", "HEIF")  # turned while they are decoded
_STANDARD_LUMA_SUM = 3688  # of the luminance table of ITU T.81, annex K; libjpeg's quality 50
_LOSSLESS = ("PNG", "GIF", "BMP", "TIFF")
_EACH_PIXEL = 0
_EMPTY_EXIF = 20  # bytes of a block without an entry, which some writers leave


@dataclass(frozen=True, slots=True)
class Facts:
    """What the header of one image tells.

    Attributes:
        kind: Pillow's name of the format; MPO is a JPEG.
        mode: Pillow's.
        width, height: As decoded, before `turn`, in pixels.
        orientation: As landed, EXIF's, 1 to 8.
        turn: What of it the decoder leaves to be done, 1 to 8.
        moves: There is more than one frame or picture.
        transparent: Some pixels may be.
        profile: Embedded colour profile, empty when there is none or it is sRGB anyway.
        tells_place: Metadata tell where it was taken, or cannot be read so that they might.
        captured_at: From EXIF; cameras do not say the zone, so it is taken for UTC.
        exif: What of its EXIF stays in whatever is made of it, beginning with its TIFF header; empty for nothing.
        quality: Of a JPEG, by its tables; 0 for other kinds.
        fine_colour: Colour is kept for each pixel, not for each four.
    """

    kind: str
    mode: str
    width: int
    height: int
    orientation: int
    turn: int
    moves: bool
    transparent: bool
    profile: bytes
    tells_place: bool
    captured_at: datetime | None
    exif: bytes
    quality: int
    fine_colour: bool

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height once turned, in pixels."""
        return (self.height, self.width) if self.turn > 4 else (self.width, self.height)


def open_image(data: bytes, limits: Resize) -> Image.Image:
    """The image, its header read.

    Raises:
        UnreadableImageError: It has too many pixels.
    """
    if Image.MAX_IMAGE_PIXELS is not None and limits.max_pixels > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = limits.max_pixels  # Pillow's own limit would make a larger setting void
    picture = Image.open(io.BytesIO(data), formats=FORMATS)
    if picture.width * picture.height > limits.max_pixels:
        raise UnreadableImageError("too many pixels", f"{picture.width} x {picture.height}")
    return picture


def facts_of(picture: Image.Image, *, keep_gps: bool = False) -> Facts:
    """Facts of an opened image; a PNG is decoded on the way, for its metadata may follow its pixels."""
    if picture.format == "PNG":
        picture.load()  # `getexif` would do it, and what the decoder has to say would be lost there
    kind = "JPEG" if picture.format == "MPO" else str(picture.format)
    exif = _exif(picture)
    details = _directory(exif, ExifTags.IFD.Exif)
    captured_at = _captured_at(details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime))
    profile = picture.info.get("icc_profile") or b""
    turn = _in_range(exif.get(_ORIENTATION))
    return Facts(
        kind=kind,
        mode=picture.mode,
        width=picture.width,
        height=picture.height,
        orientation=_in_range(picture.info.get("original_orientation") or turn),
        turn=1 if kind in _UPRIGHT_BY_PILLOW else turn,
        moves=_moves(picture),
        transparent="transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "La", "RGBa"),
        profile=b"" if profile and picture.mode in ("RGB", "RGBA", "P") and is_srgb(profile) else profile,
        tells_place=_may_tell_place(picture, exif),
        captured_at=captured_at,
        exif=_kept_exif(captured_at, _directory(exif, _GPS) if keep_gps else {}),
        quality=_quality(picture),
        fine_colour=kind in _LOSSLESS or (kind == "JPEG" and JpegImagePlugin.get_sampling(picture) == _EACH_PIXEL),
    )


def _exif(picture: Image.Image) -> Image.Exif:
    try:
        return picture.getexif()
    except Exception:  # noqa: BLE001 - broken EXIF is common and harmless: the pixels are what counts
        return Image.Exif()


def _directory(exif: Image.Exif, name: int) -> dict[int, object]:
    try:
        return dict(exif.get_ifd(name))
    except Exception:  # noqa: BLE001 - see _exif
        return {}


def _in_range(orientation: object) -> int:
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _may_tell_place(picture: Image.Image, exif: Image.Exif) -> bool:
    """Whether EXIF or XMP say where the picture was taken; EXIF that we cannot read may say so to others."""
    xmp = str(picture.info.get("xmp", "")) + str(picture.info.get("XML:com.adobe.xmp", ""))
    unread = not len(exif) and len(picture.info.get("exif") or b"") > _EMPTY_EXIF
    return _GPS in exif or "GPSL" in xmp or unread


def _moves(picture: Image.Image) -> bool:
    try:
        return bool(getattr(picture, "is_animated", False))  # unlike `n_frames` it does not walk through all of them
    except Exception:  # noqa: BLE001 - a later frame is broken; the first is what we take
        return True


def _captured_at(text: object) -> datetime | None:
    try:
        return datetime.strptime(str(text).strip("\0 "), "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC) if text else None
    except ValueError:
        return None


def _kept_exif(captured_at: datetime | None, gps: dict[int, object]) -> bytes:
    if captured_at is None and not gps:
        return b""
    exif = Image.Exif()
    if captured_at is not None:
        exif[ExifTags.IFD.Exif] = {ExifTags.Base.DateTimeOriginal: captured_at.strftime("%Y:%m:%d %H:%M:%S")}
    if gps:
        exif[_GPS] = gps
    return exif.tobytes().removeprefix(b"Exif\0\0")


def _quality(picture: Image.Image) -> int:
    tables = getattr(picture, "quantization", None)
    return quality_of(100 * sum(tables[min(tables)]) / _STANDARD_LUMA_SUM) if tables else 0
