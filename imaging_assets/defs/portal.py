"""A job, on a schedule, that takes what people tag in Custom Vision's portal as a label file.

Belongs here: when, and what Dagster shows of it. Does not: what counts as a label (`stages/manifests/portal_labels.py`); the sensor
`label_changes` follows the file like any other. A job rather than a sensor, because a look at a large project takes many calls.
"""

import dagster as dg

from imaging_assets.errors import StoreUnavailableError
from imaging_assets.settings import load_settings
from imaging_assets.stages.manifests.portal_labels import pull_labels
from imaging_assets.stages.models.registry import now_utc
from imaging_assets.stages.pipeline import Pipeline

_settings = load_settings()
_PULLS = dg.DefaultScheduleStatus.RUNNING if _settings.custom_vision.pull_labels else dg.DefaultScheduleStatus.STOPPED


@dg.op
def pull_portal_labels(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    """Writes the label file anew where people changed something; needs `custom_vision.pull_labels`."""
    report = pull_labels(pipeline, now_utc())
    if report.not_now:
        context.log.info(report.not_now)
        return
    context.log.info(
        "%d statements: %d new, %d changed, %d withdrawn", report.statements, report.new, report.changed, report.withdrawn
    )
    for image_id, reason in report.unread.items():
        context.log.warning("Image %s of the project is left alone: %s", image_id, reason)


@dg.job
def portal_labels() -> None:
    """Takes what people tag in Custom Vision's portal as labels."""
    pull_portal_labels()


@dg.schedule(
    job=portal_labels,
    cron_schedule=_settings.custom_vision.pull_schedule,
    execution_timezone=_settings.partitions.timezone,
    default_status=_PULLS,
)
def portal_look(pipeline: dg.ResourceParam[Pipeline]) -> dg.RunRequest | dg.SkipReason:
    """Now and then, where there is a store and labels are pulled."""
    if pipeline.portal is None:
        return dg.SkipReason("custom_vision.pull_labels is off.")
    try:
        pipeline.store.list_folders()
    except StoreUnavailableError as error:
        return dg.SkipReason(str(error))
    return dg.RunRequest()
