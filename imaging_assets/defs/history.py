"""Dagster's history on this machine: its SQLite storage, with connections that are kept.

Belongs here: how the history's files are opened; `dagster.yaml` names the class. Does not: which folder they are in (`cli/history.py`), what
stands in them, which is Dagster's.

A day's run is about 160 events, and for each Dagster makes an engine anew, opens the file, and waits for the disk to have the event:
most of what a day costs on which nothing is to do. Here engine and connection stay, and SQLite waits for the disk at checkpoints only
(`synchronous=NORMAL`): a run that is killed loses nothing, a power cut perhaps its last events, and manifests, not events, say what is
done. Files and tables are the same, so any Dagster process reads and writes them, with this class or without.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as db
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage, SqliteStorageConfig
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import QueuePool
from typing_extensions import Self, override

_KEPT = 8
"""Files of runs that stay open in a process; a web server looks at many runs."""


class _EventLog(SqliteEventLogStorage):
    """The event log; Dagster's lock around each connection makes one per file enough."""

    def __init__(self, base_dir: str) -> None:
        self._engines: OrderedDict[str, db.Engine] = OrderedDict()
        self._tables: set[str] = set()
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
    def has_table(self, table_name: str) -> bool:
        # Asked at each asset's event, over a connection of its own; what is there stays.
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    @override
    def wipe(self) -> None:
        self._close()  # the files are deleted
        super().wipe()

    @override
    def dispose(self) -> None:
        self._close()
        super().dispose()

    def _close(self) -> None:
        while self._engines:
            self._engines.popitem()[1].dispose()


class _Runs(SqliteRunStorage):
    """The runs."""

    _kept_engine: db.Engine | None = None

    @contextmanager
    @override
    def connect(self) -> Iterator[db.Connection]:
        self._kept_engine = self._kept_engine or _kept(self._conn_string)
        with self._kept_engine.begin() as connection:
            yield connection

    @override
    def dispose(self) -> None:
        if self._kept_engine:
            self._kept_engine.dispose()
        super().dispose()


class KeptSqliteStorage(DagsterSqliteStorage):
    """What `storage: sqlite` is; its ticks are left alone, for no run writes one."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._run_storage = _Runs(self._run_storage._conn_string)
        self._event_log_storage = _EventLog(self._event_log_storage._base_dir)

    @classmethod
    @override
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: SqliteStorageConfig) -> Self:
        return cls(inst_data=inst_data, **config_value)


def _kept(url: str) -> db.Engine:
    engine = db.create_engine(
        url,
        poolclass=QueuePool,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )

    @db.event.listens_for(engine, "connect")
    def wait_less(connection: Any, _: object) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine
