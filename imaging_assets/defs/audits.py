"""Jobs each night, outside the days' own runs: one compares the search index with the manifests, one asks whether images still land.

Belongs here: when, and what Dagster shows of it. Does not: comparing or mending (`stages/audit.py`); the job only tells.
"""

import dagster as dg

from imaging_assets.errors import StoreUnavailableError
from imaging_assets.settings import load_settings
from imaging_assets.stages.audit import audit
from imaging_assets.stages.pipeline import Pipeline

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
    execution_timezone=load_settings().partitions.timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
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
    execution_timezone=load_settings().partitions.timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def nightly_inventory_checks(pipeline: dg.ResourceParam[Pipeline]) -> dg.RunRequest | dg.SkipReason:
    """Each night at half past three, where there is a store."""
    return _where_there_is_a_store(pipeline)


def _where_there_is_a_store(pipeline: Pipeline) -> dg.RunRequest | dg.SkipReason:
    try:
        pipeline.store.list_folders()
    except StoreUnavailableError as error:
        return dg.SkipReason(str(error))
    return dg.RunRequest()
