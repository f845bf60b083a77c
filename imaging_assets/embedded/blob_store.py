"""Blob store over one directory: a blob is a file, its etag is `<mtime in ns>-<size>`.

Belongs here: how blobs map to files, atomically and for several processes. Does not: what is stored where (`settings.Places`).

Files are written beside the tree (in `.tmp/`) and moved into place, so readers and listings never meet half a blob; what a killed
process leaves there, the next one sweeps away. Conditional writes are checked under a lock file; an unconditional write is the last
word and takes no lock.
"""

import hashlib
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock
from typing_extensions import override

from imaging_assets.embedded.unfinished import sweep, unfinished
from imaging_assets.errors import BlobConflictError, BlobNameError, BlobNotFoundError, StoreUnavailableError, UsageError
from imaging_assets.ports.blob_store import MAX_PATH_CHARACTERS, BlobStore, check_path
from imaging_assets.records.images import Blob, BlobInfo

_TEMPORARY = ".tmp"
_MAX_NAME_BYTES = 255
_JUNCTION = 0xA0000003
"""Windows: the tag of a folder that stands for another one."""

_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class DirectoryBlobStore(BlobStore):
    """Blobs as files below `root`, which must exist (`create` makes it)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._swept = False

    @classmethod
    def create(cls, root: Path) -> "DirectoryBlobStore":
        """Make the directory if need be and return the store."""
        root.mkdir(parents=True, exist_ok=True)
        return cls(root)

    @override
    def list_blobs(self, prefix: str = "") -> Iterator[BlobInfo]:
        self._check_root()
        folder, slash, start = prefix.rpartition("/")
        if not slash or _is_path(folder):
            yield from self._walk(folder + slash, start)
        self._check_root()  # gone meanwhile, it would look like a short listing

    @override
    def list_folders(self, prefix: str = "") -> list[str]:
        self._check_root()
        folder = f"{prefix.removesuffix('/')}/" if prefix else ""
        if folder and not _is_path(folder[:-1]):
            return []
        names = [name for name, is_folder in self._entries(folder) if is_folder]
        return [name for name in names if self._holds_any(f"{folder}{name}/")]

    @override
    def list_files(self, prefix: str = "") -> list[BlobInfo]:
        self._check_root()
        folder = f"{prefix.removesuffix('/')}/" if prefix else ""
        if folder and not _is_path(folder[:-1]):
            return []
        return list(self._files(folder))

    @override
    def find(self, path: str) -> BlobInfo | None:
        file = self._file(path)
        with _translated(f"look for {path!r}", self.root):
            try:
                return None if self._leads_out(file) else _info(path, file.lstat())
            except _ABSENT:
                return None

    @override
    def read(self, path: str) -> Blob:
        with self._open(path) as file, _translated(f"read {path!r}", self.root):
            # The open file keeps its inode even if the blob is replaced meanwhile: bytes and etag belong together.
            return Blob(file.read(), _etag(os.fstat(file.fileno())))

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
            with temporary.open("wb") as copied:
                shutil.copyfileobj(opened, copied)

        with self._open(source) as opened:
            if if_match is not None and _etag(os.fstat(opened.fileno())) != if_match:
                raise BlobConflictError(source)
            return self._place(target, fill)

    @override
    def delete(self, path: str) -> bool:
        if self.find(path) is None:
            return False
        with _translated(f"delete {path!r}", self.root):
            try:
                self._file(path).unlink()
            except _ABSENT:
                return False
        return True

    @override
    def signed_url(self, path: str, valid_for: timedelta) -> str:
        raise UsageError(
            f"{path!r} lies in a folder, which has no addresses to sign. Leave the option out, or use profile azure."
        )

    def _place(self, path: str, fill: Callable[[Path], None]) -> BlobInfo:
        """Let `fill` write a temporary file, then move it to the blob's place."""
        target = self._file(path)
        if self._leads_out(target.parent):
            raise BlobNameError(f"A folder of {path!r} is a link here, which could lead out of the store. Choose another path.")
        if not self._swept:
            with _translated("list unfinished writes", self.root):
                sweep(self.root / _TEMPORARY)
            self._swept = True
        with _translated(f"write {path!r}", self.root), unfinished(self.root / _TEMPORARY) as temporary:
            try:
                fill(temporary)
                _keep_etags_apart(target, temporary)
                info = _info(path, temporary.stat())
                _move(temporary, self.root, path)
            except OSError as error:
                if not (target.is_dir() or isinstance(error, NotADirectoryError | IsADirectoryError | FileExistsError)):
                    raise
                raise BlobNameError(f"{path!r} is both a blob and a folder of blobs here. Rename one of them.") from error
        return info

    def _file(self, path: str) -> Path:
        self._check_root()
        if check_path(path).split("/", 1)[0] == _TEMPORARY:
            raise BlobNameError(f"{path!r} is kept for unfinished writes. Choose a path outside {_TEMPORARY}/.")
        if len(os.fsencode(path)) > _MAX_NAME_BYTES and any(len(os.fsencode(part)) > _MAX_NAME_BYTES for part in path.split("/")):
            raise BlobNameError(f"{path[:80]!r}… has a name of over {_MAX_NAME_BYTES} bytes, more than a file can. Shorten it.")
        return self.root / path

    def _open(self, path: str) -> BinaryIO:
        file = self._file(path)
        with _translated(f"read {path!r}", self.root):
            try:
                if self._leads_out(file):
                    raise BlobNotFoundError(path)
                return file.open("rb")
            except _ABSENT as error:
                raise BlobNotFoundError(path) from error

    def _leads_out(self, file: Path) -> bool:
        """Whether the file, or a folder above it, is a link; listings do not follow links, so nothing else may."""
        place = os.fspath(self.root)
        for part in file.relative_to(self.root).parts:
            place = f"{place}{os.sep}{part}"
            try:
                found = os.lstat(place)
            except _ABSENT:
                return False
            if stat.S_ISLNK(found.st_mode) or getattr(found, "st_reparse_tag", 0) == _JUNCTION:
                return True
        return False

    @contextmanager
    def _lock(self, path: str) -> Iterator[None]:
        self._file(path)
        name = hashlib.sha256(path.encode()).hexdigest()[:32]
        (self.root / _TEMPORARY).mkdir(exist_ok=True)
        with FileLock(self.root / _TEMPORARY / f"{name}.lock", timeout=30):
            yield

    def _files(self, folder: str) -> Iterator[BlobInfo]:
        for name, is_folder in self._entries(folder):
            if not is_folder:
                with suppress(*_ABSENT):  # deleted since the folder was read
                    yield _info(folder + name, (self.root / folder / name).lstat())

    def _walk(self, folder: str, start: str) -> Iterator[BlobInfo]:
        """Blobs below `folder` ("" or ending in "/") whose remaining path starts with `start`, in path order."""
        for name, is_folder in self._entries(folder):
            if not name.startswith(start):
                continue
            if is_folder:
                yield from self._walk(f"{folder}{name}/", "")
                continue
            with suppress(*_ABSENT):  # deleted since the folder was read
                yield _info(folder + name, os.lstat(f"{self.root}/{folder}{name}"))

    def _holds_any(self, folder: str) -> bool:
        """Whether there is a blob below `folder` (no link, ending in "/"); a folder of a million blobs is not read for it."""
        below = []
        with _translated(f"list {folder!r}", self.root), suppress(*_ABSENT), os.scandir(self.root / folder) as entries:
            for entry in entries:
                if not _is_plain(entry) or len(folder + entry.name) > MAX_PATH_CHARACTERS:
                    continue
                if not entry.is_dir(follow_symlinks=False):
                    return True
                below.append(f"{folder}{entry.name}/")
        return any(self._holds_any(inner) for inner in below)

    def _entries(self, folder: str) -> list[tuple[str, bool]]:
        """Names in a folder ("" or ending in "/") and whether each is a folder, in path order."""
        if folder.startswith(f"{_TEMPORARY}/") or self._leads_out(self.root / folder):
            return []
        with _translated(f"list {folder!r}", self.root):
            try:
                with os.scandir(self.root / folder) as entries:
                    found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries if _is_plain(entry)]
            except _ABSENT:
                return []
        # A folder sorts as its blobs do, whose paths continue with "/".
        fit = (item for item in found if len(folder + item[0]) <= MAX_PATH_CHARACTERS and (folder or item[0] != _TEMPORARY))
        return sorted(fit, key=lambda item: item[0] + "/" * item[1])

    def _check_root(self) -> None:
        if not self.root.is_dir():
            raise StoreUnavailableError(
                f"There is no store at {self.root}. Run `imaging-assets add FOLDER` or `imaging-assets demo` to begin, "
                "or bring the folder back if it was moved."
            )


def _is_plain(entry: os.DirEntry[str]) -> bool:
    """Regular files and folders with names that a blob may have; links and devices could lead out of the store."""
    return not entry.is_symlink() and (entry.is_file() or entry.is_dir()) and _is_path(entry.name)


def _is_path(name: str) -> bool:
    if name.isascii() and name.isprintable() and not {"/", "\\"} & set(name) and name not in ("", ".", ".."):
        return True  # nearly all; the rest costs more
    try:
        check_path(name)
    except BlobNameError:
        return False
    return True


@contextmanager
def _translated(doing: str, root: Path) -> Iterator[None]:
    """What the system says against a file that is there: no rights, no space, no connection."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailableError(
            f"Cannot {doing} below {root}: {error.strerror}. Free space, fix the rights or connect the disk, then run again."
        ) from error


def _etag(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns}-{status.st_size}"


def _info(path: str, status: os.stat_result) -> BlobInfo:
    if not stat.S_ISREG(status.st_mode):
        raise IsADirectoryError(path)
    return BlobInfo(path, status.st_size, _etag(status), datetime.fromtimestamp(status.st_mtime, UTC))


def _keep_etags_apart(target: Path, temporary: Path) -> None:
    """Files are stamped by a clock that ticks only each few milliseconds: a quick second write must still get another etag."""
    now = time.time_ns()
    with suppress(*_ABSENT):
        now = max(now, target.lstat().st_mtime_ns + 1)
    os.utime(temporary, ns=(now, now))


def _move(temporary: Path, root: Path, path: str) -> None:
    """Move a file to a blob's place, making its folders but never the store's: after an unmount it would pass for an empty store."""
    try:
        temporary.replace(root / path)
    except FileNotFoundError:
        folder = root
        for name in path.split("/")[:-1]:
            folder /= name
            folder.mkdir(exist_ok=True)
        temporary.replace(root / path)
