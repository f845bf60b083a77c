"""Digests of values and of tables: short, stable across processes, releases of polars and platforms.

Belongs here: turning content into a name. Does not: deciding what goes into it (the stage that owns the content).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

DIGEST_LENGTH = 16
"""Hex digits: 64 bits tell apart the states of one day without trouble."""

SUMS = 2**256
"""Sums of digests are kept below."""

Prefixes = npt.NDArray[np.uint64]
"""First bits of digests."""

_SLICE = 65_536
_ESCAPED = r'["\\\x00-\x1f]'
_BETWEEN = '","'


def digest(*parts: object) -> str:
    """Digest of JSON-like values; order matters, and so does where one part ends."""
    return _short(json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str).encode())


def rows_digest(frame: pl.DataFrame, leave_out: Iterable[str] = ()) -> str:
    """Digest of the values of a frame in its row order, without the columns of `leave_out`."""
    hasher = hashlib.sha256(str(frame.height).encode())
    for name in (column for column in frame.columns if column not in set(leave_out)):
        hasher.update(name.encode() + b"\0")
        for part in _column_bytes(frame[name]):
            hasher.update(part)
        hasher.update(b"\0")
    return hasher.hexdigest()[:DIGEST_LENGTH]


def rows_sum(frame: pl.DataFrame, leave_out: Iterable[str] = ()) -> int:
    """Sum of the digests of the rows: the same in whatever order, and parts of a table have sums that add up to its own."""
    rows = frame.select(pl.exclude(*leave_out)).iter_rows()
    return sum(_number(json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=str)) for row in rows) % SUMS


def texts_sum(texts: Iterable[str]) -> int:
    """The same of texts."""
    return sum(map(_number, texts)) % SUMS


def sha256_of(data: bytes) -> str:
    """Hex sha256 of bytes: an image's identity."""
    return hashlib.sha256(data).hexdigest()


def first_bits(digests: pl.Series) -> Prefixes:
    """The first 64 bits of sha256 digests."""
    digits = digests.str.head(16).str.join("").item()
    return np.frombuffer(bytes.fromhex(digits), dtype=">u8").astype("<u8")


def among(ours: Prefixes, others: Prefixes) -> npt.NDArray[np.bool_]:
    """Which of ours are among the others, which are sorted."""
    if not len(others):
        return np.zeros(len(ours), dtype=bool)
    found: npt.NDArray[np.bool_] = others[np.searchsorted(others, ours).clip(max=len(others) - 1)] == ours
    return found


def _column_bytes(column: pl.Series) -> Iterator[bytes]:
    """The column as JSON, vectors as little-endian floats; a slice at a time, for a table may have a million rows."""
    if isinstance(column.dtype, pl.Array) and not column.null_count():
        yield from (np.ascontiguousarray(part.to_numpy()).astype("<f4", copy=False).tobytes() for part in _slices(column))
        return
    yield b"["
    for number, part in enumerate(_slices(column)):
        yield (b"," if number else b"") + _json_values(part).encode()
    yield b"]"


def _slices(column: pl.Series) -> Iterator[pl.Series]:
    return (column.slice(start, _SLICE) for start in range(0, len(column), _SLICE))


def _json_values(values: pl.Series) -> str:
    """What `json.dumps` writes between the brackets; texts without anything to escape are joined, at a tenth of the cost."""
    if _is_plain(values):
        return f'"{values.str.join(_BETWEEN).item()}"'
    if isinstance(values.dtype, pl.List) and not values.null_count():
        filled = values.filter(values.list.len() > 0)
        if filled.is_empty():
            return ",".join(["[]"] * len(values))
        if _is_plain(filled.explode()):
            lists = pl.format('["{}"]', pl.col("a").list.join(_BETWEEN))
            each = pl.when(pl.col("a").list.len() > 0).then(lists).otherwise(pl.lit("[]"))
            return str(pl.DataFrame({"a": values}).select(each.str.join(",")).item())
    return json.dumps(values.to_list(), ensure_ascii=False, separators=(",", ":"), default=str)[1:-1]


def _is_plain(values: pl.Series) -> bool:
    return values.dtype == pl.String() and not values.null_count() and not values.str.contains(_ESCAPED).any()


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest())


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGEST_LENGTH]
