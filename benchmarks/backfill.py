"""A backfill of days through Dagster's real daemon, one process per run: what a run costs, and whether what is promised holds.

Belongs here: processor time of runs, pools that hold, a daemon that is killed in the middle and started again, the end beside a day by
day one without Dagster. Does not: runs inside the command's own process (`overhead`).

A day's own assets are selected, from inventory to catalogue, so a day is a run. With `label_records` and the training sets, which are made
of all days, Dagster would make it three. `DAYS=365 make bench ONLY=backfill` is the size of the goal: half an hour; `RUNS=4` lets four
runs go on at once. Processor time is what the kernel says of processes that ended and were waited for (/proc, so Linux): a run is a child
of the code server, and its imports are part of it. Its days are tiny, four pictures each, so that nearly all of it is overhead.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import dagster as dg
from dagster._core.execution.backfill import BulkActionStatus

from imaging_assets.defs.partitions import DAILY
from imaging_assets.stages.days import Days
from imaging_assets.stages.manifests.labels import refresh_labels
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import a_picture, a_pipeline, land, run_chain
from imaging_assets_tests.defs.daemon import CHECKOUT, Deployment, launch_backfill
from imaging_assets_tests.defs.in_process import EVERYTHING, LOADED

Row = dict[str, object]

_SLEEPING = {"interval_seconds": 1_000_000}
"""Sensors look once, at an empty store: the days are left to the backfill."""

_RUNS_AT_ONCE = int(os.environ.get("RUNS", "2"))
"""`max_concurrent_runs`; 2 is what dagster.yaml says."""

_OF_ALL_DAYS = ("label_records", "training_sets", "training_iterations")
_SELECTED = [asset for asset in EVERYTHING if asset not in _OF_ALL_DAYS]
_COMPARED = ("resized_images", "image_vectors", "image_tags", "tagged_manifests")
"""What hangs neither on when a file was written nor on the index."""

_POOLS = {asset: pool for asset in _SELECTED if (pool := LOADED.resolve_assets_def(dg.AssetKey(asset)).op.pool)}
Span = tuple[float, float]


@dataclass
class _Processors:
    """Seconds of processor time, as last seen, by process id."""

    daemons: dict[int, float] = field(default_factory=dict)
    servers: dict[int, float] = field(default_factory=dict)
    runs: dict[int, float] = field(default_factory=dict)
    """Of children that ended, by the code server whose they were."""

    def look(self, group: int) -> None:
        for stat, command in _processes(group):
            own, ended = _seconds(stat, 11), _seconds(stat, 13)
            if "dagster._daemon" in command:
                self.daemons[int(stat[0])] = own
            elif "dagster api grpc" in command:
                self.servers[int(stat[0])], self.runs[int(stat[0])] = own, ended


def rows() -> list[Row]:
    """Days as many as `DAYS` says."""
    days = DAILY.get_partition_keys()[-int(os.environ.get("DAYS", "5")) :]
    with tempfile.TemporaryDirectory() as folder:
        deployment = Deployment(Path(folder) / "backfill", sensors=_SLEEPING)
        _as_shipped(deployment)
        try:
            seconds, processors = _backfill(deployment, days)
        finally:
            deployment.stop()
        with deployment.instance() as instance:
            records = instance.get_run_records()
            in_pools = _in_pools(instance, records)
        alone = a_pipeline(Path(folder) / "alone", **deployment.settings)
        _land(alone, days)
        for day in days:
            run_chain(alone, day)
        equal = sum(_same(deployment.pipeline, alone, day) for day in days)
    each = sum(processors.runs.values()) / len(records)
    around = (sum(processors.daemons.values()) + sum(processors.servers.values())) / len(records)
    busy = [(record.start_time or 0, record.end_time or 0) for record in records]
    ended_well = sum(record.dagster_run.status == dg.DagsterRunStatus.SUCCESS for record in records)
    return [
        _row(
            f"{len(days)} days, {len(records)} runs, a daemon killed in the middle: wall time of a day", seconds / len(days), "s"
        ),
        _row("processor time of a run: its process, beside `import dagster`", each, "s", 4.0, _bare()),
        _row("... daemon and code server, by run", around, "s"),
        _row("runs that failed", len(records) - ended_well, "", 0),
        _row("days that end otherwise than one by one without Dagster", len(days) - equal, "", 0),
        _row("runs at once, most", _most(busy), "", _RUNS_AT_ONCE),
        *(_row(f"steps at once in pool {pool}, most of {len(spans)}", _most(spans), "", 1) for pool, spans in in_pools.items()),
    ]


def _as_shipped(deployment: Deployment) -> None:
    """The project's own dagster.yaml, with one place in each pool as in production."""
    text = (CHECKOUT / "dagster.yaml").read_text(encoding="utf-8")
    assert "max_concurrent_runs: 2" in text
    text = text.replace("max_concurrent_runs: 2", f"max_concurrent_runs: {_RUNS_AT_ONCE}")
    text = text.replace(".imaging/dagster", f"{deployment.root.as_posix()}/.imaging/dagster")
    (deployment.root / "dagster.yaml").write_text(text, encoding="utf-8")
    with deployment.instance() as instance:
        for pool in _POOLS.values():
            instance.event_log_storage.set_concurrency_slots(pool, 1)


def _backfill(deployment: Deployment, days: Sequence[str]) -> tuple[float, _Processors]:
    """Seconds until it is done, and what it cost."""
    processors = _Processors()
    group = deployment.start().pid
    log = deployment.root / "log.txt"
    names = ("new_images", "label_changes", "training")
    deployment.until(lambda: all(f"Sensor {name} skipped" in log.read_text("utf-8") for name in names), "a first tick of each")
    _land(deployment.pipeline, days)
    deployment.pipeline.manifests.commit(refresh_labels(deployment.pipeline, {})[0])  # as they stand; days read them
    with deployment.instance() as instance:
        started, killed = time.monotonic(), False
        backfill_id = launch_backfill(instance, _SELECTED, days)
        while (backfill := instance.get_backfill(backfill_id)) and backfill.status == BulkActionStatus.REQUESTED:
            time.sleep(0.5)
            processors.look(group)
            done = instance.get_materialized_partitions(dg.AssetKey("search_documents"))
            if not killed and len(done) >= len(days) / 2:
                deployment.kill_daemon()
                killed = True
                group = _again(deployment, processors, group)
        assert backfill is not None
        assert backfill.status == BulkActionStatus.COMPLETED_SUCCESS, backfill.status
        return time.monotonic() - started, processors


def _again(deployment: Deployment, processors: _Processors, group: int) -> int:
    """Another daemon; the old one's code server is looked at until it has gone, for it lets its runs end first."""
    later = deployment.start().pid
    while any("dagster api grpc" in command for _, command in _processes(group)):
        time.sleep(0.2)
        processors.look(group)
    return later


def _land(pipeline: Pipeline, days: Sequence[str]) -> None:
    for number, day in enumerate(days):
        land(pipeline, {f"{place}.jpg": a_picture(100 * number + place, (64, 48)) for place in range(4)}, day)


def _in_pools(instance: dg.DagsterInstance, records: Iterable[dg.RunRecord]) -> Mapping[str, list[Span]]:
    """From when to when each step that has a pool ran, by pool."""
    spans: dict[str, list[Span]] = {pool: [] for pool in sorted(set(_POOLS.values()))}
    kinds = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE}
    for record in records:
        began: dict[str, float] = {}
        for entry in instance.all_logs(record.dagster_run.run_id, of_type=kinds):
            step = entry.step_key or ""
            if step in _POOLS and entry.dagster_event_type == dg.DagsterEventType.STEP_START:
                began[step] = entry.timestamp
            elif step in _POOLS:
                spans[_POOLS[step]].append((began[step], entry.timestamp))
    return spans


def _most(spans: Iterable[Span]) -> int:
    """How many there were at once."""
    turns = sorted(turn for begin, end in spans for turn in ((begin, 1), (end, -1)))
    return max(accumulate(step for _, step in turns), default=0)


def _same(pipeline: Pipeline, other: Pipeline, day: str) -> bool:
    """Whether a day is done, and its rows are those of the other store."""
    state = Days(pipeline)
    done = all(day in state.newest(asset) for asset in _SELECTED)
    return done and all(pipeline.manifests.find(name, day).rows == other.manifests.find(name, day).rows for name in _COMPARED)


def _processes(group: int) -> Iterator[tuple[list[str], str]]:
    """Fields of `stat` (without the name) and command line of each process of a group."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text(encoding="utf-8")
            command = (entry / "cmdline").read_text(encoding="utf-8").replace("\0", " ")
        except OSError:
            continue  # it has just ended
        fields = stat.rpartition(")")[2].split()
        if int(fields[2]) == group:
            yield [entry.name, *fields], command


def _seconds(stat: list[str], place: int) -> float:
    """Of a field in ticks and the one after: user and system."""
    return (int(stat[place + 1]) + int(stat[place + 2])) / os.sysconf("SC_CLK_TCK")


def _bare() -> float:
    """Processor time of a process that imports Dagster and ends: how fast the machine is at the moment."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", "import dagster"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _row(name: str, ours: float, unit: str, goal: float | None = None, peer: float | None = None) -> Row:
    ratio = ours / peer if peer else None
    told = "" if goal is None else f"<= {goal:g}"
    holds = None if goal is None else ours <= goal
    return {"name": name, "ours": ours, "peer": peer, "unit": unit, "ratio": ratio, "goal": told, "holds": holds}
