"""The SQL catalogue holds what the manifests say, and is told only what changed."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from imaging_assets.errors import CatalogError
from imaging_assets.ports.catalog import Catalog
from imaging_assets.records.catalog import CatalogRow
from imaging_assets.stages.catalog import CatalogReport
from imaging_assets.stages.days import Days
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.doubles import ForwardingCatalog

BATCH = "batch-7"
FOLDER = f"landing/{DAY.replace('-', '/')}"


class WatchedCatalog(ForwardingCatalog):
    """Passes everything on, remembers what was written, and is out of reach when told so."""

    def __init__(self, inner: Catalog) -> None:
        super().__init__(inner)
        self.written: list[str] = []
        self.away = False

    @property
    @override
    def catalog_id(self) -> str:
        if self.away:
            raise CatalogError("away")
        return self.inner.catalog_id

    @override
    def write(self, rows: Sequence[CatalogRow], gone: Sequence[str]) -> None:
        self.written += [row["path"] for row in rows]
        self.inner.write(rows, gone)


def watched(home: Path) -> tuple[Pipeline, WatchedCatalog]:
    pipeline = a_pipeline(home)
    catalog = WatchedCatalog(pipeline.catalog)
    return replace(pipeline, catalog=catalog), catalog


def told(pipeline: Pipeline, columns: str, where: str = "1=1") -> list[tuple[Any, ...]]:
    return list(pipeline.catalog.query(f"select {columns} from image_catalog where {where} order by path").rows)  # noqa: S608


def catalog(pipeline: Pipeline) -> CatalogReport:
    report: CatalogReport = run_chain(pipeline)["image_catalog"]
    return report


def test_a_row_says_what_the_manifests_say(tmp_path: Path) -> None:
    pipeline, _ = watched(tmp_path)
    land(pipeline, {f"{BATCH}/a.jpg": a_picture(1), "bad.jpg": b"text"})
    state_labels(pipeline, {"a.jpg": "cat|pet"})

    assert catalog(pipeline) == CatalogReport(rows=2, written=2, deleted=0)

    (row,) = told(pipeline, "path, day, batch_id, width, height, tags, insights, job_output", "status = 'passed'")
    assert row[:5] == (f"{FOLDER}/{BATCH}/a.jpg", DAY, BATCH, 320, 240)
    assert json.loads(row[5]) == ["cat", "pet"]
    insights = json.loads(row[6])
    assert insights["image_tags"]["tags"]
    tags = [tag["name"] for tag in json.loads(row[7])["generalclassification"]["tags"]]
    assert tags == insights["image_tags"]["tags"]
    assert told(pipeline, "reason", "status = 'quarantined'") == [("unsupported format",)]


def test_only_what_changed_is_written_and_what_is_gone_is_deleted(tmp_path: Path) -> None:
    pipeline, watch = watched(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1), "b.jpg": a_picture(2)})
    catalog(pipeline)
    watch.written.clear()
    assert catalog(pipeline) == CatalogReport(rows=2, written=0, deleted=0)

    state_labels(pipeline, {"b.jpg": "dog"})
    pipeline.store.delete(f"{FOLDER}/a.jpg")
    assert catalog(pipeline) == CatalogReport(rows=1, written=1, deleted=1)

    assert watch.written == [f"{FOLDER}/b.jpg"]
    assert told(pipeline, "name, tags") == [("b.jpg", '["dog"]')]


def test_a_lost_database_is_written_again(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1)})
    catalog(pipeline)
    (tmp_path / "catalog.db").unlink()

    assert catalog(a_pipeline(tmp_path)).written == 1
    assert told(pipeline, "name") == [("a.jpg",)]


def test_a_database_out_of_reach_fails_its_own_step_and_puts_no_day_behind(tmp_path: Path) -> None:
    pipeline, watch = watched(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1)})
    run_chain(pipeline)
    watch.away = True

    assert Days(pipeline).behind(DAY) is None
    land(pipeline, {"b.jpg": a_picture(2)})
    with pytest.raises(CatalogError, match="away"):
        run_chain(pipeline)
    assert Days(pipeline).behind(DAY) is None
    watch.away = False
    behind = Days(pipeline).behind(DAY)
    assert behind is not None
    assert behind.steps == ("image_catalog",)
