"""The launcher's health check: a run lives as long as its process, and a free place in a pool is given away."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.events import EngineEventData
from dagster._core.launcher.base import WorkerStatus
from dagster._core.storage.event_log import SqlEventLogStorage

from imaging_assets.defs.launcher import LocalRunLauncher, _lives
from imaging_assets_tests.defs.in_process import CHECKOUT, a_history

pytestmark = pytest.mark.skipif(os.name != "posix", reason="elsewhere the launcher does not ask after processes")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with a_history(tmp_path / "history") as history:
        yield history


def a_launcher(instance: dg.DagsterInstance) -> LocalRunLauncher:
    launcher = LocalRunLauncher()
    launcher.register_instance(instance)
    return launcher


def a_run(instance: dg.DagsterInstance, process: int | None = None) -> dg.DagsterRun:
    """A started run, whose worker has told its process id, or not yet."""
    run = instance.add_run(dg.DagsterRun("job", run_id=f"run-{process}", status=dg.DagsterRunStatus.STARTED))
    if process is not None:
        instance.report_engine_event("Started process for run", run, EngineEventData.in_process(process))
    return run


def test_both_dagster_configurations_name_the_launcher() -> None:
    for file in ("dagster.yaml", "imaging_assets/cli/dagster.yaml"):
        config = yaml.safe_load((CHECKOUT / file).read_text(encoding="utf-8"))
        assert config["run_launcher"] == {"module": LocalRunLauncher.__module__, "class": LocalRunLauncher.__name__}
        assert config["run_monitoring"]["enabled"]
        assert config["run_monitoring"]["free_slots_after_run_end_seconds"] > 0


def test_a_run_whose_process_lives_is_running(instance: dg.DagsterInstance) -> None:
    assert a_launcher(instance).supports_check_run_worker_health
    assert a_launcher(instance).check_run_worker_health(a_run(instance, os.getpid())).status == WorkerStatus.RUNNING


def test_a_run_that_has_told_no_process_yet_is_running(instance: dg.DagsterInstance) -> None:
    assert a_launcher(instance).check_run_worker_health(a_run(instance)).status == WorkerStatus.RUNNING


def test_a_run_whose_process_is_gone_is_not_found(instance: dg.DagsterInstance) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(30)
    health = a_launcher(instance).check_run_worker_health(a_run(instance, process.pid))
    assert (health.status, health.msg) == (WorkerStatus.NOT_FOUND, f"process {process.pid} is gone")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell when a process started")
def test_another_process_with_the_same_number_is_not_taken_for_the_worker() -> None:
    assert _lives(os.getpid(), time.time())
    assert not _lives(os.getpid(), time.time() - 1_000_000)


def test_a_step_that_dagster_forgot_gets_the_free_place_in_the_pool(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    storage.set_concurrency_slots("pool", 1)
    assert storage.claim_concurrency_slot("pool", "first", "step").is_claimed
    assert not storage.claim_concurrency_slot("pool", "second", "step").is_claimed
    # What the first does when it ends, except giving its place away: so it goes when the second queues up between the two.
    storage._free_concurrency_slots(run_id="first")
    storage._remove_pending_steps(run_id="first")
    assert not storage.claim_concurrency_slot("pool", "second", "step").is_claimed

    a_launcher(instance).check_run_worker_health(a_run(instance, os.getpid()))

    assert storage.claim_concurrency_slot("pool", "second", "step").is_claimed
