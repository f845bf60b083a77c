"""A failed run is told to a webhook (`alerts.webhook`): a line for people, and the facts as JSON.

Belongs here: what is told, and sending it. Does not: when a failed day is tried again (`attempts.py`).

Of errors that are not ours only the class is told: their text may hold anything. The address is a secret and appears nowhere.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable

import dagster as dg

from imaging_assets.defs.tags import CONSENT_TAG, DAY_TAG
from imaging_assets.settings import load_settings

_alerts = load_settings().alerts
_OURS = "imaging_assets.errors."
_PAUSES = (1.0, 3.0)
"""Seconds before the second and the third try."""


@dg.run_failure_sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING if _alerts.webhook else dg.DefaultSensorStatus.STOPPED,
)
def failure_webhook(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Each failed run, once."""
    webhook = load_settings().alerts.webhook
    if webhook is None:
        return dg.SkipReason("Nobody is told: alerts.webhook is not set.")
    body = told(context.dagster_run, context.get_step_failure_events(), context.failure_event)
    fault = _post(webhook.get_secret_value(), body)
    if fault:
        context.log.error("The webhook was not told of run %s: %s. Check alerts.webhook.", context.dagster_run.run_id, fault)
    return None


def told(run: dg.DagsterRun, failures: Iterable[dg.DagsterEvent], ended: dg.DagsterEvent) -> dict[str, object]:
    """What the webhook gets."""
    errors = {event.step_key or "": _error(event) for event in failures}
    day, consent = run.tags.get(DAY_TAG, ""), CONSENT_TAG in run.tags
    why = "; ".join(f"{step}: {error}" for step, error in errors.items()) or (ended.message or "").split("\n")[0]
    then = "It waits for your consent." if consent else "It is tried again by itself a few times."
    return {
        "text": f"imaging-assets: run {run.run_id[:8]} of {day or run.job_name} failed. {why} {then}",
        "run_id": run.run_id,
        "job": run.job_name,
        "day": day,
        "errors": errors,
        "needs_consent": consent,
    }


def _error(event: dg.DagsterEvent) -> str:
    error = event.step_failure_data.error
    error = (error.cause or error) if error else None
    if error is None:
        return "failed"
    kind, _, text = error.message.strip().partition(": ")
    return text if kind.startswith(_OURS) else f"{error.cls_name} (see the run)"


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
