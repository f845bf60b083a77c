"""Runs on this machine, with an answer to whether their process still lives.

Belongs here: telling Dagster's run monitoring which runs died with the machine; `dagster.yaml` names the class. Does not: how runs start,
which is Dagster's default.

The default launcher cannot tell, so a run under way when the power went would count as started for ever: its day would never be asked
for again, and its place in the queue and in the pools never be free. A run may also wait for ever for a pool that is free: Dagster gives
a place away when another step leaves it, and misses a step that queues up at that very moment (measured with two runs on SQLite).
"""

import os
import re
from pathlib import Path

import dagster as dg
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.event_log import SqlEventLogStorage
from typing_extensions import override

_CLOCKS_DIFFER = 5.0


class LocalRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher with a health check by process id."""

    @property
    @override
    def supports_check_run_worker_health(self) -> bool:
        return os.name == "posix"  # elsewhere there is no harmless way to ask after a process

    @override
    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        self._give_places_away()
        for entry in self._instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
            worker = entry.get_dagster_event().engine_event_data.metadata.get("pid")
            if worker is not None and not _lives(int(str(worker.value)), entry.timestamp):
                return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"process {worker.value} is gone")
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def _give_places_away(self) -> None:
        """Let steps that wait for a free place in a pool have it."""
        storage = self._instance.event_log_storage
        if not isinstance(storage, SqlEventLogStorage):
            return
        for pool in storage.get_concurrency_keys():
            info = storage.get_concurrency_info(pool)
            if info.pending_step_count and info.active_slot_count < info.slot_count:
                storage.assign_pending_steps([pool])


def _lives(process: int, since: float) -> bool:
    """Whether a process lives and is the one that did at a time (seconds since 1970)."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, so it lives
    started = _started(process)
    return started is None or started <= since + _CLOCKS_DIFFER


def _started(process: int) -> float | None:
    """When a process was started (seconds since 1970), or None where the system does not tell."""
    try:
        ticks = int(Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        booted = re.search(r"^btime (\d+)", Path("/proc/stat").read_text(encoding="utf-8"), re.MULTILINE)
    except (OSError, ValueError):
        return None
    return int(booted[1]) + ticks / os.sysconf("SC_CLK_TCK") if booted else None
