"""Steps of a day run through Dagster in this process, so that they stand in its history like any other run.

Belongs here: starting runs and reading back what they reported. Does not: which steps to run (`run.py`, `stages/days.py`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from imaging_assets.backends import build_on_store
from imaging_assets.cli.history import open_instance
from imaging_assets.cli.output import quiet_decoders
from imaging_assets.records.models import PublishedModel
from imaging_assets.settings import Settings
from imaging_assets.stages.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """One asset of a run: its metadata, or the name and message of the error that ended it."""

    asset: str
    metadata: dict[str, Any]
    error_kind: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """One run: its day (or `all`), its steps in the order they ended, and its wall time."""

    key: str
    steps: tuple[StepOutcome, ...]
    seconds: float

    @property
    def failure(self) -> StepOutcome | None:
        """The step that failed, or None."""
        return next((step for step in self.steps if step.error), None)


_DECODERS_LOG = "decoders.log"
"""In the state folder: what decoders said during the runs of the last command."""


class Runner:
    """Starts runs of the code location in this process; a context manager.

    Raises:
        StoreUnavailableError: There is no store.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pipeline: Pipeline = build_on_store(settings)
        self._instance = open_instance(settings)
        from imaging_assets.definitions import defs  # noqa: PLC0415 - late: Dagster and all assets
        from imaging_assets.defs.partitions import DAILY  # noqa: PLC0415

        self._job = defs().resolve_implicit_global_asset_job_def()
        self._days = DAILY
        self._log = settings.home / _DECODERS_LOG
        self._log.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._instance.dispose()

    def has_day(self, day: str) -> bool:
        """Whether the day is one of the partitions: not before the first, not after today."""
        return self._days.has_partition_key(day)

    def run(self, assets: Sequence[str], day: str | None, *, accept_deletions: bool = False) -> RunOutcome:
        """Materialise assets of a day (None: unpartitioned ones alone); failures are told, not raised, but for Ctrl-C."""
        import dagster as dg  # noqa: PLC0415

        config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        if accept_deletions and "raw_images" in assets:
            config["ops"] = {"raw_images": {"config": {"accept_deletions": True}}}
        started = time.monotonic()
        with quiet_decoders(self._log):
            result = self._job.execute_in_process(
                run_config=config,
                instance=self._instance,
                partition_key=day,
                asset_selection=[dg.AssetKey(asset) for asset in assets],
                tags={"imaging_assets/started_by": "cli"},
                raise_on_error=False,
            )
        steps = tuple(steps_of(result))
        if any(step.error_kind == "DagsterExecutionInterruptedError" for step in steps):
            raise KeyboardInterrupt  # Dagster made a failed step of it, but Ctrl-C means all days
        return RunOutcome(day or "all", steps, time.monotonic() - started)

    def report_publication(self, model: PublishedModel) -> None:
        """Tell Dagster's history which model serves."""
        from imaging_assets.defs.assets.models import publication  # noqa: PLC0415

        self._instance.report_runless_asset_event(publication(model))


def steps_of(result: Any) -> list[StepOutcome]:
    """What the steps of an in-process run reported, in the order they ended."""
    done = [
        StepOutcome(
            event.asset_key.to_user_string(),
            {name: _plain(value.value) for name, value in event.materialization.metadata.items()},
        )
        for event in result.get_asset_materialization_events()
    ]
    failed = [event for event in result.all_node_events if event.is_step_failure]
    for event in failed:
        error = event.step_failure_data.error
        cause = error.cause or error
        message = cause.message.strip().partition(": ")[2] or cause.message.strip()
        done.append(StepOutcome(event.step_key or "", {}, cause.cls_name or "", message))
    return [step for step in done if step.asset != "published_model"]


def _plain(value: Any) -> Any:
    """A metadata value as JSON knows it; a table is a list of its rows."""
    return [row.data for row in value.records] if hasattr(value, "records") else value
