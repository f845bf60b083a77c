"""Dagster's SQLite storage with connections that are kept: the event log is most of what a day costs on which nothing is to do.

Belongs here: how its files are opened; `dagster.yaml` names the class. Does not: which folder they are in (`cli/history.py`); what stands
in them, which is Dagster's.

A day's run is about 160 events, and at each Dagster makes an engine anew, opens a file, and waits until the disk has the event; several
times when it is an asset's. Here engine and connection stay, and SQLite waits for the disk at checkpoints only (`synchronous=NORMAL`): a
killed run loses nothing, a power cut may lose the last events, and manifests, not events, say what is done. Files and tables are the
same, so processes with this class and without it share a history.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import sqlalchemy as db
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import QueuePool
from typing_extensions import override

_KEPT = 8
"""Files that stay open in a process: each run has one, and a web server looks at many."""


class _EventLog(SqliteEventLogStorage):
    """The event log; Dagster's lock, held as long as a connection is used, is all that threads need."""

    def __init__(self, base_dir: str) -> None:
        self._engines: OrderedDict[str, db.Engine] = OrderedDict()
        super().__init__(base_dir)

    @contextmanager
    @override
    def _connect(self, shard: str) -> Iterator[db.Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def _engine(self, shard: str) -> db.Engine:
        """The file's engine, now the one used last."""
        engine = self._engines.pop(shard, None)
        self._engines[shard] = engine = engine or _kept(self.conn_string_for_shard(shard))
        if len(self._engines) > _KEPT:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    @override
    def wipe(self) -> None:
        self._close()  # the files are deleted
        super().wipe()

    @override
    def dispose(self) -> None:
        self._close()
        super().dispose()

    def _close(self) -> None:
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()


class KeptSqliteStorage(DagsterSqliteStorage):
    """What `storage: sqlite` is, but for the events; runs and ticks are few."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = _EventLog(self._event_log_storage._base_dir)  # noqa: SLF001 - where Dagster has it

    @classmethod
    @override
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        return cls(inst_data=inst_data, **config_value)


def _kept(url: str) -> db.Engine:
    engine = db.create_engine(
        url,
        poolclass=QueuePool,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )

    @db.event.listens_for(engine, "connect")
    def wait_less(connection: Any, _: object) -> None:
        # Dagster sets the mode too, but after it has made a new run's tables, each of which the disk would have to have.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine
