"""Runs of the real assets and checks in this process, over a pipeline and a history of the test's own.

Belongs here: what the fast tests of this folder share. Does not: the daemon (`daemon.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

import imaging_assets
from imaging_assets.definitions import defs
from imaging_assets.defs.io_manager import manifest_io_manager
from imaging_assets.defs.jobs import inventory_checks
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import CHAIN

CHECKOUT = Path(imaging_assets.__file__).parents[1]

LOADED = defs()

EVERYTHING = (*CHAIN, "training_sets", "training_iterations")

_QUIET = {"telemetry": {"enabled": False}}
_SILENT: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def a_short_history() -> dg.DagsterInstance:
    """An instance in memory."""
    return dg.DagsterInstance.ephemeral(settings=_QUIET)


@contextmanager
def a_history(folder: Path) -> Iterator[dg.DagsterInstance]:
    """An instance over SQLite files; sensors refuse an ephemeral one."""
    folder.mkdir()
    with dg.DagsterInstance.local_temp(str(folder), overrides=_QUIET) as instance:
        yield instance


def run_day(
    pipeline: Pipeline, day: str | None, instance: dg.DagsterInstance, assets: Sequence[str] = CHAIN, **run: Any
) -> dg.ExecuteInProcessResult:
    """Materialise assets of a day with their checks; failures are told, not raised.

    Args:
        run: Further arguments of `execute_in_process`, such as `run_config` or `tags`.
    """
    return (
        _over(pipeline)
        .resolve_implicit_global_asset_job_def()
        .execute_in_process(
            run_config=_SILENT | run.pop("run_config", {}),
            instance=instance,
            partition_key=day,
            asset_selection=[dg.AssetKey(asset) for asset in assets],
            raise_on_error=False,
            **run,
        )
    )


def run_inventory_checks(pipeline: Pipeline, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """The nightly checks of the landing place as a whole."""
    return _over(pipeline).resolve_job_def("inventory_checks").execute_in_process(run_config=_SILENT, instance=instance)


def _over(pipeline: Pipeline) -> dg.Definitions:
    return dg.Definitions(
        assets=LOADED.assets,
        asset_checks=LOADED.asset_checks,
        jobs=[inventory_checks],
        resources={"pipeline": pipeline, "manifests": manifest_io_manager},
        executor=dg.in_process_executor,
    )


def metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, Mapping[str, Any]]:
    """What each asset reported, as plain values, by asset."""
    return {
        event.materialization.asset_key.to_user_string(): {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
    }


def checks_of(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """How each check went, by name."""
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


def errors_of(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Error class and message by the step that failed with it."""
    failed = [event for event in result.all_node_events if event.is_step_failure]
    found = {event.step_key or "": event.step_failure_data.error for event in failed}
    return {step: (error.cause or error).message.strip() for step, error in found.items() if error}
