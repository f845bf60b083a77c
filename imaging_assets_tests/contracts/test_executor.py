"""What every executor promises, whatever runs the tasks.

Another implementation joins by a line in `BUILDERS`; tasks are module-level functions, so that it may be one of processes.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from imaging_assets.embedded.dask_executor import DaskExecutor
from imaging_assets.embedded.executor import ProcessExecutor, ThreadExecutor
from imaging_assets.errors import ManifestMissingError, SettingsError, WorkerLostError
from imaging_assets.ports.executor import Executor
from imaging_assets_tests.contracts.dask_cluster import DaskCluster, free_port

WORKERS = 3
HERE: dict[str, Callable[[int], Executor]] = {"threads": ThreadExecutor, "processes": ProcessExecutor}


@pytest.fixture(scope="module")
def cluster() -> Iterator[DaskCluster]:
    with DaskCluster(threads=WORKERS) as running:
        yield running


@pytest.fixture(params=[*HERE, pytest.param("dask", marks=pytest.mark.slow)])
def executor(request: pytest.FixtureRequest) -> Executor:
    if request.param == "dask":
        return DaskExecutor(request.getfixturevalue("cluster").address)
    return HERE[request.param](WORKERS)


def squared(number: int) -> int:
    return number * number


def squared_slowly_at_first(number: int) -> int:
    time.sleep(0.02 if number < 3 else 0)
    return number * number


def squared_unless_seven(number: int) -> int:
    if number == 7:
        raise ValueError("seven")
    return number * number


@pytest.mark.parametrize("count", [0, 1, 2, 6, 7, 50])
def test_results_come_in_the_order_of_the_items(executor: Executor, count: int) -> None:
    assert list(executor.map(squared, range(count))) == [number**2 for number in range(count)]


def test_a_slow_task_does_not_lose_its_place(executor: Executor) -> None:
    assert list(executor.map(squared_slowly_at_first, range(20))) == [number**2 for number in range(20)]


def test_an_error_is_raised_where_its_result_would_have_come(executor: Executor) -> None:
    results = executor.map(squared_unless_seven, range(20))
    got = [next(results) for _ in range(7)]
    with pytest.raises(ValueError, match="seven"):
        next(results)

    assert got == [number**2 for number in range(7)]


def test_items_are_taken_only_as_fast_as_results(executor: Executor) -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(10_000):
            taken.append(number)
            yield number

    results = executor.map(squared, items())
    next(results)

    assert len(taken) <= 4 * WORKERS


def test_an_abandoned_run_starts_no_further_task(executor: Executor) -> None:
    results = executor.map(squared, iter(range(10_000)))
    assert next(results) == 0

    results.close()  # type: ignore[attr-defined]

    assert list(results) == []


def test_the_same_executor_serves_again_and_within_its_own_results(executor: Executor) -> None:
    nested = [sum(executor.map(squared, range(number))) for number in executor.map(squared, range(4))]

    assert nested == [sum(inner**2 for inner in range(number**2)) for number in range(4)]


def missing(day: int) -> int:
    raise ManifestMissingError("raw_images", str(day))


def die_once(marker: Path, number: int) -> int:
    if number == 7 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die_of_seven(number: int) -> int:
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_an_error_of_ours_arrives_as_it_was_raised(executor: Executor) -> None:
    with pytest.raises(ManifestMissingError, match="raw_images has no manifest for 3") as caught:
        list(executor.map(missing, [3]))

    assert (caught.value.asset, caught.value.key) == ("raw_images", "3")


def test_a_killed_process_changes_no_result(tmp_path: Path) -> None:
    results = list(ProcessExecutor(2).map(partial(die_once, tmp_path / "died"), range(20)))

    assert results == list(range(20))
    assert (tmp_path / "died").exists()


def test_an_item_that_kills_every_process_is_named() -> None:
    results = ProcessExecutor(2).map(die_of_seven, range(20))

    assert [next(results) for _ in range(7)] == list(range(7))
    with pytest.raises(WorkerLostError, match=r"died 3 times of 7"):
        next(results)


def test_nobody_at_dasks_address_is_a_setting_to_correct() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"

    with pytest.raises(SettingsError, match=rf"No Dask scheduler answers at {address} within 0.5 s .*executor\.address"):
        list(DaskExecutor(address, seconds=0.5).map(squared, [1]))


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(SettingsError, match=r"Install imaging-assets\[dask\], here and on the workers"):
        list(DaskExecutor("tcp://nowhere:1").map(squared, [1]))


@pytest.mark.slow
def test_a_cluster_without_workers_is_said() -> None:
    with DaskCluster(workers=0) as cluster, pytest.raises(SettingsError, match="named no worker within 1 s"):
        list(DaskExecutor(cluster.address, seconds=1).map(squared, [1]))


@pytest.mark.slow
def test_a_killed_dask_worker_changes_no_result(tmp_path: Path) -> None:
    with DaskCluster(workers=2) as cluster:
        results = list(DaskExecutor(cluster.address).map(partial(die_once, tmp_path / "died"), range(20)))

    assert results == list(range(20))
    assert (tmp_path / "died").exists()


@pytest.mark.slow
def test_a_run_does_not_wait_for_ever_when_all_dask_workers_left(tmp_path: Path) -> None:
    with DaskCluster() as cluster, pytest.raises(WorkerLostError, match=r"kept.*named no worker within 1 s\. Start workers"):
        list(DaskExecutor(cluster.address, seconds=1).map(partial(die_once, tmp_path / "died"), range(20)))


@pytest.mark.slow
def test_a_task_that_kills_every_dask_worker_is_given_up() -> None:
    with DaskCluster(nannies=True) as cluster:
        results = DaskExecutor(cluster.address).map(die_of_seven, range(20))
        with pytest.raises(WorkerLostError, match=r"lost a task for good .*KilledWorker"):
            list(results)


@pytest.mark.slow
def test_a_scheduler_that_goes_away_is_said() -> None:
    with DaskCluster() as cluster:
        results = DaskExecutor(cluster.address, seconds=1).map(squared, range(1_000))
        next(results)
        assert cluster.scheduler
        cluster.scheduler.kill()
        with pytest.raises(WorkerLostError, match="kept"):
            list(results)


def test_threads_work_side_by_side() -> None:
    together = threading.Barrier(WORKERS, timeout=10)

    def meet(number: int) -> int:
        together.wait()
        return number

    assert list(ThreadExecutor(WORKERS).map(meet, range(WORKERS))) == list(range(WORKERS))


def test_no_more_threads_work_than_asked_for() -> None:
    lock, working, most = threading.Lock(), 0, 0

    def work(number: int) -> int:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
        time.sleep(0.005)
        with lock:
            working -= 1
        return number

    list(ThreadExecutor(2).map(work, range(12)))

    assert most == 2
