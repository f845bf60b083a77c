"""A store that reads what is there and only remembers what is written, so that nothing is changed by a rehearsal.

Belongs here: the overlay. Does not: which blobs a step writes.

Resized images and thumbnails are never read: nobody looks at them in a rehearsal, only their sizes count.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock

from typing_extensions import override

from imaging_assets.errors import BlobConflictError, BlobNotFoundError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.images import Blob, BlobInfo


@dataclass(frozen=True)
class _Written:
    data: bytes
    info: BlobInfo


@dataclass
class RehearsalStore(BlobStore):
    """An overlay over a store.

    Args:
        inner: What is there; only read.
        unread: Beginnings of paths whose bytes nobody needs: zeros of the right number stand for them.
        sizes: Those numbers by path, where the store does not know the blob because it is yet to be made.
    """

    inner: BlobStore
    unread: Sequence[str]
    sizes: dict[str, int] = field(default_factory=dict)
    _written: dict[str, _Written] = field(default_factory=dict)
    _deleted: set[str] = field(default_factory=set)
    _listed: set[str] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    @override
    def list_blobs(self, prefix: str = "") -> Iterator[BlobInfo]:
        there = {blob.path: blob for blob in self.inner.list_blobs(prefix)}
        yield from self._merged(there, [path for path in self._written if path.startswith(prefix)])

    @override
    def list_folders(self, prefix: str = "") -> list[str]:
        below = (path.removeprefix(prefix) for path in self._written if path.startswith(prefix))
        return sorted({*self.inner.list_folders(prefix), *(rest.partition("/")[0] for rest in below if "/" in rest)})

    @override
    def list_files(self, prefix: str = "") -> list[BlobInfo]:
        there = {blob.path: blob for blob in self.inner.list_files(prefix)}
        new = [path for path in self._written if path.startswith(prefix) and "/" not in path.removeprefix(prefix)]
        return list(self._merged(there, new))

    @override
    def find(self, path: str) -> BlobInfo | None:
        if path in self._written:
            return self._written[path].info
        return None if path in self._deleted else self.inner.find(path)

    @override
    def read(self, path: str) -> Blob:
        if written := self._written.get(path):
            return Blob(written.data, written.info.etag)
        if path in self._deleted:
            raise BlobNotFoundError(path)
        if path.startswith(tuple(self.unread)):
            return Blob(bytes(self._size(path)), "")
        return self.inner.read(path)

    @override
    def write(self, path: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> BlobInfo:
        now = self.find(path) if if_match is not None or if_absent else None
        if (if_absent and now) or (if_match is not None and (now is None or now.etag != if_match)):
            raise BlobConflictError(path)
        with self._lock:
            number = len(self._written) + len(self._deleted)
            # Later than anything that is there: whoever takes the newest takes this.
            when = datetime.now(UTC) + timedelta(days=1, microseconds=number)
            info = BlobInfo(path, len(data), f"rehearsed-{number}-{when.timestamp()}", when)
            self._written[path] = _Written(data, info)
            self._deleted.discard(path)
        return info

    @override
    def copy(self, source: str, target: str, *, if_match: str | None = None) -> BlobInfo:
        blob = self.read(source)
        if if_match is not None and blob.etag != if_match:
            raise BlobConflictError(source)
        return self.write(target, blob.data)

    @override
    def delete(self, path: str) -> bool:
        there = self.find(path) is not None
        with self._lock:
            self._written.pop(path, None)
            self._deleted.add(path)
        return there

    @override
    def signed_url(self, path: str, valid_for: timedelta) -> str:
        return self.inner.signed_url(path, valid_for)

    def _merged(self, there: dict[str, BlobInfo], new: Sequence[str]) -> Iterator[BlobInfo]:
        for path in sorted({*(there.keys() - self._deleted), *new}):
            yield self._written[path].info if path in self._written else there[path]

    def _size(self, path: str) -> int:
        """By one listing per folder, not one question per blob."""
        folder = path.rpartition("/")[0] + "/"
        with self._lock:
            if path not in self.sizes and folder not in self._listed:
                self._listed.add(folder)
                self.sizes |= {blob.path: blob.size for blob in self.inner.list_blobs(folder) if blob.path not in self.sizes}
        if path not in self.sizes:
            raise BlobNotFoundError(path)
        return self.sizes[path]
