"""Files that are still being written: each is locked by its writer, so one that nobody locks was left by a process that died.

Where files cannot be locked (Windows, some network disks) nothing is swept.

Belongs here: making, holding and sweeping them. Does not: what is written, and where it goes then (`blob_store.py`).
"""

import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":
    import fcntl


@contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """A new file of ours in `folder`, gone when the block ends unless it was moved away."""
    folder.mkdir(exist_ok=True)
    path, held = _make(folder)
    with held:
        try:
            yield path
        finally:
            with suppress(FileNotFoundError):
                path.unlink()


def sweep(folder: Path) -> None:
    """Delete what dead processes left in `folder`; lock files stay."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.suffix != ".lock":
            with suppress(OSError), path.open("rb") as file:  # finished meanwhile, or somebody else's
                if _lock(file):
                    path.unlink()


def _make(folder: Path) -> tuple[Path, BinaryIO]:
    while True:
        path = folder / uuid.uuid4().hex
        held = path.open("xb")
        if sys.platform == "win32":
            held.close()  # there an open file cannot be moved
            return path, held
        try:
            _lock(held)
        except BlockingIOError:  # a sweep looks at it, and will delete it
            held.close()
            continue
        except OSError:
            return path, held  # a disk without locks, where nobody sweeps
        if path.exists():
            return path, held
        held.close()  # a sweep came between


def _lock(file: BinaryIO) -> bool:
    """Take the lock, or raise OSError; False on Windows, where nothing is swept."""
    if sys.platform == "win32":
        return False
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True
