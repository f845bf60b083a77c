"""Event queue over one folder: a message is a file, and its name says how often it was handed out and until when it is hidden.

    .imaging/events/<id>.json                        dropped in by anybody: one JSON event, or a list of them
    .imaging/events/<id>.<dequeues>.<until>.held     handed out; hidden until then (ns since 1970)
    .imaging/events/poison/<id>.json                 set aside

Belongs here: files. Does not: what a message says (`stages/events.py`). Whoever renames a file first holds it, so several processes may
ask at once; a file whose name begins with a dot is still being written.
"""

import json
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from typing_extensions import override

from imaging_assets.errors import EventQueueError
from imaging_assets.ports.event_queue import EventQueue
from imaging_assets.records.events import Message

_LISTED = 32
_HELD = re.compile(r"(?P<key>.+)\.(?P<dequeues>[0-9]+)\.(?P<until>[0-9]+)\.held")


class DirectoryEventQueue(EventQueue):
    """Messages as files below `root`, which is made when something is sent or set aside.

    Args:
        hidden_seconds: How long a message that was handed out stays hidden.
    """

    def __init__(self, root: Path, *, hidden_seconds: float) -> None:
        self._root = root
        self._hidden = int(hidden_seconds * 1e9)

    @property
    @override
    def name(self) -> str:
        return str(self._root)

    @override
    def receive(self, most: int) -> list[Message]:
        now, held = time.time_ns(), list[Message]()
        with self._translated("read"):
            for file in self._files():
                key, dequeues, until = _parts(file)
                if len(held) == most:
                    break
                if until > now:
                    continue
                mine = self._root / f"{key}.{dequeues + 1}.{now + self._hidden}.held"
                with suppress(FileNotFoundError):  # somebody was faster
                    file.rename(mine)
                    held.append(Message(key, mine.read_text(encoding="utf-8", errors="replace"), dequeues + 1, mine.name))
        return held

    @override
    def delete(self, messages: Sequence[Message]) -> None:
        with self._translated("delete from"):
            for message in messages:
                (self._root / message.receipt).unlink(missing_ok=True)

    @override
    def set_aside(self, messages: Sequence[Message]) -> None:
        with self._translated("set a message aside in"):
            self._poison.mkdir(parents=True, exist_ok=True)
            for message in messages:
                with suppress(FileNotFoundError):  # somebody else holds it by now
                    (self._root / message.receipt).rename(self._poison / f"{message.receipt.removesuffix('.held')}.json")

    @override
    def aside(self) -> tuple[int, list[str]]:
        with self._translated("read"):
            files = sorted(self._poison.glob("*.json"), key=lambda file: (file.stat().st_mtime_ns, file.name))
            return len(files), [file.read_text(encoding="utf-8", errors="replace") for file in files[:_LISTED]]

    @override
    def send(self, text: str) -> None:
        key = f"{time.time_ns()}-{uuid.uuid4().hex[:8]}"
        with self._translated("write to"):
            self._root.mkdir(parents=True, exist_ok=True)
            temporary = self._root / f".{key}"
            temporary.write_text(text, encoding="utf-8")
            temporary.rename(self._root / f"{key}.json")

    @override
    def path_of(self, container: str, name: str) -> str | None:
        return name

    @override
    def tell(self, path: str) -> None:
        event = {
            "specversion": "1.0",
            "id": uuid.uuid4().hex,
            "source": "imaging-assets",
            "type": "Microsoft.Storage.BlobCreated",
            "subject": f"/blobServices/default/containers/store/blobs/{path}",
            "time": datetime.now(UTC).isoformat(),
        }
        self.send(json.dumps(event))

    @property
    def _poison(self) -> Path:
        return self._root / "poison"

    def _files(self) -> list[Path]:
        """Oldest first, as far as names tell."""
        files = self._root.glob("[!.]*") if self._root.is_dir() else ()
        return sorted(file for file in files if file.suffix in (".json", ".held"))

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise EventQueueError(
                f"Cannot {doing} the queue {self._root}: {error.strerror}. Mend its rights or free space, or set sensors.source to "
                "'listing'."
            ) from error


def _parts(file: Path) -> tuple[str, int, int]:
    """Id, times handed out, hidden until."""
    held = _HELD.fullmatch(file.name)
    return (held["key"], int(held["dequeues"]), int(held["until"])) if held else (file.stem, 0, 0)
