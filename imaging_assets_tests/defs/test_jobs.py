"""The nightly comparison of search index and manifests, in process."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from imaging_assets.defs.jobs import nightly_audit, nightly_inventory_checks, search_audit
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import a_picture, a_pipeline, land, run_chain
from imaging_assets_tests.defs.in_process import LOADED, a_history, a_short_history, checks_of, run_inventory_checks


def compare(pipeline: Pipeline) -> str:
    """Run the job; what it failed with, or ""."""
    done = search_audit.execute_in_process(resources={"pipeline": pipeline}, raise_on_error=False)
    failed = [event.step_failure_data.error for event in done.all_node_events if event.is_step_failure]
    return failed[0].message if failed and failed[0] else ""


def test_the_nightly_job_fails_with_the_remedy_when_the_index_differs(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {f"{n}.jpg": a_picture(n, (64, 48)) for n in range(3)})
    run_chain(pipeline)
    assert compare(pipeline) == ""

    pipeline.index.delete(list(pipeline.index.ids())[:2])

    assert "2 documents differ from the manifests" in compare(pipeline)
    assert "`imaging-assets audit --repair`" in compare(pipeline)
    assert len(list(pipeline.index.ids())) == 1  # it only tells


def test_the_schedule_asks_once_and_waits_while_there_is_no_store(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path / "home")
    with a_history(tmp_path / "history") as instance:

        def tick(schedule: dg.ScheduleDefinition, resource: Pipeline) -> object:
            context = dg.build_schedule_context(instance=instance, resources={"pipeline": resource})
            return schedule(context)

        for schedule in (nightly_audit, nightly_inventory_checks):
            assert isinstance(tick(schedule, pipeline), dg.RunRequest)
        (tmp_path / "home" / "store").rename(tmp_path / "elsewhere")
        for schedule in (nightly_audit, nightly_inventory_checks):
            assert isinstance(tick(schedule, pipeline), dg.SkipReason)
    assert {"nightly_audit", "nightly_inventory_checks"} <= {schedule.name for schedule in LOADED.schedules or ()}


@pytest.mark.parametrize(("fresh_days", "passed"), [(None, True), (2.0, False), (4.0, True)])
def test_each_night_the_age_of_the_newest_day_is_told_and_an_error_by_the_setting(
    tmp_path: Path, fresh_days: float | None, *, passed: bool
) -> None:
    day = (datetime.now(UTC).date() - timedelta(days=3)).isoformat()
    pipeline = a_pipeline(tmp_path, partitions={"fresh_days": fresh_days})
    land(pipeline, {"a.jpg": a_picture(1, (64, 48))}, day)
    with a_short_history() as instance:
        done = run_inventory_checks(pipeline, instance)
    told = checks_of(done)["raw_images_are_fresh"]
    assert (told.passed, told.severity) == (passed, dg.AssetCheckSeverity.ERROR)
    assert {name: value.value for name, value in told.metadata.items()} == {"newest_day": day, "days_old": 3}
