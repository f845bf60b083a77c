"""The nightly comparison of search index and manifests, in process."""

from pathlib import Path

import dagster as dg

from imaging_assets.defs.audits import nightly_audit, search_audit
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import a_picture, a_pipeline, land, run_chain
from imaging_assets_tests.defs.in_process import LOADED, a_history


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

        def tick(resource: Pipeline) -> object:
            context = dg.build_schedule_context(instance=instance, resources={"pipeline": resource})
            return nightly_audit(context)

        assert isinstance(tick(pipeline), dg.RunRequest)
        (tmp_path / "home" / "store").rename(tmp_path / "elsewhere")
        assert isinstance(tick(pipeline), dg.SkipReason)
    assert "nightly_audit" in {schedule.name for schedule in LOADED.schedules or ()}
