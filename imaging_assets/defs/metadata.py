"""Reports as Dagster metadata: numbers that plot per day, pictures and short tables.

Belongs here: one function per report. Does not: computing anything. Lists are cut to what a person reads; the manifest has them all.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster import MetadataValue

from imaging_assets.stages.catalog import CatalogReport
from imaging_assets.stages.images.raw import InventoryReport
from imaging_assets.stages.images.resized import ResizeReport
from imaging_assets.stages.insights.steps import StepReport
from imaging_assets.stages.insights.vectors import VectorReport
from imaging_assets.stages.manifests.label_report import LabelReport
from imaging_assets.stages.manifests.readiness import Readiness
from imaging_assets.stages.manifests.suspects import SuspectReport
from imaging_assets.stages.manifests.tagged import TaggedReport
from imaging_assets.stages.manifests.training_sets import TrainingSetReport
from imaging_assets.stages.models.iterations import IterationReport
from imaging_assets.stages.predictions import PredictionReport
from imaging_assets.stages.review.queues import ReviewReport
from imaging_assets.stages.search import SearchReport
from imaging_assets.stages.state import Draft

Metadata = dict[str, MetadataValue[Any]]

_SHOWN = 50


def materialized(draft: Draft, metadata: Metadata, *checks: dg.AssetCheckResult) -> dg.MaterializeResult[Draft]:
    """A step's result for Dagster: the draft for the IO manager, its rows' digest as data version, and checks it makes itself."""
    facts: Metadata = {**metadata, "unchanged": MetadataValue.bool(not draft.changed)}
    return dg.MaterializeResult(value=draft, data_version=dg.DataVersion(draft.rows), metadata=facts, check_results=checks)


def of_inventory(report: InventoryReport) -> Metadata:
    """`raw_images`."""
    return _numbers(
        images=report.images, new=report.new, changed=report.changed, deleted=report.deleted, megabytes=report.size / 1e6
    )


def of_resize(report: ResizeReport) -> Metadata:
    """`resized_images`, with the contact sheet first: it is what people look at."""
    metadata: Metadata = {}
    if report.sheet:
        metadata["contact_sheet"] = _picture("contact sheet", "webp", report.sheet)
    metadata |= _numbers(
        images=report.images,
        passed=report.passed,
        rewritten=report.rewritten,
        resized=report.resized,
        quarantined=report.quarantined,
        duplicates=report.duplicates,
        images_read=report.read,
        megabytes_read=report.bytes_read / 1e6,
        megabytes_in=report.bytes_in / 1e6,
        megabytes_out=report.bytes_out / 1e6,
    )
    if report.hardest:
        columns = ["path", "bytes_in", "pixels_in", "bytes_out", "pixels_out"]
        metadata["worst_compressions"] = table(columns, report.hardest)
    return metadata | _counts("quarantined_because", "reason", report.reasons) | _counts("look_at", "problem", report.problems)


def of_vectors(report: VectorReport) -> Metadata:
    """`image_vectors`."""
    return _numbers(images=report.images, images_embedded=report.embedded) | {
        "embedding": MetadataValue.text(report.embedding_id)
    }


def of_step(report: StepReport) -> Metadata:
    """Any other step of the group insights."""
    metadata = _numbers(images=report.images, images_analyzed=report.analyzed, failed=report.failed)
    if report.errors:
        metadata["failed_because"] = table(["image", "reason"], report.errors)
    return metadata | {"analyzer": MetadataValue.text(report.analyzer_id)}


def of_labels(report: LabelReport) -> Metadata:
    """`label_records`."""
    return _numbers(
        files=report.files,
        statements=report.statements,
        bound=report.bound,
        unmatched=report.unmatched,
        ambiguous=report.ambiguous,
        rejected=report.rejected,
        retracted=report.retracted,
        conflicts=report.conflicts,
        rare_spellings=report.rare_spellings,
        files_read=report.files_read,
        days_read=report.days_read,
    ) | ({"statements_per_source": table(["source", "statements"], list(report.by_source.items()))} if report.by_source else {})


def of_tagged(report: TaggedReport) -> Metadata:
    """`tagged_manifests`."""
    metadata = _numbers(
        images=report.images,
        labelled=report.labelled,
        unlabelled=report.unlabelled,
        conflicts=report.conflicts,
        region_problems=report.region_problems,
    )
    return metadata | _counts("images_per_tag", "tag", report.tags)


def of_training_set(report: TrainingSetReport) -> Metadata:
    """`training_sets`."""
    metadata = _numbers(
        images=report.images,
        train=report.train,
        validation=report.validation,
        test=report.test,
        excluded=report.excluded,
        days=report.days,
        days_read=report.days_read,
    )
    sides = ("train", "validation", "test", "excluded")
    rows = [(tag, *(counts.get(side, 0) for side in sides)) for tag, counts in report.tags.items()]
    if rows:
        metadata["images_per_tag"] = table(["tag", *sides], rows)
    return metadata | _counts("excluded_because", "reason", report.reasons)


def of_readiness(readiness: Readiness) -> Metadata:
    """`training_sets`: what each tag has and needs."""
    columns = ("tag", "have", "need", "distinct", "test", "problem")
    rows = [(tag.tag, tag.have, tag.need, tag.distinct, tag.test, readiness.problems.get(tag.tag, "")) for tag in readiness.tags]
    metadata: Metadata = {"ready": MetadataValue.bool(readiness.ready), "kind": MetadataValue.text(readiness.kind)}
    metadata |= _numbers(imbalance=readiness.ratio)
    return metadata | ({"readiness": table(columns, sorted(rows, key=lambda row: not row[-1]))} if rows else {})


def of_suspects(report: SuspectReport | None) -> Metadata:
    """`training_sets`: labels to look at again; nothing for another set than the newest."""
    if report is None:
        return {}
    metadata = _numbers(suspects=len(report.found), labels_looked_at=report.looked_at)
    if report.found:
        metadata["suspect_labels"] = table(["path", "label", "looks_like", "lead"], report.found)
    return metadata


def of_iteration(report: IterationReport) -> Metadata:
    """`training_iterations`."""
    metadata = _numbers(
        iterations=report.iterations, images=report.images, test_images=report.test_images, seconds=report.seconds
    )
    if report.test_images:
        metadata |= _numbers(accuracy=report.accuracy, champion_accuracy=report.champion_accuracy)
    if report.evaluation:
        rows = [
            (score.tag, score.images, *(round(rate, 3) for rate in (score.precision, score.recall, score.average_precision)))
            for score in report.evaluation.per_tag
        ]
        metadata["per_tag"] = table(["tag", "test_images", "precision", "recall", "average_precision"], rows)
    metadata |= {name: _picture(name, "png", data) for name, data in report.pictures.items()}
    return metadata | {
        "trained": MetadataValue.bool(report.trained),
        "verdict": MetadataValue.text(report.verdict),
        "reason": MetadataValue.text(report.reason),
        "model": MetadataValue.text(report.model_id),
    }


def of_predictions(report: PredictionReport) -> Metadata:
    """`predictions`."""
    metadata = _numbers(
        images=report.images, images_scored=report.scored, failed=report.failed, mean_probability=report.mean_probability
    ) | _counts("images_per_predicted_tag", "tag", report.tags)
    return metadata | {
        "model": MetadataValue.text(report.model_id),
        **({"reason": MetadataValue.text(report.reason)} if report.reason else {}),
    }


def of_review(report: ReviewReport) -> Metadata:
    """`review_queues`."""
    metadata = _numbers(images=report.queued) | _counts("images_per_reason", "reason", report.reasons)
    if report.first:
        columns = ("rank", "path", "reason", "score", "label", "predicted")
        metadata["queue"] = table(columns, [(rank, *row) for rank, row in enumerate(report.first, 1)])
    return metadata | ({"reason": MetadataValue.text(report.nothing_because)} if report.nothing_because else {})


def of_search(report: SearchReport) -> Metadata:
    """`search_documents`."""
    metadata = _numbers(documents=report.documents, sent=report.sent, deleted=report.deleted, rejected=report.rejected)
    if report.errors:
        metadata["rejected_because"] = table(["path", "reason"], report.errors)
    return metadata | {"index_generation": MetadataValue.text(report.generation)}


def of_catalog(report: CatalogReport) -> Metadata:
    """`image_catalog`."""
    return _numbers(rows=report.rows, written=report.written, deleted=report.deleted)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> MetadataValue[Any]:
    """The first rows as a table."""
    records = [dg.TableRecord({name: _cell(value) for name, value in zip(columns, row, strict=True)}) for row in rows[:_SHOWN]]
    schema = dg.TableSchema(columns=[dg.TableColumn(name, _kind(rows, place)) for place, name in enumerate(columns)])
    return MetadataValue.table(records, schema)


def _picture(name: str, kind: str, data: bytes) -> MetadataValue[Any]:
    return MetadataValue.md(f"![{name.replace('_', ' ')}](data:image/{kind};base64,{base64.b64encode(data).decode()})")


def _numbers(**numbers: float) -> Metadata:
    return {
        name: MetadataValue.int(number) if isinstance(number, int) else MetadataValue.float(round(number, 4))
        for name, number in numbers.items()
    }


def _counts(name: str, column: str, counts: Mapping[str, int]) -> Metadata:
    return {name: table([column, "images"], list(counts.items()))} if counts else {}


def _cell(value: object) -> str | int | float | bool | None:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _kind(rows: Sequence[Sequence[object]], place: int) -> str:
    kinds = {int: "int", float: "float"}
    return kinds.get(type(rows[0][place]), "string") if rows else "string"
