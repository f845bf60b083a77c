"""One SQLite file: connections that threads and processes can share it by, transactions, and errors in our words.

Belongs here: what is true of any SQLite file we keep. Does not: tables (`schema`) or what is in them (`generation`).
"""

import sqlite3
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from imaging_assets.errors import SearchIndexError

_BUSY_SECONDS = 30.0


class Database:
    """Connections to one file. Each is used by one thread at a time and kept for the next one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        # A connection that is only forgotten warns; one object may serve a whole process and never be closed by hand.
        self._close = weakref.finalize(self, _close_all, self._idle)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One snapshot of the file, whatever is written meanwhile."""
        with self._transaction("begin") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction; other writers of all processes wait up to 30 s."""
        with self._transaction("begin immediate") as connection:
            yield connection

    def close(self) -> None:
        """Close idle connections; busy ones close when their transaction ends."""
        self._close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with translated(self._path):
            connection = self._take()
            try:
                connection.execute(begin)
                yield connection
                connection.execute("commit")
            except BaseException:
                connection.close()
                raise
            self._give_back(connection)

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self._path)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        self._idle.append(connection)
        if not self._close.alive:
            _close_all(self._idle)


def create(path: Path, statements: Iterable[str]) -> None:
    """Make a new file with the given tables, for readers and writers at once (WAL)."""
    with translated(path):
        sqlite3.connect(path).close()
        connection = connect(path)
        try:
            connection.execute("pragma journal_mode = wal")
            connection.execute("begin immediate")
            for statement in statements:
                connection.execute(statement)
            connection.execute("commit")
        finally:
            connection.close()


def connect(path: Path) -> sqlite3.Connection:
    """Open a file that is there; SQLite would otherwise make an empty one in the place of a dropped generation."""
    address = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("pragma cache_size = -32000")
    connection.execute("pragma temp_store = memory")
    return connection


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise SearchIndexError(f"Search index {path}: {error}. {_remedy(str(error))}") from error


def _remedy(message: str) -> str:
    if "no such module: fts5" in message:
        return "This Python's SQLite has no full-text search: use a Python from python.org, uv, conda or your distribution."
    if "locked" in message:
        return f"Another process holds it for more than {_BUSY_SECONDS:.0f} s: end it, then run again."
    if any(words in message for words in ("full", "disk I/O", "readonly", "unable to open")):
        return "Free space or fix the rights, then run again."
    return "Run again; if it stays, delete the index's folder: it is made anew and filled again."


def _close_all(idle: list[sqlite3.Connection]) -> None:
    while idle:
        idle.pop().close()
