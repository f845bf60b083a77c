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

_OF_IMAGE = ("path", "sha256", "phash", "status", "width", "height", "resized")
_UNLABELLED = {
    **{name: pl.lit([], TAGGED_MANIFESTS.columns[name]) for name in ("tags", "regions", "region_problems")},
    **{name: pl.lit("") for name in ("conflict", "label_source", "label_file")},
    **{name: pl.lit(None, TAGGED_MANIFESTS.columns[name]) for name in ("label_line", "stated_at")},
}


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
    images = pipeline.manifests.read(resized, RESIZED_IMAGES.narrowed(*_OF_IMAGE, "orientation"))
    found = _winners(pipeline, images, labels)
    is_labelled = pl.col("sha256").is_in(list(found))
    labelled = [_labelled(image, found[image["sha256"]]) for image in images.filter(is_labelled).iter_rows(named=True)]
    # Most images of a large day have no label: as rows of Python they would take ten times the memory.
    unlabelled = images.filter(~is_labelled).select(*_OF_IMAGE, **_UNLABELLED)
    draft = work.draft(pl.concat([TAGGED_MANIFESTS.frame(unlabelled), TAGGED_MANIFESTS.frame(labelled)]))
    assert draft.frame is not None
    return draft, _report(draft.frame)


def _winners(pipeline: Pipeline, images: pl.DataFrame, labels: Manifest | None) -> dict[str, Winner]:
    if labels is None:
        return {}
    statements = pipeline.manifests.read(labels, LABEL_RECORDS).filter(pl.col("sha256").is_in(images["sha256"].implode()))
    days = DayImages(pipeline, pipeline.manifests.newest(RESIZED_IMAGES.asset))
    return winners(statements.iter_rows(named=True), days.exist, pipeline.labels.priorities)


def _labelled(image: dict[str, Any], winner: Winner) -> dict[str, object]:
    regions, problems = upright_regions(winner.regions, in_pixels=winner.in_pixels, stated=winner.stated_size, image=image)
    return {name: image[name] for name in _OF_IMAGE} | {
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
