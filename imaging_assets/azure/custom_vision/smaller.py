"""A copy of an image that fits into a prediction.

Belongs here: giving up quality, then pixels, until it fits. Does not: the resized images of the store (`stages/images/encode.py`).
"""

import io

from PIL import Image, UnidentifiedImageError

MOST_BYTES = 4_000_000
"""Prediction takes 4 MB."""

_QUALITY = 85
_TRIES = 6


def fit(image: bytes, most_bytes: int = MOST_BYTES) -> bytes:
    """The image itself when it fits, else a smaller JPEG.

    Raises:
        ValueError: It is no image that can be made smaller; the text says why.
    """
    if len(image) <= most_bytes:
        return image
    try:
        with Image.open(io.BytesIO(image)) as opened:
            whole = opened.convert("RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"over {most_bytes:,} bytes, and no smaller copy could be made: {error}") from None
    scale = 1.0
    for _ in range(_TRIES):
        size = max(1, round(whole.width * scale)), max(1, round(whole.height * scale))
        target = io.BytesIO()
        whole.resize(size, Image.Resampling.LANCZOS).save(target, "JPEG", quality=_QUALITY)
        if target.tell() <= most_bytes:
            return target.getvalue()
        scale *= 0.95 * (most_bytes / target.tell()) ** 0.5
    raise ValueError(f"over {most_bytes:,} bytes however small it is made")
