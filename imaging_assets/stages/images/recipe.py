"""What shapes a resized image besides its bytes: this code, the limits, the decoders.

Belongs here: names of these, for blobs and manifests. Does not: the work (`encode`).
"""

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

import PIL
import simplejpeg
from PIL import features

from imaging_assets.policies import Resize
from imaging_assets.stages.digests import digest

_CODE = "p2"
"""Raised when `encode` makes other bytes or facts of an image."""

_SHAPES_NOTHING = {"workers", "batch", "near_duplicate_bits", "decoder_seconds", "decoder_bytes"}


@lru_cache(maxsize=8)  # asked for with each image
def recipe(limits: Resize) -> str:
    """Names this code and the limits that shape its output; part of every resized blob's name."""
    return f"{_CODE}-{digest(limits.model_dump(exclude=_SHAPES_NOTHING))[:8]}"


@lru_cache(maxsize=8)
def decoders(limits: Resize) -> str:
    """Names the decoders at hand and what they may use; quarantined images are tried again when it changes."""
    codecs = [f"{name} {features.version_codec(name) or '-'}" for name in ("jpg", "zlib", "libtiff")]
    modules = [f"{name} {features.version_module(name) or '-'}" for name in ("webp", "avif")]
    return digest(
        PIL.__version__, *codecs, *modules, simplejpeg.__version__, _heic(), limits.decoder_seconds, limits.decoder_bytes
    )


def _heic() -> str:
    try:
        return version("pi-heif")
    except PackageNotFoundError:
        return "-"
