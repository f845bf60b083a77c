"""Group *predictions*: what the published model sees, and where it would ask a person."""

import dagster as dg

from imaging_assets.defs import metadata
from imaging_assets.defs.assets.insights import PLAN
from imaging_assets.defs.assets.models import published_model
from imaging_assets.defs.day_inputs import day_inputs, day_sources
from imaging_assets.defs.partitions import DAILY
from imaging_assets.stages.insights.plan import VECTORS
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.predictions import predict_day
from imaging_assets.stages.review.queues import queue_day
from imaging_assets.stages.state import Draft, Manifest


@dg.asset(
    partitions_def=DAILY,
    deps=[published_model],
    group_name="predictions",
    kinds={"onnx", "parquet"},
    owners=["team:imaging"],
    io_manager_key="manifests",
    pool="custom_vision_prediction",
)
def predictions(resized_images: Manifest, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Draft]:
    """Tags and probabilities of each image by the published model, asked once per image and model."""
    draft, report = predict_day(pipeline, resized_images)
    return metadata.materialized(draft, metadata.of_predictions(report))


@dg.asset(
    partitions_def=DAILY,
    ins=day_inputs(step for step in PLAN.order if step == VECTORS),
    group_name="predictions",
    kinds={"json", "parquet"},
    owners=["team:imaging"],
    io_manager_key="manifests",
)
def review_queues(pipeline: dg.ResourceParam[Pipeline], **read: Manifest) -> dg.MaterializeResult[Draft]:
    """Images a person should look at next, in order, with the reason; out as Label Studio tasks and CSV."""
    draft, report = queue_day(pipeline, day_sources(read))
    return metadata.materialized(draft, metadata.of_review(report))
