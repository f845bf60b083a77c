"""Bytes of an image to the small square of pixels that everything learnt here looks at.

Belongs here: the one preprocessing that training, predicting and embedding share; a change of it changes models and vectors,
so it raises the `recipe` of both trainers and `GradientEmbedder.embedding_id`. Does not: resizing for people (`stages/images`).
"""

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from imaging_assets.errors import UnreadableImageError

Pixels = npt.NDArray[np.uint8]
"""uint8 [SIDE, SIDE, 3] or, stacked, [images, SIDE, SIDE, 3]; RGB, 0-255."""

SIDE = 64
"""Width and height in pixels that every image is brought to; its proportions are given up."""

DECODERS = 2


def decode_pixels(data: bytes) -> Pixels:
    """An upright encoded image as uint8 [SIDE, SIDE, 3]; transparency becomes white, 16-bit grey loses its low byte.

    Raises:
        UnreadableImageError: Whatever Pillow had against it.
    """
    if not data:
        raise UnreadableImageError("empty file")
    try:
        with Image.open(io.BytesIO(data)) as image:
            # Lets libjpeg skip most of its work on large photos; twice the side leaves the resize something to average.
            image.draft("RGB", (2 * SIDE, 2 * SIDE))
            # All bytes at once: between two blocks every thread would wait for the interpreter.
            image.decodermaxblock = max(len(data), image.decodermaxblock)
            small = _to_rgb(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0)
        return np.asarray(small)
    except UnidentifiedImageError as error:
        raise UnreadableImageError("unsupported format") from error
    except Image.DecompressionBombError as error:
        raise UnreadableImageError("too many pixels", str(error)) from error
    except Exception as error:  # a damaged file makes Pillow's decoders raise nearly anything
        cut = "truncated" in str(error).lower()
        raise UnreadableImageError("truncated" if cut else "damaged", str(error)) from error


def decode_all(images: Sequence[bytes]) -> Iterator[Pixels | UnreadableImageError]:
    """Each image's pixels, or why it has none, in the order given; Pillow decodes outside the interpreter lock."""
    if len(images) == 1:
        yield pixels_or_error(images[0])  # starting threads would cost a fifth of the decoding
        return
    with ThreadPoolExecutor(DECODERS, thread_name_prefix="decode") as pool:
        yield from pool.map(pixels_or_error, images)


def pixels_or_error(data: bytes) -> Pixels | UnreadableImageError:
    """`decode_pixels` that returns its error, for callers that must not stop at one bad image."""
    try:
        return decode_pixels(data)
    except UnreadableImageError as error:
        return error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # convert("RGB") would clip: every value over 255 would be white.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")
