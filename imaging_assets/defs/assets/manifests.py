"""Group *manifests*: what people said, which image it is about, and what may be trained on."""

from collections.abc import Iterator, Sequence

import dagster as dg
import polars as pl

from imaging_assets.defs import metadata
from imaging_assets.defs.partitions import DAILY, EVERY_DAY_SO_FAR
from imaging_assets.stages.days import Days
from imaging_assets.stages.manifests.label_report import OpenLine, lines_in_conflict, open_lines, rare_spellings, silent_sources
from imaging_assets.stages.manifests.labels import expected_sources, refresh_labels
from imaging_assets.stages.manifests.readiness import NEEDED_COLUMNS, judge_readiness
from imaging_assets.stages.manifests.sources import label_files
from imaging_assets.stages.manifests.suspects import known_suspects, suspect_labels
from imaging_assets.stages.manifests.tagged import tag_day
from imaging_assets.stages.manifests.training_sets import gather_training_set
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft, Manifest
from imaging_assets.stages.tables import LABEL_RECORDS, TAGGED_MANIFESTS, TRAINING_SETS


@dg.asset(
    group_name="manifests", kinds={"csv", "parquet"}, owners=["team:imaging"], io_manager_key="manifests", pool="label_records"
)
def label_records(resized_images: dict[str, Manifest], pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Draft]:
    """Every statement of every label file, bound to the image it means; nothing is ever removed."""
    draft, report = refresh_labels(pipeline, resized_images)
    return metadata.materialized(draft, metadata.of_labels(report))


# One step for four checks: every step costs a tenth of a second in each day's run.
@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(name, asset="label_records", description=description)
        for name, description in {
            "label_records_find_their_images": "Every line of every label file names exactly one image; the others are listed.",
            "label_records_do_not_conflict": "People agree on equal bytes; statements that differ are listed and not trained on.",
            "label_tags_are_spelt_one_way": "No two tags differ in case only; the lines with the rarer spelling are listed.",
            "label_sources_say_something": "From every label source at least one statement could be read.",
        }.items()
    ],
    ins={"label_records": dg.AssetIn("label_records")},
)
def label_records_checks(label_records: Manifest, pipeline: dg.ResourceParam[Pipeline]) -> Iterator[dg.AssetCheckResult]:
    """What to look at in the label files, with file, line and reason."""
    rows = pipeline.manifests.read(label_records, LABEL_RECORDS)
    yield _none_listed(open_lines(rows), "label_records_find_their_images")
    yield _none_listed(lines_in_conflict(rows), "label_records_do_not_conflict")
    yield _none_listed(rare_spellings(rows), "label_tags_are_spelt_one_way")
    silent = silent_sources(rows, expected_sources(pipeline, label_files(pipeline)))
    yield dg.AssetCheckResult(passed=not silent, metadata={"silent": silent}, check_name="label_sources_say_something")


@dg.asset(partitions_def=DAILY, group_name="manifests", kinds={"parquet"}, owners=["team:imaging"], io_manager_key="manifests")
def tagged_manifests(
    resized_images: Manifest, label_records: Manifest, pipeline: dg.ResourceParam[Pipeline]
) -> dg.MaterializeResult[Draft]:
    """Every landed image with the tags that hold for it; the durable record, whatever service trains on it."""
    draft, report = tag_day(pipeline, resized_images, label_records)
    return metadata.materialized(draft, metadata.of_tagged(report))


@dg.asset_check(asset=tagged_manifests, partitions_def=DAILY)
def tagged_regions_lie_inside(tagged_manifests: Manifest, pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """Every box lies inside its image; those that were cut or left out are listed with file, line and reason."""
    rows = pipeline.manifests.read(tagged_manifests, TAGGED_MANIFESTS)
    odd = (
        rows.select("label_file", "label_line", "path", "region_problems")
        .explode("region_problems")
        .drop_nulls("region_problems")
    )
    return _none_listed(list(odd.iter_rows()))


@dg.asset(
    partitions_def=DAILY,
    ins={"tagged_manifests": dg.AssetIn(partition_mapping=EVERY_DAY_SO_FAR)},
    group_name="manifests",
    kinds={"parquet"},
    owners=["team:imaging"],
    io_manager_key="manifests",
)
def training_sets(
    context: dg.AssetExecutionContext, tagged_manifests: dict[str, Manifest], pipeline: dg.ResourceParam[Pipeline]
) -> dg.MaterializeResult[Draft]:
    """Every distinct labelled image of this and all earlier days, each for ever on its side of the split."""
    draft, report = gather_training_set(pipeline, context.partition_key, tagged_manifests)
    readiness = judge_readiness(pipeline.manifests.rows(draft, *NEEDED_COLUMNS), pipeline.training.min_images_per_tag)
    suspects = suspect_labels(pipeline, draft) if draft.key == Days(pipeline).newest_tagged else None
    facts = metadata.of_training_set(report) | metadata.of_readiness(readiness) | metadata.of_suspects(suspects)
    return metadata.materialized(draft, facts)


@dg.asset_check(asset=training_sets, partitions_def=DAILY, blocking=True)
def training_sets_do_not_leak(training_sets: Manifest, pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """No group of near-duplicates is on two sides of the split."""
    rows = pipeline.manifests.read(training_sets, TRAINING_SETS.narrowed("group", "split")).filter(pl.col("split") != "excluded")
    torn = rows.group_by("group").agg(pl.col("split").n_unique()).filter(pl.col("split") > 1)
    return dg.AssetCheckResult(
        passed=torn.is_empty(), metadata={"groups": rows["group"].n_unique(), "torn": torn["group"].to_list()[:50]}
    )


@dg.asset_check(asset=training_sets, partitions_def=DAILY)
def training_sets_are_ready(training_sets: Manifest, pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """Two tags or more, each with images enough to learn from and to judge on, and none drowned by another."""
    rows = pipeline.manifests.read(training_sets, TRAINING_SETS.narrowed(*NEEDED_COLUMNS))
    readiness = judge_readiness(rows, pipeline.training.min_images_per_tag)
    return dg.AssetCheckResult(
        passed=readiness.ready, severity=dg.AssetCheckSeverity.WARN, metadata=metadata.of_readiness(readiness)
    )


@dg.asset_check(asset=training_sets, partitions_def=DAILY)
def training_sets_have_no_suspects(training_sets: Manifest, pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """A model that saw neither an image nor its near-duplicates agrees with every label; looked at in the newest set only."""
    suspects = known_suspects(pipeline, training_sets.key)
    return dg.AssetCheckResult(
        passed=not (suspects and suspects.found),
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata.of_suspects(suspects),
    )


def _none_listed(lines: Sequence[OpenLine], check: str | None = None) -> dg.AssetCheckResult:
    """A warning that lists lines of label files, passed when there are none."""
    facts: metadata.Metadata = {"open": dg.MetadataValue.int(len(lines))}
    if lines:
        facts["lines"] = metadata.table(["file", "line", "names", "reason"], lines)
    return dg.AssetCheckResult(passed=not lines, severity=dg.AssetCheckSeverity.WARN, metadata=facts, check_name=check)
