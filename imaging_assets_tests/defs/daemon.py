"""A project folder of its own with Dagster's real daemon and code server, as separate processes.

Belongs here: starting, watching, killing. Does not: expectations (the slow tests beside it).
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.instance.ref import InstanceRef

import imaging_assets
from imaging_assets.stages.days import Days
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import CHAIN, a_pipeline
from imaging_assets_tests.defs.in_process import LOADED

CHECKOUT = Path(imaging_assets.__file__).parents[1]

MODULE = "imaging_assets.definitions"

QUICK: dict[str, dict[str, Any]] = {
    "sensors": {"interval_seconds": 1, "retry_minutes": [0.05, 0.1]},
    "training": {"budget_seconds": 1.0, "min_images_per_tag": 2},
}
"""Settings under which everything happens soon."""

_MONITORING = "poll_interval_seconds: 30\n  free_slots_after_run_end_seconds: 30"
_QUICK_MONITORING = "poll_interval_seconds: 2\n  free_slots_after_run_end_seconds: 1"


class Deployment:
    """One project folder; the test looks at its store, index and instance from outside.

    Attributes:
        root: The folder: `dagster.yaml`, `workspace.yaml`, `.imaging/`.
        pipeline: Ports and policies over the same state, in the test's own process.
    """

    def __init__(self, root: Path, **settings: dict[str, Any]) -> None:
        self.root = root
        self.settings = {**QUICK, **settings}
        root.mkdir(parents=True, exist_ok=True)
        self.pipeline: Pipeline = a_pipeline(root / ".imaging", **self.settings)
        # The project's own file; only the places are absolute, so that the test can open the same history from where it is.
        text = (CHECKOUT / "dagster.yaml").read_text(encoding="utf-8")
        assert _MONITORING in text
        text = text.replace(".imaging/dagster", f"{root.as_posix()}/.imaging/dagster").replace(_MONITORING, _QUICK_MONITORING)
        (root / "dagster.yaml").write_text(text, encoding="utf-8")
        (root / "workspace.yaml").write_text((CHECKOUT / "workspace.yaml").read_text(encoding="utf-8"), encoding="utf-8")
        self._started: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the processes: none of the caller's settings, all of this folder's."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("IMAGING_", "DAGSTER_"))}
        ours = {f"IMAGING_{group.upper()}": json.dumps(values) for group, values in self.settings.items()}
        return kept | ours | {"DAGSTER_HOME": str(self.root), "DAGSTER_DISABLE_TELEMETRY": "yes", "PYTHONPATH": str(CHECKOUT)}

    def start(self) -> subprocess.Popen[bytes]:
        """Start the daemon, which starts the code server."""
        return self.launch("dagster._daemon", "run", "-w", "workspace.yaml")

    def launch(self, *module_and_arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a Python module in this folder and a process group of its own."""
        with (self.root / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *module_and_arguments],
                cwd=self.root,
                env=self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def stop(self) -> None:
        """Ask every process to end, then end it."""
        for process in self._started:
            with suppress(ProcessLookupError):
                process.terminate()
        for process in self._started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
        self.kill()

    def kill(self) -> None:
        """End everything that was started here, as a power cut would."""
        for process in self._started:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        self._started.clear()

    def kill_daemon(self) -> None:
        """End the daemon alone; code server and run workers live on."""
        self._started[0].kill()
        self._started[0].wait(10)

    def kill_code_server(self) -> None:
        """End the code server alone, which the daemon started; daemon and run workers live on."""
        found = subprocess.run(
            ["pgrep", "-g", str(self._started[0].pid), "-f", "dagster api grpc"], check=True, capture_output=True, text=True
        )
        for pid in found.stdout.split():
            os.kill(int(pid), signal.SIGKILL)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """The history."""
        with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(self.root))) as instance:
            yield instance

    def runs(
        self, day: str | None = None, asset: str | None = None, statuses: Sequence[dg.DagsterRunStatus] = ()
    ) -> list[dg.DagsterRun]:
        """Runs, oldest first; of a day, and materialising an asset, where given."""
        tags = {"dagster/partition": day} if day else {}
        with self.instance() as instance:
            runs = instance.get_runs(dg.RunsFilter(tags=tags, statuses=list(statuses) or None))
        wanted = dg.AssetKey(asset) if asset else None
        return [run for run in reversed(runs) if wanted is None or wanted in (run.asset_selection or ())]

    def worker(self, run_id: str) -> int:
        """Process id of a run's worker, or 0 while it has none."""
        with self.instance() as instance:
            for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
                data = entry.get_dagster_event().engine_event_data
                if "pid" in data.metadata:
                    return int(str(data.metadata["pid"].value))
        return 0

    def until(self, condition: Callable[[], object], what: str, seconds: float = 180) -> None:
        """Wait for a condition; fails with the end of the log when it does not come true in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                log = (self.root / "log.txt").read_text(encoding="utf-8", errors="replace")
                raise AssertionError(f"after {seconds:.0f} s still not: {what}\n{log[-6000:]}")
            time.sleep(0.25)

    def up_to_date(self, *days: str) -> bool:
        """Whether nothing of these days is behind and nothing is running."""
        state = Days(self.pipeline)
        return all(state.behind(day) is None for day in days) and not self.unfinished()

    def trained(self) -> bool:
        """Whether the newest tagged day has its training set and its iteration."""
        days = Days(self.pipeline)
        return bool(days.newest_tagged) and not days.training_set_behind() and not days.iteration_behind()

    def unfinished(self) -> list[dg.DagsterRun]:
        """Runs that are queued or under way."""
        status = dg.DagsterRunStatus
        return self.runs(statuses=[status.QUEUED, status.NOT_STARTED, status.STARTING, status.STARTED, status.CANCELING])

    def documents(self, day: str) -> list[str]:
        """Names of a day's documents in the index, sorted."""
        found = (self.pipeline.index.get(key) for key in self.pipeline.index.ids())
        return sorted(document["name"] for document in found if document and document["day"] == day)

    def rows(self, *days: str) -> Mapping[str, str]:
        """Digest of the rows of each daily asset's newest manifest, by `asset day`."""
        state = Days(self.pipeline)
        daily = [step for step in CHAIN if step != "label_records"]
        return {f"{asset} {day}": state.newest(asset)[day].rows for asset in daily for day in days if day in state.newest(asset)}


@contextmanager
def a_deployment(root: Path, **settings: dict[str, Any]) -> Iterator[Deployment]:
    """A project folder whose daemon runs until the block ends; nothing is left behind."""
    deployment = Deployment(root, **settings)
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.stop()


def launch_backfill(instance: dg.DagsterInstance, assets: Iterable[str], days: Sequence[str]) -> str:
    """What the web interface does when a person backfills; returns the backfill's id."""
    backfill = PartitionBackfill.from_asset_partitions(
        backfill_id="launched",
        asset_graph=LOADED.resolve_asset_graph(),
        partition_names=days,
        asset_selection=[dg.AssetKey(asset) for asset in assets],
        backfill_timestamp=time.time(),
        tags={},
        dynamic_partitions_store=instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )
    instance.add_backfill(backfill)
    return backfill.backfill_id
