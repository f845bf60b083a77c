"""A contact sheet: a few thumbnails of a day on one small picture.

Belongs here: laying out thumbnails. Does not: showing them (`defs/metadata.py`, `web/`).
"""

import io
from collections.abc import Sequence

from PIL import Image

COLUMNS, ROWS = 6, 4
_CELL = 128
_MAX_BYTES = 24_000  # base64 in Dagster's event log must stay below 32 KB


def contact_sheet(thumbnails: Sequence[bytes]) -> bytes:
    """WebP of at most 24 thumbnails, usually 768 pixels wide, at most 24,000 bytes; b"" for none."""
    shown = thumbnails[: COLUMNS * ROWS]
    if not shown:
        return b""
    rows = -(-len(shown) // COLUMNS)
    sheet = Image.new("RGB", (min(len(shown), COLUMNS) * _CELL, rows * _CELL), "#202124")
    for place, data in enumerate(shown):
        with Image.open(io.BytesIO(data)) as picture:
            picture.thumbnail((_CELL - 6, _CELL - 6))
            column, row = place % COLUMNS, place // COLUMNS
            sheet.paste(picture, (column * _CELL + (_CELL - picture.width) // 2, row * _CELL + (_CELL - picture.height) // 2))
    # Noise is all that ever needs the last ones.
    for quality, shrink in ((70, 1), (50, 1), (30, 1), (15, 1), (5, 1), (15, 2), (15, 4), (15, 8)):
        buffer = io.BytesIO()
        sheet.reduce(shrink).save(buffer, "WEBP", quality=quality)
        if buffer.tell() <= _MAX_BYTES:
            break
    return buffer.getvalue()
