"""A job each night that compares the search index with the manifests, outside the days' own runs.

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
    try:
        pipeline.store.list_folders()
    except StoreUnavailableError as error:
        return dg.SkipReason(str(error))
    return dg.RunRequest()
