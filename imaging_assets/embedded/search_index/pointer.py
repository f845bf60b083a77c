"""The pointer file: which generation serves queries and which one writers fill (what an alias is to Azure AI Search).

Belongs here: reading it, replacing it atomically, and the lock under which it changes. Does not: what a generation holds.
"""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from imaging_assets.errors import SearchIndexError

_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Pointer:
    """Names of two generations, equal unless a rebuild is under way."""

    serving: str
    writing: str


class PointerFile:
    """`pointer.json` in the index's folder, beside the generations `index-<schema digest>-<random>.db`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "pointer.json"

    def read(self) -> Pointer | None:
        """The pointer, or None where there is no index, or its files are gone."""
        try:
            pointer = Pointer(**json.loads(self._path.read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, TypeError) as error:
            raise SearchIndexError(
                f"Cannot read {self._path}: {error}. Delete {self._folder}; the index is made anew and filled again."
            ) from error
        return pointer if self.file(pointer.writing).exists() and self.file(pointer.serving).exists() else None

    def write(self, pointer: Pointer) -> None:
        """Replace the pointer and drop generations that it does not name; only under `lock`."""
        temporary = self._path.with_suffix(".tmp")
        with temporary.open("w") as file:
            json.dump(asdict(pointer), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        for path in self._folder.glob("index-*.db*"):
            if path.name.partition(".")[0] not in {pointer.serving, pointer.writing}:
                with suppress(OSError):  # in use on a system that keeps open files: the next change drops it
                    path.unlink()

    def file(self, name: str) -> Path:
        """Database of a generation."""
        return self._folder / f"{name}.db"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One process at a time changes the pointer."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / "pointer.lock", timeout=_SECONDS):
                yield
        except Timeout as error:
            raise SearchIndexError(
                f"{self._folder} is locked since {_SECONDS} s. End the process that holds it, then run again."
            ) from error
        except OSError as error:
            raise SearchIndexError(
                f"Cannot write the search index in {self._folder}: {error}. Free space or fix the rights, then run again."
            ) from error


def new_name(digest: str) -> str:
    """Name of a new generation; random, so that an index made anew never looks like the lost one."""
    return f"index-{digest}-{secrets.token_hex(4)}"


def digest_of(name: str) -> str:
    """Schema digest in a generation's name."""
    return name.removeprefix("index-").partition("-")[0]
