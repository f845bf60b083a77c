"""Group *insights*: what can be said about an image without the user's tags."""

import dagster as dg

from imaging_assets.defs import metadata
from imaging_assets.defs.partitions import DAILY
from imaging_assets.stages.insights import embed_day
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft, Manifest


@dg.asset(
    partitions_def=DAILY, group_name="insights", kinds={"numpy", "parquet"}, owners=["team:imaging"], io_manager_key="manifests"
)
def image_vectors(resized_images: Manifest, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Draft]:
    """One vector per image, so that look-alikes are found before any model exists."""
    draft, report = embed_day(pipeline, resized_images)
    return metadata.materialized(draft, metadata.of_vectors(report))
