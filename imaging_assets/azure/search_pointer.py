"""The pointer: which index serves queries and which one writers fill, as a small blob beside the manifests.

Belongs here: reading and replacing it. Does not: indexes or the alias, which is for applications that know nothing of this blob.

It lies in the store so that a day that is up to date asks the search service nothing; it changes only over the version that was read.
"""

import json
import time
from dataclasses import dataclass, field, replace

from imaging_assets.errors import BlobConflictError, BlobNotFoundError, SearchIndexError
from imaging_assets.ports.blob_store import BlobStore

_FRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Pointer:
    """Names of two indexes, equal unless a rebuild is under way; `etag` is that of the blob they were read from."""

    serving: str
    writing: str
    etag: str | None = field(default=None, compare=False)


class PointerBlob:
    """The pointer at a path of a store."""

    def __init__(self, store: BlobStore, path: str) -> None:
        self._store = store
        self._path = path
        self._known: tuple[float, Pointer] | None = None

    def glance(self) -> Pointer | None:
        """The pointer as it was some seconds ago at most; many days ask for it one after the other."""
        known = self._known
        return known[1] if known and time.monotonic() - known[0] < _FRESH_SECONDS else self.read()

    def read(self) -> Pointer | None:
        """The pointer, or None where there is none."""
        self._known = None
        try:
            blob = self._store.read(self._path)
            names = json.loads(blob.data)
            pointer = Pointer(names["serving"], names["writing"], blob.etag)
        except BlobNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise SearchIndexError(
                f"{self._path} cannot be read as a pointer. Delete it; the index that the alias names is found again."
            ) from error
        self._known = (time.monotonic(), pointer)
        return pointer

    def replace(self, pointer: Pointer, *, over: Pointer | None) -> bool:
        """Write it over the one that was read (None: there was none); False when somebody else was faster."""
        data = json.dumps({"serving": pointer.serving, "writing": pointer.writing}).encode()
        try:
            written = self._store.write(self._path, data, if_match=over.etag if over else None, if_absent=over is None)
        except BlobConflictError:
            self._known = None
            return False
        self._known = (time.monotonic(), replace(pointer, etag=written.etag))
        return True
