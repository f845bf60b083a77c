"""Group *insights*: what can be said about an image without the user's tags; one asset per configured step."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from imaging_assets.analyzers import plan
from imaging_assets.defs import metadata
from imaging_assets.defs.partitions import DAILY
from imaging_assets.settings import load_settings
from imaging_assets.stages.insights.plan import VECTORS
from imaging_assets.stages.insights.steps import StepReport, analyze_day
from imaging_assets.stages.insights.vectors import embed_day
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft, Manifest

PLAN = plan(load_settings())

_SHARED: dict[str, Any] = {
    "partitions_def": DAILY,
    "group_name": "insights",
    "owners": ["team:imaging"],
    "io_manager_key": "manifests",
}
_TOLD = {
    "image_tags": "Words for each image: its colours, quality and shape, and what a classifier of your own sees.",
    "image_texts": "What is written in each image: lines, words, where they stand, and the whole text.",
    "image_faces": "Where faces are in each image, each cut out into a private place.",
    "face_prints": "A vector per face, by a model of your own, so that equal faces can be told.",
    "face_matches": "Which faces are those of persons whose reference pictures you keep.",
}


def _vectors() -> dg.AssetsDefinition:
    """The asset of the one step that an embedder does."""

    def image_vectors(resized_images: Manifest, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Draft]:
        """One vector per image, so that look-alikes are found before any model exists."""
        draft, report = embed_day(pipeline, resized_images)
        return metadata.materialized(draft, metadata.of_vectors(report))

    made: dg.AssetsDefinition = dg.asset(kinds={"numpy", "parquet"}, **_SHARED)(image_vectors)
    return made


def _step(name: str, requires: tuple[str, ...]) -> dg.AssetsDefinition:
    """The asset of any other step."""

    # A generator: Dagster takes a plain result with checks for one that has no value to keep.
    def step(
        resized_images: Manifest, pipeline: dg.ResourceParam[Pipeline], **required: Manifest
    ) -> Iterator[dg.MaterializeResult[Draft]]:
        draft, report = analyze_day(pipeline, pipeline.insights.steps[name], resized_images, required)
        yield metadata.materialized(draft, metadata.of_step(report), _answered(name, report))

    told = _TOLD.get(name, f"What the step {name} says about each image, as configured in insights.steps.")
    ins = {other: dg.AssetIn() for other in requires}
    made: dg.AssetsDefinition = dg.asset(
        name=name, ins=ins, description=told, kinds={"parquet"}, check_specs=[_answering(name)], **_SHARED
    )(step)
    return made


def _answering(name: str) -> dg.AssetCheckSpec:
    """A check that the asset's own step makes: one of its own would cost each day's run a tenth of a second."""
    told = "The step has an answer about every image; images without one are listed with the reason."
    return dg.AssetCheckSpec(f"{name}_are_answered", asset=name, partitions_def=DAILY, description=told)


def _answered(name: str, report: StepReport) -> dg.AssetCheckResult:
    facts = {name: value for name, value in metadata.of_step(report).items() if name in ("images", "failed", "failed_because")}
    return dg.AssetCheckResult(
        check_name=f"{name}_are_answered", passed=not report.failed, severity=dg.AssetCheckSeverity.WARN, metadata=facts
    )


STEPS = [_vectors() if name == VECTORS else _step(name, PLAN.steps[name].requires) for name in PLAN.order]
