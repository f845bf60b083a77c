"""Where the image of a record is: inside it as base64, or behind a URL.

Belongs here: the accepted forms and their sizes. Does not: fetching (`fetch`), decoding (`stages/images`).
"""

import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pybase64

INPUTS = ("image", "images", "file_data", "url")
"""Names an image may have in `data`; `images` is the old power skill's."""


class NoImageError(ValueError):
    """The record has no image that can be read; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Inline:
    """An image as base64 text."""

    text: str


@dataclass(frozen=True, slots=True)
class Remote:
    """An image behind a URL, with the SAS that opens it (or "")."""

    url: str
    sas: str


def find_image(data: Mapping[str, Any]) -> Inline | Remote:
    """The one image of a record.

    Raises:
        NoImageError: There is none, or there are several.
    """
    name = next((name for name in INPUTS if data.get(name)), None)
    if name is None:
        raise NoImageError(f"The record has no image. Map one of the inputs {', '.join(INPUTS)} in the skillset.")
    value = data[name]
    if isinstance(value, list):
        if len(value) != 1:
            raise NoImageError(f"{name} holds {len(value)} images. Set the skill's context to /document/normalized_images/*.")
        value = value[0]
    if isinstance(value, dict):
        value = value.get("data") or value.get("url")
    if not isinstance(value, str) or not value:
        raise NoImageError(f"{name} is no image. Send a normalized-image object, base64 text or a URL.")
    if value[:8].lower().startswith(("https://", "http://")):
        sas = data.get("sas_token") or data.get("metadata_storage_sas_token") or ""
        return Remote(value, sas if isinstance(sas, str) else "")
    return Inline(value)


def decode(image: Inline, most: int) -> bytes:
    """The bytes of an inline image.

    Raises:
        NoImageError: Not base64, or larger than `most` bytes.
    """
    text = image.text
    if text[:5] == "data:":
        text = text.partition(",")[2]
    if "\n" in text[:100]:
        text = "".join(text.split())  # broken into lines, as in a mail
    if len(text) * 3 // 4 > most + 3:
        raise NoImageError(too_large(len(text) * 3 // 4, most))
    try:
        return pybase64.b64decode(text, validate=True)  # the standard library's takes a tenth of a call
    except (binascii.Error, ValueError) as error:
        raise NoImageError(f"The image is not base64 ({error}). Send a normalized-image object or its `data`.") from error


def too_large(size: int, most: int) -> str:
    """What to say of an image over the limit."""
    return (
        f"The image has {size:,} bytes, at most {most:,} are taken. Lower normalizedImageMaxWidth or raise serve.max_image_bytes."
    )
