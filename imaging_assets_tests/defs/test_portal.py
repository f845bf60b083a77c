"""The job and the schedule that take labels from the portal, in process."""

from dataclasses import replace
from pathlib import Path

import dagster as dg

from imaging_assets.defs.jobs import portal_labels, portal_look
from imaging_assets.records.manifests import PortalImage
from imaging_assets.stages.days import Days
from imaging_assets.stages.manifests.portal_labels import portal_file
from imaging_assets_tests.builders import a_pipeline
from imaging_assets_tests.defs.in_process import LOADED, a_history
from imaging_assets_tests.stages.manifests.test_portal_labels import Tagged

SAID = PortalImage("ab" * 32, ("red",))


def test_the_job_writes_a_label_file_that_the_sensor_of_labels_then_follows(tmp_path: Path) -> None:
    pipeline = replace(a_pipeline(tmp_path), portal=Tagged([SAID]))
    before = Days(pipeline).labels_behind()
    assert portal_labels.execute_in_process(resources={"pipeline": pipeline}).success
    assert pipeline.store.find(portal_file(pipeline))
    assert Days(pipeline).labels_behind() not in ("", before)


def test_a_portal_that_cannot_tell_now_is_no_failed_run(tmp_path: Path) -> None:
    pipeline = replace(a_pipeline(tmp_path), portal=Tagged(not_now="A training is under way."))
    assert portal_labels.execute_in_process(resources={"pipeline": pipeline}).success
    assert pipeline.store.find(portal_file(pipeline)) is None


def test_the_schedule_waits_for_the_setting_and_for_a_store(tmp_path: Path) -> None:
    off = a_pipeline(tmp_path / "home")
    on = replace(off, portal=Tagged([SAID]))
    with a_history(tmp_path / "history") as instance:

        def tick() -> list[object]:
            contexts = (dg.build_schedule_context(instance=instance, resources={"pipeline": one}) for one in (off, on))
            return [type(portal_look(context)) for context in contexts]

        assert tick() == [dg.SkipReason, dg.RunRequest]
        (tmp_path / "home" / "store").rename(tmp_path / "elsewhere")
        assert tick() == [dg.SkipReason, dg.SkipReason]
    (schedule,) = (one for one in LOADED.schedules or () if one.name == "portal_look")
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED  # custom_vision.pull_labels is off by default
