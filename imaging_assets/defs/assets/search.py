"""Group *search*: the index holds what the manifests say, no more and no less."""

import dagster as dg

from imaging_assets.defs import metadata
from imaging_assets.defs.assets.insights import PLAN
from imaging_assets.defs.day_inputs import day_inputs, day_sources
from imaging_assets.defs.partitions import DAILY
from imaging_assets.stages.catalog import catalog_day
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.search import index_day
from imaging_assets.stages.state import Draft, Manifest
from imaging_assets.stages.tables import SEARCH_DOCUMENTS


@dg.asset(
    partitions_def=DAILY,
    group_name="search",
    ins=day_inputs(PLAN.order),
    kinds={"sqlite", "azure"},
    owners=["team:imaging"],
    io_manager_key="manifests",
    pool="search_write",
)
def search_documents(pipeline: dg.ResourceParam[Pipeline], **read: Manifest) -> dg.MaterializeResult[Draft]:
    """One document per usable image in the search index; only what changed is sent, and what is gone is deleted."""
    draft, report = index_day(pipeline, day_sources(read))
    return metadata.materialized(draft, metadata.of_search(report))


@dg.asset(
    partitions_def=DAILY,
    ins=day_inputs(PLAN.order),
    group_name="search",
    kinds={"sql"},
    owners=["team:imaging"],
    io_manager_key="manifests",
)
def image_catalog(pipeline: dg.ResourceParam[Pipeline], **read: Manifest) -> dg.MaterializeResult[Draft]:
    """One row per landed image in a SQL table, with all that the steps say about it; written and deleted with its day."""
    draft, report = catalog_day(pipeline, day_sources(read))
    return metadata.materialized(draft, metadata.of_catalog(report))


@dg.asset_check(asset=search_documents, partitions_def=DAILY)
def search_documents_are_accepted(search_documents: Manifest, pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """The index took every document."""
    rows = pipeline.manifests.read(search_documents, SEARCH_DOCUMENTS)
    refused = rows.filter(rows["error"] != "").select("path", "error").rows()
    facts = {"refused": dg.MetadataValue.int(len(refused))} | (
        {"documents": metadata.table(["path", "reason"], refused)} if refused else {}
    )
    return dg.AssetCheckResult(passed=not refused, metadata=facts)
