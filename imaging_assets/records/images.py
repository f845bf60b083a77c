"""Values of the group *images*: blobs as a store lists them, and what becomes of each."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ImageStatus = Literal["passed", "rewritten", "resized", "quarantined"]
"""What became of a landed blob; only `quarantined` ones have no resized bytes."""


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """One blob as its store lists it.

    Attributes:
        path: Name inside the store, POSIX separators, no leading slash.
        size: Length in bytes.
        etag: Opaque; differs whenever the content may differ.
        modified_at: Last write, UTC.
    """

    path: str
    size: int
    etag: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Blob:
    """The bytes of a blob together with the etag they were read under."""

    data: bytes
    etag: str
