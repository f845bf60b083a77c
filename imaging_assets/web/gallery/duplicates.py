"""Duplicates: images that repeat another, exactly or nearly.

Belongs here: putting groups together over all days. Does not: finding look-alikes (`stages/images`). Nothing is deleted here; the page
says which one of a group has most pixels.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from imaging_assets.errors import QueryError
from imaging_assets.stages.images.landing import short_path
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RESIZED_IMAGES
from imaging_assets.web.gallery.pages import page
from imaging_assets.web.site import reader, site_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(reader)])

_PAGE = 25
_COLUMNS = ("path", "sha256", "thumbnail", "width", "height", "size", "duplicate_group", "format")


@dataclass(frozen=True, slots=True)
class Group:
    """Images alike, the one with most pixels (then bytes) first; `exact` when all have the same bytes."""

    images: tuple[dict[str, Any], ...]
    exact: bool


@router.get("/duplicates")
def duplicates(request: Request, number: int = 1) -> Response:
    """A page of groups."""
    site = site_of(request)
    groups = find_groups(site.pipeline)
    last = max(1, -(-len(groups) // _PAGE))
    if not 1 <= number <= last:
        raise QueryError(f"There is no page {number}. Pages go from 1 to {last}.")
    facts = {
        "groups": groups[(number - 1) * _PAGE : number * _PAGE],
        "count": len(groups),
        "superfluous": sum(len(group.images) - 1 for group in groups),
        "number": number,
        "last": last,
    }
    return page(request, "duplicates.html", facts)


def find_groups(pipeline: Pipeline) -> list[Group]:
    """Groups of all days, largest first: equal bytes on any days, and look-alikes of the same day."""
    frames = [
        pipeline.manifests.read(manifest, RESIZED_IMAGES)
        .filter(pl.col("status") != "quarantined")
        .select(*_COLUMNS, day=pl.lit(day))
        for day, manifest in sorted(pipeline.manifests.newest(RESIZED_IMAGES.asset).items())
    ]
    if not frames:
        return []
    thumbnails = f"{pipeline.places.thumbnails}/"
    # A group is named after its first image's bytes; an image alone on its day may still repeat bytes of another day.
    key = pl.when(pl.col("duplicate_group").fill_null("") != "").then(pl.col("duplicate_group")).otherwise(pl.col("sha256"))
    images = pl.concat(frames).with_columns(
        group=key,
        thumbnail=pl.col("thumbnail").str.strip_prefix(thumbnails),
    )
    several = images.filter(pl.len().over("group") > 1).with_columns(
        pixels=pl.col("width") * pl.col("height"), path=pl.col("path").map_elements(partial(short_path, pipeline), pl.String)
    )
    several = several.sort(["pixels", "size", "path"], descending=[True, True, False])
    groups = [
        Group(tuple(rows.iter_rows(named=True)), rows["sha256"].n_unique() == 1)
        for rows in several.partition_by("group", maintain_order=True)
    ]
    return sorted(groups, key=lambda group: (-len(group.images), group.images[0]["path"]))
