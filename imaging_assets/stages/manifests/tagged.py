"""Step `tagged_manifests`: the durable thing, every landed image of a day with the tags that hold for it.

Belongs here: joining images and winning statements. Does not: deciding between statements (`winners`), choosing what is trained on
(`training_sets`). Unlabelled images have a row too, with `tags = []`.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from imaging_assets.stages.digests import digest
from imaging_assets.stages.manifests.day_images import DayImages
from imaging_assets.stages.manifests.labels import label_digests
from imaging_assets.stages.manifests.regions import upright_regions
from imaging_assets.stages.manifests.winners import Winner, winners
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft, Manifest
from imaging_assets.stages.tables import LABEL_RECORDS, RESIZED_IMAGES, TAGGED_MANIFESTS

RECIPE = "tagged-2"
"""Raised when this step's output changes."""


@dataclass(frozen=True, slots=True)
class TaggedReport:
    """A day's images by what people said about them; `tags` counts images per tag."""

    images: int
    labelled: int
    unlabelled: int
    conflicts: int
    region_problems: int
    tags: Mapping[str, int]


def tagged_inputs(resized: Manifest, labels_of_day: str) -> str:
    """Digest of what the step would read now: the day's images and the labels that concern them."""
    return digest(RECIPE, resized.rows, labels_of_day)


def tag_day(pipeline: Pipeline, resized: Manifest, labels: Manifest | None) -> tuple[Draft, TaggedReport]:
    """Bring a day's tagged manifest up to date; without any label record every image is unlabelled."""
    of_day = label_digests(pipeline, labels).get(resized.key, "")
    work = pipeline.manifests.begin(TAGGED_MANIFESTS, resized.key, tagged_inputs(resized, of_day))
    if work.done:
        return work.done, _report(work.previous())
    images = pipeline.manifests.read(resized, RESIZED_IMAGES)
    found = _winners(pipeline, images, labels)
    draft = work.draft([_row(image, found.get(image["sha256"])) for image in images.iter_rows(named=True)])
    assert draft.frame is not None
    return draft, _report(draft.frame)


def _winners(pipeline: Pipeline, images: pl.DataFrame, labels: Manifest | None) -> dict[str, Winner]:
    if labels is None:
        return {}
    statements = pipeline.manifests.read(labels, LABEL_RECORDS).filter(pl.col("sha256").is_in(images["sha256"].to_list()))
    days = DayImages(pipeline, pipeline.manifests.newest(RESIZED_IMAGES.asset))
    return winners(statements.iter_rows(named=True), days.exist, pipeline.labels.priorities)


def _row(image: dict[str, Any], winner: Winner | None) -> dict[str, object]:
    row = {name: image[name] for name in ("path", "sha256", "phash", "status", "width", "height", "resized")}
    if winner is None:
        return row | {
            "tags": [],
            "regions": [],
            "region_problems": [],
            "conflict": "",
            "label_source": "",
            "label_file": "",
            "label_line": None,
            "stated_at": None,
        }
    regions, problems = upright_regions(winner.regions, in_pixels=winner.in_pixels, stated=winner.stated_size, image=image)
    return row | {
        "tags": list(winner.tags),
        "regions": [dataclasses.asdict(region) for region in regions],
        "region_problems": problems,
        "conflict": winner.conflict,
        "label_source": winner.source,
        "label_file": winner.file,
        "label_line": winner.line,
        "stated_at": winner.stated_at,
    }


def _report(rows: pl.DataFrame) -> TaggedReport:
    labelled = rows.filter(pl.col("tags").list.len() > 0)
    counts = labelled.explode("tags").group_by("tags").len().sort("tags").iter_rows()
    return TaggedReport(
        images=rows.height,
        labelled=labelled.height,
        unlabelled=rows.height - labelled.height,
        conflicts=rows.filter(pl.col("conflict") != "").height,
        region_problems=int(rows["region_problems"].list.len().sum()),
        tags=dict(counts),
    )
