"""Blob store over one directory: a blob is a file, its etag is `<mtime in ns>-<size>`.

Belongs here: how blobs map to files, atomically and for several processes. Does not: what is stored where (`settings.Places`).

Files are written beside the tree (in `.tmp/`) and moved into place, so readers and listings never meet half a blob. Conditional
writes are checked under a lock file; an unconditional write is the last word and takes no lock.
"""

import hashlib
import os
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock
from typing_extensions import override

from imaging_assets.errors import BlobConflictError, BlobNameError, BlobNotFoundError, StoreUnavailableError
from imaging_assets.ports.blob_store import BlobStore, check_path
from imaging_assets.records.images import Blob, BlobInfo

_TEMPORARY = ".tmp"


class DirectoryBlobStore(BlobStore):
    """Blobs as files below `root`, which must exist (`create` makes it)."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def create(cls, root: Path) -> "DirectoryBlobStore":
        """Make the directory if need be and return the store."""
        root.mkdir(parents=True, exist_ok=True)
        return cls(root)

    @override
    def list_blobs(self, prefix: str = "") -> Iterator[BlobInfo]:
        self._check_root()
        folder, _, start = prefix.rpartition("/")
        yield from self._walk(folder + "/" if folder else "", start)

    @override
    def list_folders(self, prefix: str = "") -> list[str]:
        self._check_root()
        folder = prefix.rstrip("/")
        names = (name for name, is_folder in self._entries(folder) if is_folder)
        return [name for name in names if next(self._walk(f"{folder}/{name}/" if folder else f"{name}/", ""), None)]

    @override
    def find(self, path: str) -> BlobInfo | None:
        self._check_root()
        try:
            return _info(check_path(path), (self.root / path).stat())
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    @override
    def read(self, path: str) -> Blob:
        self._check_root()
        try:
            with (self.root / check_path(path)).open("rb") as file:
                # The open file keeps its inode even if the blob is replaced meanwhile: bytes and etag belong together.
                return Blob(file.read(), _etag(os.fstat(file.fileno())))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise BlobNotFoundError(path) from error

    @override
    def write(self, path: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> BlobInfo:
        def fill(temporary: Path) -> None:
            temporary.write_bytes(data)

        if if_match is None and not if_absent:
            return self._place(path, fill)
        with self._lock(path):
            now = self.find(path)
            if (if_absent and now) or (if_match is not None and (now is None or now.etag != if_match)):
                raise BlobConflictError(path)
            return self._place(path, fill)

    @override
    def copy(self, source: str, target: str, *, if_match: str | None = None) -> BlobInfo:
        def fill(temporary: Path) -> None:
            with opened, temporary.open("wb") as copied:
                shutil.copyfileobj(opened, copied)

        try:
            opened = (self.root / check_path(source)).open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise BlobNotFoundError(source) from error
        with opened:
            if if_match is not None and _etag(os.fstat(opened.fileno())) != if_match:
                raise BlobConflictError(source)
            return self._place(target, fill)

    @override
    def delete(self, path: str) -> bool:
        self._check_root()
        try:
            (self.root / check_path(path)).unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return False
        return True

    def _place(self, path: str, fill: Callable[[Path], None]) -> BlobInfo:
        """Let `fill` write a temporary file, then move it to the blob's place."""
        self._check_root()
        target = self.root / check_path(path)
        if path.startswith(f"{_TEMPORARY}/"):
            raise BlobNameError(f"{path!r} is kept for unfinished writes. Choose a path outside {_TEMPORARY}/.")
        temporary = self.root / _TEMPORARY / uuid.uuid4().hex
        temporary.parent.mkdir(exist_ok=True)
        try:
            fill(temporary)
            _keep_etags_apart(target, temporary)
            info = _info(path, temporary.stat())
            _move(temporary, target)
        except OSError as error:
            if isinstance(error, NotADirectoryError | IsADirectoryError | FileExistsError):
                raise BlobNameError(f"{path!r} is both a blob and a folder of blobs here. Rename one of them.") from error
            raise StoreUnavailableError(
                f"Cannot write {path!r} below {self.root}: {error.strerror}. Free space or fix the rights, then run again."
            ) from error
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()
        return info

    @contextmanager
    def _lock(self, path: str) -> Iterator[None]:
        self._check_root()
        name = hashlib.sha256(path.encode()).hexdigest()[:32]
        (self.root / _TEMPORARY).mkdir(exist_ok=True)
        with FileLock(self.root / _TEMPORARY / f"{name}.lock", timeout=30):
            yield

    def _walk(self, folder: str, start: str) -> Iterator[BlobInfo]:
        """Blobs below `folder` ("" or ending in "/") whose remaining path starts with `start`, in path order."""
        for name, is_folder in self._entries(folder.rstrip("/")):
            if not name.startswith(start):
                continue
            if is_folder:
                yield from self._walk(f"{folder}{name}/", "")
                continue
            with suppress(FileNotFoundError):  # deleted since the folder was read
                yield _info(folder + name, (self.root / folder / name).stat())

    def _entries(self, folder: str) -> list[tuple[str, bool]]:
        try:
            with os.scandir(self.root / folder) as entries:
                found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries if _is_plain(entry)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        # A folder sorts as its blobs do, whose paths continue with "/".
        return sorted((item for item in found if folder or item[0] != _TEMPORARY), key=lambda item: item[0] + "/" * item[1])

    def _check_root(self) -> None:
        if not self.root.is_dir():
            raise StoreUnavailableError(
                f"There is no store at {self.root}. Run `imaging-assets add FOLDER` or `imaging-assets demo` to begin, "
                "or bring the folder back if it was moved."
            )


def _is_plain(entry: os.DirEntry[str]) -> bool:
    """Regular files and folders with names that are text; links and devices could lead out of the store."""
    return not entry.is_symlink() and entry.name.isprintable() and (entry.is_file() or entry.is_dir())


def _etag(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns}-{status.st_size}"


def _info(path: str, status: os.stat_result) -> BlobInfo:
    if not stat.S_ISREG(status.st_mode):
        raise IsADirectoryError(path)
    return BlobInfo(path, status.st_size, _etag(status), datetime.fromtimestamp(status.st_mtime, UTC))


def _keep_etags_apart(target: Path, temporary: Path) -> None:
    """File clocks tick coarser than a nanosecond: a quick second write must still get another etag."""
    with suppress(FileNotFoundError, NotADirectoryError):
        before, now = target.stat(), temporary.stat()
        if now.st_mtime_ns <= before.st_mtime_ns:
            os.utime(temporary, ns=(now.st_atime_ns, before.st_mtime_ns + 1))


def _move(temporary: Path, target: Path) -> None:
    try:
        temporary.replace(target)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(target)
