"""A month at once: a backfill of every asset through the real daemon, as a person launches it from the UI."""

import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus

from imaging_assets.defs.partitions import DAILY
from imaging_assets.stages.days import Days
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.tables import RESIZED_IMAGES, TRAINING_ITERATIONS
from imaging_assets_tests.builders import a_picture, land, state_labels
from imaging_assets_tests.defs.daemon import Deployment, launch_backfill
from imaging_assets_tests.defs.in_process import EVERYTHING

pytestmark = pytest.mark.slow

DAYS = DAILY.get_partition_keys()[-30:]
"""The last month: of an earlier one Dagster would backfill every later training set too, for they gather all days before them."""

BAD_DAY = DAYS[12]
SECONDS = 1500


def land_a_month(deployment: Deployment) -> None:
    """Four labelled images a day, and once a broken one."""
    labels: dict[str, str] = {}
    for number, day in enumerate(DAYS):
        names = {f"{tag}-{twin}.jpg": tag for tag in ("cat", "dog") for twin in range(2)}
        land(deployment.pipeline, {name: a_picture(100 * number + place, (64, 48)) for place, name in enumerate(names)}, day)
        labels |= {f"{day.replace('-', '/')}/{name}": tag for name, tag in names.items()}
    land(deployment.pipeline, {"bad.jpg": b"\xff\xd8\xff and then nothing"}, BAD_DAY)
    state_labels(deployment.pipeline, labels)


# Dagster itself calls what it deprecates when a backfill is made from Python rather than from the web interface.
@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources` is deprecated:DeprecationWarning")
def test_a_month_is_backfilled_with_one_training_and_without_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment = Deployment(tmp_path, sensors={"interval_seconds": 3600})
    try:
        deployment.start()
        log = tmp_path / "log.txt"
        # After their first look at an empty store the sensors sleep: the month is left to the backfill.
        deployment.until(
            lambda: all(
                f"Sensor {name} skipped" in log.read_text("utf-8") for name in ("new_images", "label_changes", "training")
            ),
            "a first tick of each sensor",
        )
        land_a_month(deployment)
        with deployment.instance() as instance:
            started = time.monotonic()
            backfill_id = launch_backfill(instance, EVERYTHING, DAYS)

            def status() -> BulkActionStatus:
                backfill = instance.get_backfill(backfill_id)
                assert backfill is not None
                return backfill.status

            deployment.until(lambda: status() != BulkActionStatus.REQUESTED, "the end", SECONDS)
            seconds = time.monotonic() - started
            assert status() == BulkActionStatus.COMPLETED_SUCCESS
            materialised = {
                asset: instance.get_materialized_partitions(dg.AssetKey(asset))
                for asset in EVERYTHING
                if asset != "label_records"
            }
            records = instance.get_run_records()

        busy = sum((record.end_time or 0) - (record.start_time or 0) for record in records)
        with capsys.disabled():
            print(  # noqa: T201 - the figure is half of why this test exists
                f"\n30 days in {seconds:.0f} s by {len(records)} runs: {seconds / 30:.1f} s a day, of which {busy / 30:.1f} s of work"
            )
        assert materialised == {asset: set(DAYS) for asset in materialised}
        assert {record.dagster_run.status for record in records} == {dg.DagsterRunStatus.SUCCESS}
        assert_trained_once(deployment)
        assert_bad_image_is_told(deployment)
    finally:
        deployment.stop()


def assert_trained_once(deployment: Deployment) -> None:
    store, manifests = deployment.pipeline.store, deployment.pipeline.manifests
    models = [name for name in store.list_folders("models/") if name != "ledger"]
    published = Registry(store, "models").published()
    assert published is not None
    assert models == [published.model_id]

    iterations = Days(deployment.pipeline).newest("training_iterations")
    rows = {day: manifests.read(iterations[day], TRAINING_ITERATIONS).to_dicts()[-1] for day in DAYS}
    assert rows[DAYS[-1]]["verdict"] == "published"
    assert {rows[day]["verdict"] for day in DAYS[:-1]} == {"not trained"}
    assert {rows[day]["reason"] for day in DAYS[:-1]} == {f"Only the newest tagged day trains, and {DAYS[-1]} is newer."}


def assert_bad_image_is_told(deployment: Deployment) -> None:
    manifests = deployment.pipeline.manifests
    rows = manifests.read(manifests.find("resized_images", BAD_DAY), RESIZED_IMAGES)
    assert rows.filter(rows["status"] == "quarantined")["path"].to_list() == [f"landing/{BAD_DAY.replace('-', '/')}/bad.jpg"]
    assert len(deployment.documents(BAD_DAY)) == 4
