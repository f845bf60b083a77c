"""Processes that are killed in the middle of a day: what stands afterwards is what would have stood anyway."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import dagster as dg
import pytest

from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.defs.daemon import QUICK, Deployment

pytestmark = pytest.mark.slow

DAY, OTHER = "2026-03-02", "2026-03-03"
SIZES = {"batch": 4, "workers": 1, "max_bytes": 50_000}
SUCCESS, FAILURE, STARTED = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED


@cache
def many_pictures() -> dict[str, bytes]:
    """A day's images that take some seconds."""
    return {f"{number}.png": a_picture(number, (1200, 900), "PNG") for number in range(48)}


def land_much(pipeline: Pipeline) -> None:
    """A day in many batches, with labels of one kind (so that no training comes between)."""
    land(pipeline, many_pictures(), DAY)
    state_labels(pipeline, {f"2026/03/02/{number}.png": "heron" for number in range(0, 48, 2)})


@contextmanager
def a_day_under_way(root: Path) -> Iterator[tuple[Deployment, dg.DagsterRun]]:
    """A daemon in the middle of resizing the day, and the run that does it."""
    deployment = Deployment(root, resize=SIZES)
    try:
        land_much(deployment.pipeline)
        deployment.start()
        journal = root / ".imaging/store/manifests/resized_images/_journal"
        deployment.until(lambda: list(journal.rglob("*.parquet")), "a first batch")
        [run] = deployment.runs(DAY, statuses=[STARTED])
        yield deployment, run
    finally:
        deployment.stop()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Rows of the day by a run that nobody disturbed, in another folder."""
    pipeline = a_pipeline(tmp_path_factory.mktemp("calm"), **{**QUICK, "resize": SIZES})
    land_much(pipeline)
    run_chain(pipeline, DAY)
    # Not of the documents: theirs name the generation of an index, which another folder's does not share.
    assets = ("resized_images", "image_vectors", "tagged_manifests", "predictions")
    return {f"{asset} {DAY}": pipeline.manifests.find(asset, DAY).rows for asset in assets}


def stands(deployment: Deployment) -> dict[str, str]:
    """The same rows of a deployment, once all documents are there."""
    assert len(deployment.documents(DAY)) == 48
    compared = ("resized_images", "image_vectors", "tagged_manifests", "predictions")
    return {name: rows for name, rows in deployment.rows(DAY).items() if name.startswith(compared)}


def test_a_worker_that_is_killed_is_followed_by_one_that_finishes_the_day(tmp_path: Path, undisturbed: dict[str, str]) -> None:
    with a_day_under_way(tmp_path / "killed") as (deployment, run):
        os.kill(deployment.worker(run.run_id), signal.SIGKILL)
        deployment.until(lambda: deployment.up_to_date(DAY), "the day")

        assert [found.status for found in deployment.runs(DAY, "raw_images")] == [FAILURE, SUCCESS]
        assert stands(deployment) == undisturbed


def test_a_daemon_that_is_killed_and_started_again_goes_on(tmp_path: Path, undisturbed: dict[str, str]) -> None:
    with a_day_under_way(tmp_path / "killed") as (deployment, _):
        deployment.kill_daemon()
        deployment.start()
        land(deployment.pipeline, {"other.jpg": a_picture(999, (64, 48))}, OTHER)
        deployment.until(lambda: deployment.up_to_date(DAY, OTHER), "both days")

        # The worker ends with its run or with the code server, which follows the daemon into death; the day is done once either way.
        *earlier, last = [found.status for found in deployment.runs(DAY, "raw_images")]
        assert last == SUCCESS
        assert earlier in ([], [FAILURE])
        assert stands(deployment) == undisturbed


def test_a_code_server_that_is_killed_is_replaced_and_the_day_goes_on(tmp_path: Path, undisturbed: dict[str, str]) -> None:
    with a_day_under_way(tmp_path / "killed") as (deployment, _):
        deployment.kill_code_server()
        land(deployment.pipeline, {"other.jpg": a_picture(999, (64, 48))}, OTHER)
        deployment.until(lambda: deployment.up_to_date(DAY, OTHER), "both days", seconds=300)

        *earlier, last = [found.status for found in deployment.runs(DAY, "raw_images")]
        assert last == SUCCESS
        assert earlier in ([], [FAILURE])
        assert stands(deployment) == undisturbed


def test_a_machine_that_loses_power_continues_the_day_when_it_is_back(tmp_path: Path, undisturbed: dict[str, str]) -> None:
    with a_day_under_way(tmp_path / "killed") as (deployment, run):
        deployment.kill()
        [left] = deployment.runs(DAY)
        assert (left.run_id, left.status) == (run.run_id, STARTED)

        deployment.start()
        deployment.until(lambda: deployment.up_to_date(DAY), "the day")

        assert [found.status for found in deployment.runs(DAY, "raw_images")] == [FAILURE, SUCCESS]
        assert stands(deployment) == undisturbed


def test_a_worker_killed_in_a_pool_does_not_block_the_pool(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    try:
        land(deployment.pipeline, {f"{number}.jpg": a_picture(number, (48, 32)) for number in range(3)}, DAY)
        land(deployment.pipeline, {"other.jpg": a_picture(99, (48, 32))}, OTHER)
        with deployment.instance() as instance:
            # As a worker leaves it that was killed in the middle of writing documents.
            dead = instance.add_run(dg.DagsterRun("job", run_id="0" * 8, status=FAILURE))
            instance.report_run_failed(dead)
            instance.event_log_storage.set_concurrency_slots("search_write", 1)
            assert instance.event_log_storage.claim_concurrency_slot("search_write", dead.run_id, "search_documents").is_claimed
        deployment.start()
        deployment.until(lambda: deployment.up_to_date(DAY, OTHER), "both days")

        assert len(deployment.documents(DAY)) == 3
    finally:
        deployment.stop()
