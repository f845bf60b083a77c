"""Step `image_catalog`: the SQL catalogue holds one row for each landed image of every day.

Belongs here: what a row says, and writing only what changed. Does not: SQL (`ports/catalog.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from imaging_assets.records.catalog import COLUMNS
from imaging_assets.stages.day_sources import DaySources
from imaging_assets.stages.digests import digest
from imaging_assets.stages.insights.imaginem import job_output
from imaging_assets.stages.insights.steps import outputs
from imaging_assets.stages.models.registry import now_utc
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.search import batch_of, document_id, what_steps_say
from imaging_assets.stages.state import Draft, Manifest
from imaging_assets.stages.tables import IMAGE_CATALOG, PREDICTIONS, RESIZED_IMAGES, TAGGED_MANIFESTS

RECIPE = "catalog-1"
"""Raised when this step's output changes."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CatalogReport:
    """A day's rows; `written` and `deleted` count what the database was told now."""

    rows: int
    written: int
    deleted: int


def catalog_inputs(catalog_id: str, sources: DaySources) -> str:
    """Digest of what the step would read now; another database needs every row again."""
    return digest(RECIPE, catalog_id, sources.read)


def catalog_day(pipeline: Pipeline, sources: DaySources) -> tuple[Draft, CatalogReport]:
    """Bring a day's rows up to date.

    Raises:
        CatalogError: The database cannot be reached.
    """
    catalog_id = pipeline.catalog.catalog_id
    work = pipeline.manifests.begin(IMAGE_CATALOG, sources.resized.key, catalog_inputs(catalog_id, sources))
    before = work.previous()
    if work.done:
        return work.done, CatalogReport(before.height, 0, 0)
    rows = {row["id"]: row for row in _rows(pipeline, sources)}
    digests = {key: digest(row) for key, row in rows.items()}
    known = dict(before.filter(pl.col("catalog_id") == catalog_id).select("id", "row").iter_rows())
    changed = [key for key in rows if known.get(key) != digests[key]]
    gone = sorted(set(before["id"]) - rows.keys())
    if changed or gone:
        now = now_utc()
        pipeline.catalog.write([rows[key] | {"updated_at": now} for key in changed], gone)
    kept: list[Row] = [{"id": key, "path": rows[key]["path"], "row": digests[key], "catalog_id": catalog_id} for key in rows]
    return work.draft(kept), CatalogReport(len(rows), len(changed), len(gone))


def _rows(pipeline: Pipeline, sources: DaySources) -> list[Row]:
    read = pipeline.manifests.read
    predictions = read(sources.predictions, PREDICTIONS).filter((pl.col("rank") == 0) & (pl.col("error") == ""))
    images = (
        read(sources.resized, RESIZED_IMAGES)
        .join(read(sources.tagged, TAGGED_MANIFESTS).select("path", "tags", "label_source"), on="path", how="left")
        .join(
            predictions.select("sha256", "probability", "model_id", predicted="tag"),
            on="sha256",
            how="left",
            maintain_order="left",
        )
    )
    said = what_steps_say(pipeline, sources.insights)
    insights = outputs_by_image(pipeline, sources.insights)
    return [
        _row(sources.resized.key, row, said.get(row["sha256"], {}), insights.get(row["sha256"], {}))
        for row in images.iter_rows(named=True)
    ]


def outputs_by_image(pipeline: Pipeline, insights: Mapping[str, Manifest]) -> dict[str, Row]:
    """By sha256, each step's whole answer by step."""
    found: dict[str, Row] = {}
    for name, step in pipeline.insights.steps.items():
        for sha256, output in outputs(pipeline, step, insights[name]).items() if name in insights else ():
            found.setdefault(sha256, {})[name] = dict(output)
    return found


def _row(day: str, image: Row, said: Row, insights: Row) -> Row:
    own = {
        "id": document_id(image["path"]),
        "name": image["path"].rpartition("/")[2],
        "source": image["source"] or None,
        "day": date.fromisoformat(day),
        "batch_id": batch_of(image["path"]),
        "tags": image["tags"] or [],
        "label_source": image["label_source"] or None,
        "duplicate_group": image["duplicate_group"] or None,
        "insights": insights,
        "job_output": job_output(image, insights),
    }
    return {name: own[name] if name in own else said.get(name, image.get(name)) for name in COLUMNS if name != "updated_at"}
