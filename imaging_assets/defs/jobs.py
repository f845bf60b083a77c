"""Jobs on a schedule, outside the days' own runs: is the index as it should be, do images still land, what do people tag in the portal?

Belongs here: when, and what Dagster shows of it. Does not: comparing or mending (`stages/audit.py`; the job only tells), what counts as a
label (`stages/manifests/portal_labels.py`; the sensor `label_changes` follows that file like any other).
"""

import dagster as dg

from imaging_assets.settings import load_settings
from imaging_assets.stages.audit import audit
from imaging_assets.stages.images.landing import no_store
from imaging_assets.stages.manifests.portal_labels import pull_labels
from imaging_assets.stages.models.registry import now_utc
from imaging_assets.stages.pipeline import Pipeline

_settings = load_settings()
_policy = _settings.custom_vision
_timezone = _settings.partitions.timezone
_SHOWN = 100


@dg.op
def compare_search_index(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    """Fails when a document is missing, stale or of no image, or the index as a whole is not as it should be."""
    done = audit(pipeline)
    found = done.differences
    context.log.info(
        "%d documents, %d missing, %d stale, %d strays, %d days not judged",
        found.documents,
        len(found.missing),
        len(found.stale),
        len(found.strays),
        len(found.days_behind),
    )
    if done.good:
        return
    paths = [path for _, path in (*found.missing.values(), *found.stale.values())]
    raise dg.Failure(
        f"{found.count} documents differ from the manifests; {' '.join(done.faults) or 'the index as a whole is well.'} "
        "Mend them with `imaging-assets audit --repair`.",
        metadata={"images": paths[:_SHOWN], "strays": sorted(found.strays)[:_SHOWN], "faults": list(done.faults)},
        allow_retries=False,
    )


@dg.job
def search_audit() -> None:
    """Compares the search index with the manifests."""
    compare_search_index()


@dg.schedule(
    job=search_audit,
    cron_schedule="0 3 * * *",
    execution_timezone=_timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Compares the search index with the manifests each night.",
)
def nightly_audit(pipeline: dg.ResourceParam[Pipeline]) -> dg.RunRequest | dg.SkipReason:
    """Each night at three, where there is a store."""
    return _where_there_is_a_store(pipeline)


inventory_checks = dg.define_asset_job(
    "inventory_checks",
    dg.AssetSelection.checks(
        dg.AssetCheckKey(dg.AssetKey("raw_images"), "raw_images_all_have_a_day"),
        dg.AssetCheckKey(dg.AssetKey("raw_images"), "raw_images_are_fresh"),
    ),
    description="Checks of the landing place as a whole, which no day's run makes when nothing lands.",
)


@dg.schedule(
    job=inventory_checks,
    cron_schedule="30 3 * * *",
    execution_timezone=_timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Looks each night whether images still land, and in folders of a day.",
)
def nightly_inventory_checks(pipeline: dg.ResourceParam[Pipeline]) -> dg.RunRequest | dg.SkipReason:
    """Each night at half past three, where there is a store."""
    return _where_there_is_a_store(pipeline)


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


# A job rather than a sensor: a look at a large project takes many calls.
@dg.job
def portal_labels() -> None:
    """Takes what people tag in Custom Vision's portal as labels."""
    pull_portal_labels()


@dg.schedule(
    job=portal_labels,
    cron_schedule=_policy.pull_schedule,
    execution_timezone=_timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING if _policy.pull_labels else dg.DefaultScheduleStatus.STOPPED,
    description="Takes labels that people gave in Custom Vision's portal, as often as custom_vision.pull_schedule says.",
)
def portal_look(pipeline: dg.ResourceParam[Pipeline]) -> dg.RunRequest | dg.SkipReason:
    """Now and then, where there is a store and labels are pulled."""
    if pipeline.portal is None:
        return dg.SkipReason("custom_vision.pull_labels is off.")
    return _where_there_is_a_store(pipeline)


def _where_there_is_a_store(pipeline: Pipeline) -> dg.RunRequest | dg.SkipReason:
    reason = no_store(pipeline)
    return dg.SkipReason(reason) if reason else dg.RunRequest()
