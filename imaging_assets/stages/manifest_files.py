"""The bytes of a manifest: Parquet with its version, its notes and a checksum of the whole file.

Belongs here: rows to bytes and back, through migrations. Does not: names and places of manifests (`state.py`), columns (`tables.py`).
"""

import hashlib
import io
from collections.abc import Mapping

import polars as pl

from imaging_assets.errors import ManifestCorruptError, ManifestTooNewError
from imaging_assets.stages.tables import Table

_VERSION = "imaging_assets.version"
_CHECKSUM = "imaging_assets.sha256"
_NO_CHECKSUM = b"0" * 64


def encode(frame: pl.DataFrame, table: Table, notes: Mapping[str, str]) -> bytes:
    """The file of some rows."""
    buffer = io.BytesIO()
    metadata = {**notes, _VERSION: str(table.version), _CHECKSUM: _NO_CHECKSUM.decode()}
    frame.write_parquet(buffer, compression="zstd", metadata=metadata)
    # Written into the buffer: a file may have hundreds of megabytes, and each copy as many.
    place = _place_of_checksum(buffer.getvalue())
    checksum = _checksum_of(buffer.getvalue(), place)
    buffer.getbuffer()[place] = checksum
    return buffer.getvalue()


def decode(data: bytes, table: Table, path: str) -> tuple[pl.DataFrame, dict[str, str]]:
    """Rows and notes of a file, as of the table's version; of a table in parts perhaps those of its index.

    Raises:
        ManifestCorruptError, ManifestTooNewError: The file cannot be used.
    """
    place = _place_of_checksum(data)
    if data[place] != _checksum_of(data, place):
        # Polars must not see it: of some damage it makes an abort of the whole process.
        raise _corrupt(path, "its bytes are not those that were written")
    try:
        notes = pl.read_parquet_metadata(io.BytesIO(data))
        version = int(notes[_VERSION])
        there = pl.read_parquet_schema(io.BytesIO(data)).keys()
        table = table.index if table.index and there == table.index.columns.keys() else table
        frame = pl.read_parquet(io.BytesIO(data), columns=list(table.columns) if version == table.version else None)
    except (pl.exceptions.PolarsError, OSError, KeyError, ValueError) as error:
        raise _corrupt(path, str(error)) from error
    if version > table.version:
        raise ManifestTooNewError(
            f"{path} was written by a later release (version {version} of {table.asset}, this one knows {table.version}). "
            "Upgrade imaging-assets."
        )
    for step in range(version, table.version):
        frame = table.migrations[step](frame)
    try:
        frame = table.frame(frame)
    except pl.exceptions.PolarsError as error:
        raise _corrupt(path, str(error)) from error
    return frame, {name: value for name, value in notes.items() if name not in (_VERSION, _CHECKSUM, "ARROW:schema")}


def _place_of_checksum(data: bytes) -> slice:
    """Where a manifest's checksum stands; nowhere, at the end, in what is no manifest."""
    place = data.rfind(_CHECKSUM.encode())
    start = place + len(_CHECKSUM) + 2 if place >= 0 else len(data)  # Parquet puts the kind and the length of the value between
    return slice(start, start + len(_NO_CHECKSUM))


def _checksum_of(data: bytes, place: slice) -> bytes:
    """Of the file as it was before its checksum was written into it."""
    hasher = hashlib.sha256(memoryview(data)[: place.start])
    hasher.update(_NO_CHECKSUM)
    hasher.update(memoryview(data)[place.stop :])
    return hasher.hexdigest().encode()


def _corrupt(path: str, why: str) -> ManifestCorruptError:
    return ManifestCorruptError(f"{path} cannot be read as a manifest ({why}). Delete it and run its day again.")
