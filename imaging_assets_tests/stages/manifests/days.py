"""Days of images that are texts, written as manifests: what follows the pixels needs digests and hashes, not pixels.

Belongs here: making such days and running the steps of the group over them. Does not: expectations.
"""

import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from imaging_assets.stages.digests import digest, sha256_of
from imaging_assets.stages.images.landing import day_folder
from imaging_assets.stages.manifests.label_report import LabelReport
from imaging_assets.stages.manifests.labels import refresh_labels
from imaging_assets.stages.manifests.tagged import TaggedReport, tag_day
from imaging_assets.stages.manifests.training_sets import TrainingSetReport, gather_training_set
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import ALL, Manifest
from imaging_assets.stages.tables import LABEL_RECORDS, RESIZED_IMAGES, TAGGED_MANIFESTS, TRAINING_SETS, Table
from imaging_assets_tests.builders import DAY

NEXT_DAY = "2026-03-03"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

Row = dict[str, Any]


def sha(content: str) -> str:
    """Identity of an image that is this text."""
    return sha256_of(content.encode())


def a_day(
    pipeline: Pipeline,
    images: Mapping[str, str],
    day: str = DAY,
    *,
    phashes: Mapping[str, str] | None = None,
    quarantined: Collection[str] = (),
) -> Manifest:
    """Let a day hold exactly these images, content by name; their hashes are far apart unless given (by content)."""
    looks = {content: (phashes or {}).get(content, sha(content)[:16]) for content in images.values()}
    rows = []
    for name, content in images.items():
        row: Row = dict.fromkeys(RESIZED_IMAGES.columns, "")
        row |= {"path": day_folder(pipeline, day) + name, "size": len(content), "sha256": sha(content), "captured_at": None}
        row |= dict.fromkeys(name for name, kind in RESIZED_IMAGES.columns.items() if kind.is_numeric())
        row |= {"problems": []}
        if name in quarantined:
            row |= {"status": "quarantined", "reason": "damaged", "phash": None, "resized": None, "thumbnail": None}
        else:
            row |= {"status": "passed", "width": 8, "height": 8, "phash": looks[content]}
            row |= {"resized": f"resized/{sha(content)}.jpg", "thumbnail": "thumbnails/none.jpg"}
            pipeline.store.write(str(row["resized"]), content.encode())
        rows.append(row)
    work = pipeline.manifests.begin(RESIZED_IMAGES, day, digest(rows))
    pipeline.manifests.commit(work.draft(rows))
    return pipeline.manifests.find(RESIZED_IMAGES.asset, day)


def write_labels(home: Path, file: str, text: str, *, hours: float = 0) -> None:
    """Write a label file so many hours after noon, whatever the clock says."""
    path = home / "store" / "labels" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    at = (NOON + timedelta(hours=hours)).timestamp()
    os.utime(path, (at, at))


def follow_labels(pipeline: Pipeline) -> LabelReport:
    """Run `label_records`."""
    draft, report = refresh_labels(pipeline, pipeline.manifests.newest(RESIZED_IMAGES.asset))
    pipeline.manifests.commit(draft)
    return report


def tag(pipeline: Pipeline, day: str = DAY) -> TaggedReport:
    """Run `tagged_manifests`."""
    resized = pipeline.manifests.find(RESIZED_IMAGES.asset, day)
    draft, report = tag_day(pipeline, resized, pipeline.manifests.look_up(LABEL_RECORDS.asset, ALL))
    pipeline.manifests.commit(draft)
    return report


def gather(pipeline: Pipeline, day: str = DAY) -> TrainingSetReport:
    """Run `training_sets` over the tagged days so far."""
    tagged = {key: manifest for key, manifest in pipeline.manifests.newest(TAGGED_MANIFESTS.asset).items() if key <= day}
    draft, report = gather_training_set(pipeline, day, tagged)
    pipeline.manifests.commit(draft)
    return report


def label_and_gather(pipeline: Pipeline, *days: str) -> TrainingSetReport:
    """Labels, the tags of all days given, the training set of the last."""
    follow_labels(pipeline)
    for day in days:
        tag(pipeline, day)
    return gather(pipeline, days[-1])


def rows(pipeline: Pipeline, table: Table, key: str) -> list[Row]:
    """Rows of the newest manifest."""
    return pipeline.manifests.read(pipeline.manifests.find(table.asset, key), table).to_dicts()


def statements(pipeline: Pipeline) -> list[Row]:
    """Rows of `label_records`."""
    return rows(pipeline, LABEL_RECORDS, ALL)


def tags_of(pipeline: Pipeline, day: str = DAY) -> dict[str, list[str]]:
    """Tags by name of a day's images."""
    folder = day_folder(pipeline, day)
    return {row["path"].removeprefix(folder): row["tags"] for row in rows(pipeline, TAGGED_MANIFESTS, day)}


def sides(pipeline: Pipeline, day: str = DAY) -> dict[str, str]:
    """Side of the split by sha256."""
    return {row["sha256"]: row["split"] for row in rows(pipeline, TRAINING_SETS, day)}
