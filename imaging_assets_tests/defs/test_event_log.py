"""The kept event log: Dagster's own files, read and written by whoever comes, and nothing lost that was written."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.instance.ref import InstanceRef

from imaging_assets.defs.event_log import _KEPT, KeptSqliteStorage
from imaging_assets_tests.builders import DAY
from imaging_assets_tests.defs.in_process import CHECKOUT

OPEN_FILES = Path("/proc/self/fd")
"""Where the system tells which files are open, if it does."""

WRITER = """
import sys
import dagster as dg
from dagster._core.instance.ref import InstanceRef
with dg.DagsterInstance.from_ref(InstanceRef.from_dir(sys.argv[1])) as instance:
    run = instance.get_run_by_id("shared")
    for number in range(int(sys.argv[3])):
        instance.report_engine_event(f"{sys.argv[2]}-{number}", run)
        instance.report_runless_asset_event(dg.AssetMaterialization("raw_images", partition=f"{sys.argv[2]}-{number}"))
    print("written", flush=True)
    sys.stdin.read()
"""
"""Tells events of its own and of a run, then waits."""


@contextmanager
def a_history(home: Path, *, kept: bool = True) -> Iterator[dg.DagsterInstance]:
    """An instance over the folder's files, through this storage or Dagster's own."""
    place = {"base_dir": str(home)}
    ours = {"module": KeptSqliteStorage.__module__, "class": KeptSqliteStorage.__name__, "config": place}
    config = {"storage": {"custom": ours} if kept else {"sqlite": place}, "telemetry": {"enabled": False}}
    (home / "dagster.yaml").write_text(yaml.safe_dump(config), "utf-8")
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home))) as instance:
        yield instance


def tell(instance: dg.DagsterInstance, partition: str) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization("raw_images", partition=partition))


def told(instance: dg.DagsterInstance) -> set[str]:
    return instance.get_materialized_partitions(dg.AssetKey("raw_images"))


def a_writer(home: Path, name: str, events: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home), name, str(events)],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT), "DAGSTER_DISABLE_TELEMETRY": "yes"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_both_dagster_configurations_name_the_storage() -> None:
    for file in ("dagster.yaml", "imaging_assets/cli/dagster.yaml"):
        config = yaml.safe_load((CHECKOUT / file).read_text(encoding="utf-8"))
        named = config["storage"]["custom"]
        assert (named["module"], named["class"]) == (KeptSqliteStorage.__module__, KeptSqliteStorage.__name__)
        assert named["config"]["base_dir"] == config["local_artifact_storage"]["config"]["base_dir"]


def test_a_history_is_shared_with_dagster_s_own_storage(tmp_path: Path) -> None:
    with a_history(tmp_path, kept=False) as plain:
        tell(plain, "first")
        with a_history(tmp_path) as kept:
            assert told(kept) == {"first"}
            tell(kept, "second")
            assert told(plain) == {"first", "second"}
            tell(plain, "third")
            assert told(kept) == {"first", "second", "third"}


def test_many_runs_are_read_and_few_of_their_files_stay_open(tmp_path: Path) -> None:
    with a_history(tmp_path) as instance:
        runs = [instance.add_run(dg.DagsterRun("job", run_id=f"run-{number}")) for number in range(_KEPT + 2)]
        for run in (*runs, *runs):
            instance.report_engine_event(f"of {run.run_id}", run)
        assert {run.run_id: [entry.message for entry in instance.all_logs(run.run_id)] for run in runs} == {
            run.run_id: [f"of {run.run_id}"] * 2 for run in runs
        }
        if OPEN_FILES.exists():
            assert len(open_logs(tmp_path)) == _KEPT
    if OPEN_FILES.exists():
        assert open_logs(tmp_path) == set()


def open_logs(home: Path) -> set[Path]:
    """Files of events that this process has open."""
    opened = {entry.readlink() for entry in OPEN_FILES.iterdir() if entry.is_symlink()}
    return {path for path in opened if path.is_relative_to(home / "history" / "runs") and path.suffix == ".db"}


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    with a_history(tmp_path) as instance:
        instance.add_run(dg.DagsterRun("job", run_id="shared"))
        writers = [a_writer(tmp_path, name, 20) for name in ("a", "b", "c")]
        for number in range(20):
            tell(instance, f"here-{number}")
        assert [(writer.communicate()[0], writer.returncode) for writer in writers] == [("written\n", 0)] * 3
        theirs = {f"{name}-{number}" for name in ("a", "b", "c") for number in range(20)}
        assert told(instance) == theirs | {f"here-{number}" for number in range(20)}
        assert sorted(entry.message for entry in instance.all_logs("shared")) == sorted(theirs)


@pytest.mark.skipif(os.name != "posix", reason="there is no such signal elsewhere")
def test_a_killed_process_loses_nothing_it_wrote(tmp_path: Path) -> None:
    with a_history(tmp_path) as instance:
        instance.add_run(dg.DagsterRun("job", run_id="shared"))
        writer = a_writer(tmp_path, "killed", 5)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    with a_history(tmp_path) as instance:
        assert told(instance) == {f"killed-{number}" for number in range(5)}
        assert [entry.message for entry in instance.all_logs("shared")] == [f"killed-{number}" for number in range(5)]


def test_a_wiped_history_is_empty_and_goes_on(tmp_path: Path) -> None:
    with a_history(tmp_path) as instance:
        run = instance.add_run(dg.DagsterRun("job", run_id="run"))
        instance.report_engine_event("before", run)
        instance.event_log_storage.wipe()
        instance.report_engine_event("after", run)
        assert [entry.message for entry in instance.all_logs("run")] == ["after"]
        tell(instance, DAY)
        assert told(instance) == {DAY}
