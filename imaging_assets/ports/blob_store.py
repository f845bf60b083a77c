"""Port: named bytes with etags and conditional writes (Azure Blob Storage, a directory).

Promises, the same for every implementation:

- Listing is sorted by path (code points) and complete; a blob written before the listing began is in it.
- A write is atomic: readers see the old bytes or the new, never a part, and a crash leaves no trace that a listing shows.
- An etag changes with every write that changes the content; equal content may or may not keep it.
- Paths are exact: case, Unicode form and dots are kept, or the write is refused with `BlobNameError`.
- A store whose root is gone raises `StoreUnavailableError`; it never lists as empty.
"""

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import timedelta

from imaging_assets.errors import BlobNameError
from imaging_assets.records.images import Blob, BlobInfo

MAX_PATH_CHARACTERS = 1024


def check_path(path: str) -> str:
    """The path itself, when every store may hold it.

    Raises:
        BlobNameError: Empty, absolute, over 1,024 characters, or with `.`, `..`, empty parts, backslashes, control characters.
    """
    bad = (
        not path
        or len(path) > MAX_PATH_CHARACTERS
        or "\\" in path
        # Nearly all paths are plain, and this is asked with every read.
        or (not (path.isascii() and path.isprintable()) and any(unicodedata.category(each) in ("Cc", "Cs") for each in path))
        or any(segment in ("", ".", "..") for segment in path.split("/"))
    )
    if bad:
        raise BlobNameError(
            f"{path[:80]!r} cannot be a blob's path. Rename the file: no '..', backslash, control character or empty part."
        )
    return path


class BlobStore(ABC):
    """Named bytes; safe to use from several threads and processes at once."""

    @abstractmethod
    def list_blobs(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Blobs whose path starts with `prefix` (any string), in path order."""

    @abstractmethod
    def list_folders(self, prefix: str = "") -> list[str]:
        """Names directly below the folder `prefix` ("" or ending in "/") that hold at least one blob, sorted; cheap."""

    @abstractmethod
    def list_files(self, prefix: str = "") -> list[BlobInfo]:
        """Blobs directly in the folder `prefix` ("" or ending in "/"), in path order; cheap."""

    @abstractmethod
    def find(self, path: str) -> BlobInfo | None:
        """The blob's listing entry, or None."""

    @abstractmethod
    def read(self, path: str) -> Blob:
        """Bytes and etag, consistent with each other. Raises BlobNotFoundError."""

    @abstractmethod
    def write(self, path: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> BlobInfo:
        """Create or replace.

        With `if_match`, only while the blob still has that etag; with `if_absent`, only while there is none.

        Raises:
            BlobConflictError: The condition does not hold.
            BlobNameError: The store cannot hold that path.
        """

    @abstractmethod
    def copy(self, source: str, target: str, *, if_match: str | None = None) -> BlobInfo:
        """Copy inside the store, without moving the bytes through this process where the store can; replaces the target.

        With `if_match`, only while the source still has that etag.

        Raises:
            BlobNotFoundError: No such source.
            BlobConflictError: The source has another etag.
        """

    @abstractmethod
    def delete(self, path: str) -> bool:
        """Delete; True when there was one. Deleting twice is not an error."""

    @abstractmethod
    def signed_url(self, path: str, valid_for: timedelta) -> str:
        """An address that lets whoever holds it read this one blob for so long (up to 7 days), for what leaves the process.

        Raises:
            UsageError: The store is on no network.
            StoreUnavailableError: Whoever opened the store may not sign.
        """
