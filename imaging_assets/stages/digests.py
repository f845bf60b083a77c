"""Digests of values and of tables: short, stable across processes, releases of polars and platforms.

Belongs here: turning content into a name. Does not: deciding what goes into it (the stage that owns the content).
"""

import hashlib
import json
from collections.abc import Iterable

import numpy as np
import polars as pl

DIGEST_LENGTH = 16
"""Hex digits: 64 bits tell apart the states of one day without trouble."""


def digest(*parts: object) -> str:
    """Digest of JSON-like values; order matters, and so does where one part ends."""
    return _short(json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str).encode())


def rows_digest(frame: pl.DataFrame, leave_out: Iterable[str] = ()) -> str:
    """Digest of the values of a frame in its row order, without the columns of `leave_out`."""
    hasher = hashlib.sha256(str(frame.height).encode())
    for name in (column for column in frame.columns if column not in set(leave_out)):
        hasher.update(name.encode() + b"\0" + _column_bytes(frame[name]) + b"\0")
    return hasher.hexdigest()[:DIGEST_LENGTH]


def sha256_of(data: bytes) -> str:
    """Hex sha256 of bytes: an image's identity."""
    return hashlib.sha256(data).hexdigest()


def _column_bytes(column: pl.Series) -> bytes:
    if isinstance(column.dtype, pl.Array) and not column.null_count():
        return np.ascontiguousarray(column.to_numpy()).astype("<f4").tobytes()
    return json.dumps(column.to_list(), ensure_ascii=False, separators=(",", ":"), default=str).encode()


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGEST_LENGTH]
