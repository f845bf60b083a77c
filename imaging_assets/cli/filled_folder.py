"""A folder on this machine that a command fills: again and again, only with what differs, verified by hash.

Belongs here: writing, remembering and tidying files. Does not: which files (`export`, `checkout`).
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imaging_assets.errors import UsageError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.executor import Executor
from imaging_assets.stages.digests import sha256_of

MEMORY = ".imaging-assets.json"
"""The file in the folder that remembers what was written and from which blob."""

_Entry = dict[str, str]
"""`sha256` of a file, and the `blob` it came from."""

_REMEMBER_EVERY = 500
"""Files; at most so many are fetched again after an interruption."""


@dataclass
class FilledFolder:
    """Files of ours in a folder; others in it stay.

    Attributes:
        written: Files written now.
        kept: Files that were right already.
        removed: Files of before that do not belong any more.
    """

    root: Path
    written: int = 0
    kept: int = 0
    removed: int = 0
    _before: dict[str, _Entry] = field(default_factory=dict)
    _now: dict[str, _Entry] = field(default_factory=dict)

    @classmethod
    def open(cls, root: Path) -> "FilledFolder":
        """The folder, made where it is missing.

        Raises:
            UsageError: It holds files, and was not filled by this command.
        """
        memory = root / MEMORY
        if memory.is_file():
            try:
                return cls(root, _before=dict(json.loads(memory.read_text(encoding="utf-8"))))
            except (ValueError, TypeError) as error:
                raise UsageError(f"{memory} cannot be read. Give an empty folder, or delete this one.") from error
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise UsageError(f"{root} is not empty and was not filled by this command. Give a new folder.")
        root.mkdir(parents=True, exist_ok=True)
        folder = cls(root)
        folder._remember()
        return folder

    def put(self, name: str, data: bytes) -> None:
        """Let a file hold these bytes."""
        self._note(name, *self._ensure(name, {"sha256": sha256_of(data)}, lambda: data))

    def put_blobs(self, wanted: Sequence[tuple[str, str]], store: BlobStore, executor: Executor) -> None:
        """Let files hold blobs that never change under their names.

        Args:
            wanted: Name of the file, path of the blob; a blob is read only where its file is not there as it was written.
            store: Where the blobs are.
            executor: Reads several at once.
        """
        done = executor.map(lambda pair: self._ensure_blob(*pair, store), wanted)
        for (name, _), (entry, written) in zip(wanted, done, strict=True):
            self._note(name, entry, written)

    def finish(self) -> None:
        """Remove what was written before and does not belong any more, and remember the rest."""
        for name in self._before.keys() - self._now.keys():
            path = self._place(name)
            if path.is_file():
                path.unlink()
                self.removed += 1
            for parent in path.parents:
                if parent == self.root or not parent.is_dir() or any(parent.iterdir()):
                    break
                parent.rmdir()
        self._before = {}
        self._remember()

    def _ensure_blob(self, name: str, path: str, store: BlobStore) -> tuple[_Entry, bool]:
        before = self._before.get(name, {})
        known = before.get("sha256", "") if before.get("blob") == path else ""
        return self._ensure(name, {"sha256": known, "blob": path}, lambda: store.read(path).data)

    def _ensure(self, name: str, entry: _Entry, data: Callable[[], bytes]) -> tuple[_Entry, bool]:
        """The entry as it holds now, and whether the file had to be written."""
        path = self._place(name)
        if entry["sha256"] and path.is_file() and _sha256_of_file(path) == entry["sha256"]:
            return entry, False
        content = data()
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f"{path.name}.part")
        half.write_bytes(content)
        half.replace(path)
        return entry | {"sha256": sha256_of(content)}, True

    def _note(self, name: str, entry: _Entry, written: bool) -> None:  # noqa: FBT001
        self._now[name] = entry
        self.written += written
        self.kept += not written
        if written and self.written % _REMEMBER_EVERY == 0:
            self._remember()

    def _remember(self) -> None:
        text = json.dumps(self._before | self._now, indent=0, sort_keys=True)
        (self.root / MEMORY).write_text(text, encoding="utf-8")

    def _place(self, name: str) -> Path:
        path = (self.root / name).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise UsageError(f"{name!r} leads out of {self.root}. Rename that image.")
        return path


def _sha256_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
