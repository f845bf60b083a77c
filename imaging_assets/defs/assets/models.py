"""Group *models*: trained when it is worth it, judged on the same test images, published only when better."""

import dagster as dg

from imaging_assets.defs import metadata
from imaging_assets.defs.partitions import DAILY
from imaging_assets.records.models import PublishedModel
from imaging_assets.stages.days import Days
from imaging_assets.stages.models.iterations import iterate
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft, Manifest


@dg.asset(
    partitions_def=DAILY,
    group_name="models",
    kinds={"scikitlearn", "onnx"},
    owners=["team:imaging"],
    io_manager_key="manifests",
    pool="custom_vision_training",
)
def training_iterations(
    context: dg.AssetExecutionContext, training_sets: Manifest, pipeline: dg.ResourceParam[Pipeline]
) -> dg.MaterializeResult[Draft]:
    """Models trained as of the day, each with its verdict against the one that serves, and why."""
    draft, report = iterate(pipeline, training_sets, Days(pipeline).newest_tagged, context.log.info)
    if report.published:
        context.log_event(publication(report.published))
    return metadata.materialized(draft, metadata.of_iteration(report))


published_model = dg.AssetSpec(
    "published_model",
    deps=[training_iterations],
    description="The model that serves now; `training_iterations` and `imaging-assets rollback` report it.",
    group_name="models",
    kinds={"onnx"},
    owners=["team:imaging"],
)


def publication(model: PublishedModel) -> dg.AssetMaterialization:
    """The event that tells Dagster which model serves."""
    facts = {
        "model": model.model_id,
        "reason": model.reason,
        "previous": model.previous or "",
        "published_at": model.published_at,
    }
    return dg.AssetMaterialization("published_model", metadata=facts, tags={"dagster/data_version": model.model_id})
