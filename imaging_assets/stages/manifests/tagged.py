"""Step `tagged_manifests`: the durable thing, every landed image of a day with the tags that hold for it.

Belongs here: joining images and winning statements. Does not: deciding between statements (`winners`), choosing what is trained on
(`training_sets`). Unlabelled images have a row too, with `tags = []`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from imaging_assets.stages.digests import digest
from imaging_assets.stages.manifests.labels import exists_now, label_digests
from imaging_assets.stages.manifests.winners import Winner, winners
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft, Manifest
from imaging_assets.stages.tables import LABEL_RECORDS, RESIZED_IMAGES, TAGGED_MANIFESTS

RECIPE = "tagged-1"
"""Raised when this step's output changes."""


@dataclass(frozen=True, slots=True)
class TaggedReport:
    """A day's images by what people said about them; `tags` counts images per tag."""

    images: int
    labelled: int
    unlabelled: int
    conflicts: int
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
    return winners(statements.iter_rows(named=True), exists_now(pipeline, pipeline.manifests.newest(RESIZED_IMAGES.asset)))


def _row(image: dict[str, Any], winner: Winner | None) -> dict[str, object]:
    row = {name: image[name] for name in ("path", "sha256", "phash", "status", "width", "height", "resized")}
    if winner is None:
        return row | {
            "tags": [],
            "regions": [],
            "conflict": "",
            "label_source": "",
            "label_file": "",
            "label_line": None,
            "stated_at": None,
        }
    return row | {
        "tags": list(winner.tags),
        "regions": list(winner.regions),
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
        tags=dict(counts),
    )
