"""Failed runs, and checks of severity error that failed, are told to a webhook (`alerts.webhook`): a line for people, the facts as JSON.

Belongs here: what is told, and sending it. Does not: when a failed day is tried again (`attempts.py`), how severe a check is (beside its
asset).

Of errors that are not ours only the class is told: their text may hold anything. The address is a secret and appears nowhere.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from imaging_assets.defs.jobs import inventory_checks
from imaging_assets.defs.tags import CONSENT_TAG, DAY_TAG, WANTED_TAG
from imaging_assets.settings import load_settings

_DEFAULT_STATUS = dg.DefaultSensorStatus.RUNNING if load_settings().alerts.webhook else dg.DefaultSensorStatus.STOPPED
_INTERVAL = 30
_OURS = "imaging_assets.errors."
_PAUSES = (1.0, 3.0)
"""Seconds before the second and the third try."""

_BY_NIGHT = {"raw_images_are_fresh"}
"""Checks that each day's run makes, too, but that are told once a night: they are about the landing place as a whole."""


@dg.run_failure_sensor(
    minimum_interval_seconds=_INTERVAL, default_status=_DEFAULT_STATUS, description="Tells alerts.webhook of each failed run."
)
def failure_webhook(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Each failed run, once."""
    return _tell(context, failed_run(context.dagster_run, context.get_step_failure_events(), context.failure_event))


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    minimum_interval_seconds=_INTERVAL,
    default_status=_DEFAULT_STATUS,
    description="Tells alerts.webhook of each check of severity error that failed in a run that ended well.",
)
def check_webhook(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
    """Each run that ended well, once, if a check of severity error failed in it: somebody has to act, though nothing stopped."""
    run = context.dagster_run
    records = context.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    evaluations = [record.get_dagster_event().asset_check_evaluation_data for record in records]
    failed = [
        each
        for each in evaluations
        if not each.passed
        and each.severity == dg.AssetCheckSeverity.ERROR
        and (run.job_name == inventory_checks.name or each.check_name not in _BY_NIGHT)
    ]
    return _tell(context, failed_checks(run, failed)) if failed else None


def failed_run(run: dg.DagsterRun, failures: Iterable[dg.DagsterEvent], ended: dg.DagsterEvent) -> dict[str, object]:
    """What the webhook gets of a failed run."""
    errors = {event.step_key or "": _error(event) for event in failures}
    why = "; ".join(f"{step}: {error}" for step, error in errors.items()) or (ended.message or "").split("\n")[0]
    then = ""
    if CONSENT_TAG in run.tags:
        then = " It waits for your consent."
    elif WANTED_TAG in run.tags:  # a sensor asked for it
        then = " It is tried again by itself a few times."
    return _body(run, f"failed. {why}{then}", errors)


def failed_checks(run: dg.DagsterRun, failed: Iterable[dg.AssetCheckEvaluation]) -> dict[str, object]:
    """What the webhook gets of a run whose checks failed."""
    errors = {each.check_name: _facts(each.metadata) for each in failed}
    why = "; ".join(f"{check} ({facts})" for check, facts in errors.items())
    return _body(run, f"ended well, but for its checks: {why}. Dagster shows what each of them lists.", errors)


def _body(run: dg.DagsterRun, told: str, errors: Mapping[str, str]) -> dict[str, object]:
    day = run.tags.get(DAY_TAG, "")
    return {
        "text": f"imaging-assets: run {run.run_id[:8]} of {day or run.job_name} {told}",
        "run_id": run.run_id,
        "job": run.job_name,
        "day": day,
        "errors": errors,
        "needs_consent": CONSENT_TAG in run.tags,
    }


def _error(event: dg.DagsterEvent) -> str:
    error = event.step_failure_data.error
    error = (error.cause or error) if error else None
    if error is None:
        return "failed"
    kind, _, text = error.message.strip().partition(": ")
    return text if kind.startswith(_OURS) else f"{error.cls_name} (see the run)"


def _facts(metadata: Mapping[str, dg.MetadataValue[Any]]) -> str:
    """Numbers, words and lists of a check's metadata; tables are for Dagster to show."""
    plain = {name: value.value for name, value in metadata.items() if isinstance(value.value, int | float | str | list)}
    return ", ".join(
        f"{name} {', '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in plain.items()
    )


def _tell(context: dg.RunStatusSensorContext, body: dict[str, object]) -> dg.SkipReason | None:
    webhook = load_settings().alerts.webhook
    if webhook is None:
        return dg.SkipReason("Nobody is told: alerts.webhook is not set.")
    if fault := _post(webhook.get_secret_value(), body):
        context.log.error("The webhook was not told of run %s: %s. Check alerts.webhook.", context.dagster_run.run_id, fault)
    return None


def _post(url: str, body: dict[str, object]) -> str:
    """What went wrong at the last try, or ""."""
    request = urllib.request.Request(  # noqa: S310 - http or https: the setting's pattern
        url, json.dumps(body).encode(), {"Content-Type": "application/json", "User-Agent": "imaging-assets"}
    )
    fault = ""
    for pause in (*_PAUSES, None):
        try:
            urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
        except urllib.error.HTTPError as error:
            fault = f"it answered {error.code}"
            error.close()
        except (OSError, ValueError) as error:
            fault = type(error).__name__
        else:
            return ""
        if pause:
            time.sleep(pause)
    return fault
