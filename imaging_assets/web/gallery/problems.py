"""Problems: what could not be used, and what to do about it in plain words.

Belongs here: gathering what steps set aside, and the advice. Does not: deciding it (`stages/`).
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import polars as pl
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from imaging_assets.stages.images.landing import short_path
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import ALL
from imaging_assets.stages.tables import LABEL_RECORDS, PREDICTIONS, RESIZED_IMAGES, SEARCH_DOCUMENTS, TAGGED_MANIFESTS, Table
from imaging_assets.web.gallery.pages import page
from imaging_assets.web.site import reader, site_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(reader)])

REMEDIES: Mapping[str, str] = {
    "empty file": "The file has no content: the copy was cut off at once. Copy it again.",
    "unsupported format": "It is no picture of a kind that can be read here. Export it as JPEG or PNG and add it again.",
    "damaged": "Its content is broken. Take it from its source again.",
    "truncated": "The end is missing: the copy was cut off. Copy it again.",
    "too many pixels": "It is larger than `resize.max_pixels` allows. Make it smaller, or raise that setting.",
    "cannot fit": "It cannot be made small enough without becoming useless. Crop it, or raise `resize.max_bytes`.",
    "decoder took too long": "It kept its decoder busy for longer than `resize.decoder_seconds`. Export it anew, or raise that setting.",
    "decoder died": "It made its decoder crash. Export it anew, as JPEG or PNG.",
    "gone while reading": "It was deleted while it was being read. If it should be there, add it again; the next run looks anew.",
}
"""By quarantine reason; a reason without one shows what the decoder said."""

_SHOWN = 500


@router.get("/problems")
def problems(request: Request) -> Response:
    """The page."""
    pipeline = site_of(request).pipeline
    quarantined = _gather(pipeline, RESIZED_IMAGES, pl.col("status") == "quarantined")
    unpredicted = _gather(pipeline, PREDICTIONS, pl.col("error") != "")
    rejected = _gather(pipeline, SEARCH_DOCUMENTS, pl.col("error") != "")
    conflicts = _gather(pipeline, TAGGED_MANIFESTS, pl.col("conflict") != "")
    lines = _label_lines(pipeline)
    facts = {
        "quarantined": [{**row, "path": short_path(pipeline, row["path"])} for row in quarantined[:_SHOWN]],
        "reasons": Counter(row["reason"] for row in quarantined).most_common(),
        "remedies": REMEDIES,
        "unpredicted": unpredicted[:_SHOWN],
        "rejected": [{**row, "path": short_path(pipeline, row["path"])} for row in rejected[:_SHOWN]],
        "conflicts": [{**row, "path": short_path(pipeline, row["path"])} for row in conflicts[:_SHOWN]],
        "lines": lines[:_SHOWN],
        "counts": {
            "quarantined": len(quarantined),
            "lines": len(lines),
            "conflicts": len(conflicts),
            "unpredicted": len(unpredicted),
            "rejected": len(rejected),
        },
    }
    return page(request, "problems.html", facts)


def _gather(pipeline: Pipeline, table: Table, wanted: pl.Expr) -> list[dict[str, Any]]:
    """Rows of all days, newest day first, with their day."""
    rows = []
    for day, manifest in sorted(pipeline.manifests.newest(table.asset).items(), reverse=True):
        found = pipeline.manifests.read(manifest, table).filter(wanted)
        rows += [{**row, "day": day} for row in found.iter_rows(named=True)]
    return rows


def _label_lines(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Lines of label files that found no image, or several, or could not be read."""
    manifest = pipeline.manifests.look_up(LABEL_RECORDS.asset, ALL)
    if manifest is None:
        return []
    rows = pipeline.manifests.read(manifest, LABEL_RECORDS)
    return rows.filter((pl.col("status") != "bound") & pl.col("retracted_at").is_null()).to_dicts()
