"""Step `image_catalog`: the SQL catalogue holds one row for each landed image of every day.

Belongs here: what a row says, and writing only what changed. Does not: SQL (`ports/catalog.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from imaging_assets.records.catalog import COLUMNS
from imaging_assets.records.insights import Output
from imaging_assets.stages.day_sources import DaySources
from imaging_assets.stages.digests import digest
from imaging_assets.stages.insights.answers import Answers
from imaging_assets.stages.insights.imaginem import job_output
from imaging_assets.stages.models.registry import now_utc
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.search import batch_of, document_id, what_steps_say
from imaging_assets.stages.state import Draft
from imaging_assets.stages.tables import IMAGE_CATALOG, PREDICTIONS, RESIZED_IMAGES, TAGGED_MANIFESTS

RECIPE = "catalog-1"
"""Raised when this step's output changes."""

_BATCH = 5_000
"""Rows written at once; a large day's would not fit into memory together."""

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
    there = before.filter(pl.col("catalog_id") == catalog_id)
    parts = [IMAGE_CATALOG.frame([])]
    written = 0
    for batch in _rows_in_parts(pipeline, sources):
        rows = IMAGE_CATALOG.frame(
            [{"id": row["id"], "path": row["path"], "row": digest(row), "catalog_id": catalog_id} for row in batch]
        )
        same = set(there.join(rows, on=["id", "row"], how="semi")["id"])
        now = now_utc()
        changed = [row | {"updated_at": now} for row in batch if row["id"] not in same]
        if changed:
            pipeline.catalog.write(changed, [])
        written += len(changed)
        parts.append(rows)
    rows = pl.concat(parts)
    if gone := before.join(rows, on="id", how="anti")["id"].sort().to_list():
        pipeline.catalog.write([], gone)
    return work.draft(rows), CatalogReport(rows.height, written, len(gone))


def _rows_in_parts(pipeline: Pipeline, sources: DaySources) -> Iterator[list[Row]]:
    read = pipeline.manifests.read
    predictions = read(sources.predictions, PREDICTIONS).filter((pl.col("rank") == 0) & (pl.col("error") == ""))
    images = (
        read(sources.resized, RESIZED_IMAGES)
        .join(read(sources.tagged, TAGGED_MANIFESTS.narrowed("path", "tags", "label_source")), on="path", how="left")
        .join(
            predictions.select("sha256", "probability", "model_id", predicted="tag"),
            on="sha256",
            how="left",
            maintain_order="left",
        )
    )
    answers = Answers(pipeline, sources.insights)
    for part in images.iter_slices(_BATCH):
        said = answers.about(part["sha256"])
        yield [_row(sources.resized.key, row, said[row["sha256"]]) for row in part.iter_rows(named=True)]


def _row(day: str, image: Row, insights: Mapping[str, Output]) -> Row:
    said = what_steps_say(insights)
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
