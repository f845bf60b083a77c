"""Group *images*: what landed on a day, then each image within its limits."""

import warnings
from collections.abc import Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

import dagster as dg
import polars as pl

from imaging_assets.defs import metadata
from imaging_assets.defs.partitions import DAILY
from imaging_assets.defs.tags import CONSENT_TAG
from imaging_assets.errors import ConsentRequiredError
from imaging_assets.stages.images.landing import Landing
from imaging_assets.stages.images.raw import take_inventory
from imaging_assets.stages.images.resized import resize_day
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft, Manifest
from imaging_assets.stages.tables import RAW_IMAGES, RESIZED_IMAGES

# Checks per partition are in preview; they are what this project needs, and the version of dagster is pinned.
warnings.filterwarnings("ignore", category=dg.PreviewWarning, message=".*partitions_def on an AssetCheckSpec.*")


class InventoryConfig(dg.Config):
    """How to take an inventory."""

    accept_deletions: bool = False
    """Believe that many images were deleted on purpose."""


@dg.asset(
    partitions_def=DAILY, group_name="images", kinds={"azureblob", "parquet"}, owners=["team:imaging"], io_manager_key="manifests"
)
def raw_images(
    context: dg.AssetExecutionContext, config: InventoryConfig, pipeline: dg.ResourceParam[Pipeline]
) -> dg.MaterializeResult[Draft]:
    """Inventory of the images that landed on the day; never reads or changes one."""
    try:
        draft, report = take_inventory(pipeline, context.partition_key, accept_deletions=config.accept_deletions)
    except ConsentRequiredError:
        context.instance.add_run_tags(context.run.run_id, {CONSENT_TAG: "yes"})  # the sensors will not ask again for the same
        raise
    return metadata.materialized(draft, metadata.of_inventory(report))


# Neither is about one day, and the second is asked each night as well, when nothing landed and so nothing ran.
@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(
            "raw_images_all_have_a_day",
            asset="raw_images",
            description="No blob is left alone because its folder tells no day, or one that is no partition.",
        ),
        dg.AssetCheckSpec(
            "raw_images_are_fresh", asset="raw_images", description="Images landed lately (`partitions.fresh_days`)."
        ),
    ]
)
def raw_images_checks(pipeline: dg.ResourceParam[Pipeline]) -> Iterator[dg.AssetCheckResult]:
    """What is left alone, and how old the newest day is."""
    landing = Landing(pipeline)
    yield _all_have_a_day(landing)
    today = datetime.now(ZoneInfo(pipeline.partitions.timezone)).date()
    yield _fresh(landing.days(), today, pipeline.partitions.fresh_days)


def _all_have_a_day(landing: Landing) -> dg.AssetCheckResult:
    strays = [] if landing.undated else [blob.path for blob in landing.strays()]
    outside = [day for day in landing.days() if not DAILY.has_partition_key(day)]
    facts: metadata.Metadata = {"strays": dg.MetadataValue.int(len(strays)), "days_outside": dg.MetadataValue.int(len(outside))}
    if strays or outside:
        facts["left_alone"] = metadata.table(["path or day"], [(name,) for name in [*outside, *strays]])
    return dg.AssetCheckResult(
        check_name="raw_images_all_have_a_day",
        passed=not strays and not outside,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=facts,
    )


def _fresh(days: list[str], today: date, limit: float | None) -> dg.AssetCheckResult:
    age = (today - date.fromisoformat(days[-1])).days if days else None
    facts: metadata.Metadata = (
        {"newest_day": dg.MetadataValue.text(days[-1]), "days_old": dg.MetadataValue.int(age)} if age is not None else {}
    )
    passed = limit is None or (age is not None and age <= limit)
    # An error: who sets a limit expects images, and waiting brings none.
    return dg.AssetCheckResult(check_name="raw_images_are_fresh", passed=passed, metadata=facts)


@dg.asset(
    partitions_def=DAILY, group_name="images", kinds={"python", "parquet"}, owners=["team:imaging"], io_manager_key="manifests"
)
def resized_images(raw_images: Manifest, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Draft]:
    """Each landed image upright and within the limits of size, or quarantined with its reason."""
    draft, report = resize_day(pipeline, raw_images)
    return metadata.materialized(draft, metadata.of_resize(report))


# One step for both: every step costs a tenth of a second in each day's run.
@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(
            "resized_images_are_complete",
            asset="resized_images",
            partitions_def=DAILY,
            blocking=True,
            description="Every landed image is there: resized, or quarantined with a reason.",
        ),
        dg.AssetCheckSpec(
            "resized_images_are_readable",
            asset="resized_images",
            partitions_def=DAILY,
            description="No image was quarantined; those that were are listed with their reason.",
        ),
    ],
    ins={"resized_images": dg.AssetIn("resized_images")},
)
def resized_images_checks(
    context: dg.AssetCheckExecutionContext, resized_images: Manifest, pipeline: dg.ResourceParam[Pipeline]
) -> Iterator[dg.AssetCheckResult]:
    """Output = input - quarantined, and what was quarantined."""
    landed = pipeline.manifests.read(pipeline.manifests.find(RAW_IMAGES.asset, context.partition_key), RAW_IMAGES)
    rows = pipeline.manifests.read(resized_images, RESIZED_IMAGES)
    yield _complete(landed, rows)
    yield _readable(rows)


def _complete(landed: pl.DataFrame, rows: pl.DataFrame) -> dg.AssetCheckResult:
    unexplained = rows.filter(
        (rows["status"] == "quarantined") & rows["reason"].is_null()
        | (rows["status"] != "quarantined") & rows["resized"].is_null()
    )
    missing = sorted(set(landed["path"]) ^ set(rows["path"]))
    return dg.AssetCheckResult(
        check_name="resized_images_are_complete",
        passed=not missing and unexplained.is_empty(),
        metadata={"landed": landed.height, "rows": rows.height, "unexplained": unexplained.height, "missing": missing[:50]},
    )


def _readable(rows: pl.DataFrame) -> dg.AssetCheckResult:
    bad = rows.filter(rows["status"] == "quarantined").select("path", "reason", "detail").rows()
    facts = {"quarantined": dg.MetadataValue.int(len(bad))} | (
        {"images": metadata.table(["path", "reason", "detail"], bad)} if bad else {}
    )
    return dg.AssetCheckResult(
        check_name="resized_images_are_readable", passed=not bad, severity=dg.AssetCheckSeverity.WARN, metadata=facts
    )
