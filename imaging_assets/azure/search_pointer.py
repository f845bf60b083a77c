"""The pointer: which index serves queries and which one writers fill, as a small blob beside the manifests.

Belongs here: reading and replacing it. Does not: indexes or the alias, which is for applications that know nothing of this blob.

It lies in the store so that a day that is up to date asks the search service nothing; it changes only over the version that was read.
"""

import json
import time
from dataclasses import asdict, dataclass

from imaging_assets.errors import BlobConflictError, BlobNotFoundError, SearchIndexError
from imaging_assets.ports.blob_store import BlobStore

_FRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Pointer:
    """Names of two indexes, equal unless a rebuild is under way."""

    serving: str
    writing: str


class PointerBlob:
    """The pointer at a path of a store; `known` is what was read last."""

    def __init__(self, store: BlobStore, path: str) -> None:
        self._store = store
        self._path = path
        self._known: Pointer | None = None
        self._etag: str | None = None
        self._read_at = float("-inf")

    def glance(self) -> Pointer | None:
        """The pointer as it was some seconds ago at most; many days ask for it one after the other."""
        if self._known and time.monotonic() - self._read_at < _FRESH_SECONDS:
            return self._known
        return self.read()

    def read(self) -> Pointer | None:
        """The pointer, or None where there is none."""
        try:
            blob = self._store.read(self._path)
        except BlobNotFoundError:
            return self._remember(None, None)
        try:
            return self._remember(Pointer(**json.loads(blob.data)), blob.etag)
        except (ValueError, TypeError) as error:
            raise SearchIndexError(
                f"{self._path} cannot be read: {error}. Delete it; the index that the alias names is found again."
            ) from error

    def replace(self, pointer: Pointer) -> bool:
        """Write it over the version that was read last; False when somebody else was faster."""
        data = json.dumps(asdict(pointer)).encode()
        try:
            written = self._store.write(self._path, data, if_match=self._etag, if_absent=self._etag is None)
        except BlobConflictError:
            return False
        self._remember(pointer, written.etag)
        return True

    def _remember(self, pointer: Pointer | None, etag: str | None) -> Pointer | None:
        self._known, self._etag, self._read_at = pointer, etag, time.monotonic()
        return pointer
