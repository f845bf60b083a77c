"""An image's bytes as the pixels that analysers look at.

Belongs here: decoding in full, upright as stored. Does not: the small square of what is learnt (`../decoding.py`).
"""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from imaging_assets.errors import AnalysisError

Pixels = npt.NDArray[np.uint8]
"""uint8 [height, width, 3], RGB."""

WHOLE = 10_000_000
"""For a picture that is not to be made smaller: a longest edge, in pixels, that none has."""


def open_picture(data: bytes, longest: int) -> Image.Image:
    """An RGB picture, its longest edge at most so many pixels; transparency becomes white.

    Raises:
        AnalysisError: The bytes, which were resized by us, cannot be read any more.
    """
    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.draft("RGB", (longest, longest))  # lets libjpeg skip most of its work on larger photos
            if opened.has_transparency_data:
                layer = opened.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
            else:
                picture = opened.convert("RGB")
    except (OSError, ValueError) as error:
        raise AnalysisError(
            f"the stored picture cannot be read ({error}). Delete it and run the day again.", may_pass=True
        ) from error
    picture.thumbnail((longest, longest), Image.Resampling.BILINEAR)
    return picture
