"""Any image as the pipeline would store it, for a model that is asked about it now.

Belongs here: the way round a full encode where the bytes may serve as they are. Does not: encoding (`encode`).
"""

import io

from PIL import ExifTags, Image

from imaging_assets.errors import UnreadableImageError
from imaging_assets.policies import Resize
from imaging_assets.stages.images.encode import encode_image


def normalize_image(data: bytes, limits: Resize) -> bytes:
    """Upright bytes within the limits; a model answers the same for them as for the day's resized blob.

    Raises:
        UnreadableImageError: The image cannot be used; the reason says why.
    """
    return data if _is_plain_jpeg(data, limits) else encode_image(data, limits).data


def _is_plain_jpeg(data: bytes, limits: Resize) -> bool:
    """Whether only the header had to be read to know that every pixel may stay; what is odd in any way is encoded anew."""
    if len(data) > limits.max_bytes or data[:3] != b"\xff\xd8\xff":
        return False
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
            if picture.width * picture.height > limits.max_pixels:
                raise UnreadableImageError("too many pixels", f"{picture.width} x {picture.height}")
            return (
                picture.format == "JPEG"
                and picture.mode in ("RGB", "L")
                and max(picture.size) <= limits.max_edge
                and "icc_profile" not in picture.info
                and ("exif" not in picture.info or picture.getexif().get(ExifTags.Base.Orientation, 1) == 1)
            )
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return False
