"""Days of more images than a step takes at once: parts meet without loss, and what did not change is told to nobody again.

The images' rows are made up; nothing here reads a picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
from typing_extensions import override

from imaging_assets.ports.analyzer import FunctionAnalyzer
from imaging_assets.ports.search_index import SearchIndex
from imaging_assets.records.insights import ImageToAnalyze, Output
from imaging_assets.records.search import Document, DocumentResult
from imaging_assets.stages.catalog import catalog_day
from imaging_assets.stages.day_sources import DaySources
from imaging_assets.stages.digests import sha256_of
from imaging_assets.stages.insights.plan import Plan, Step
from imaging_assets.stages.insights.steps import StepReport, analyze_day
from imaging_assets.stages.manifests.tagged import tag_day
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.search import index_day
from imaging_assets.stages.state import Manifest
from imaging_assets.stages.tables import PREDICTIONS, RESIZED_IMAGES, Table
from imaging_assets_tests.builders import DAY, a_pipeline
from imaging_assets_tests.doubles import ForwardingSearchIndex

MANY = 5_500
"""More than a part of any step."""


class Batches(ForwardingSearchIndex):
    """Remembers how many documents came at once."""

    def __init__(self, inner: SearchIndex) -> None:
        super().__init__(inner)
        self.sizes: list[int] = []

    @override
    def put(self, documents: Sequence[Document]) -> list[DocumentResult]:
        self.sizes.append(len(documents))
        return super().put(documents)


@dataclass
class LargeDay:
    """A pipeline with a step `numbers` and what stands of a day."""

    pipeline: Pipeline
    index: Batches
    asked: list[str]

    def write(self, table: Table, rows: pl.DataFrame) -> Manifest:
        work = self.pipeline.manifests.begin(table, DAY, sha256_of(rows.write_json().encode())[:16])
        self.pipeline.manifests.commit(work.draft(rows))
        return self.pipeline.manifests.find(table.asset, DAY)

    def analyze(self, resized: Manifest) -> StepReport:
        draft, report = analyze_day(self.pipeline, self.pipeline.insights.steps["numbers"], resized)
        self.pipeline.manifests.commit(draft)
        return report

    def sources(self, resized: Manifest) -> DaySources:
        manifests = self.pipeline.manifests
        manifests.commit(tag_day(self.pipeline, resized, None)[0])
        return DaySources(
            resized=resized,
            tagged=manifests.find("tagged_manifests", DAY),
            predictions=self.write(PREDICTIONS, PREDICTIONS.frame([])),
            insights={"numbers": manifests.find("numbers", DAY)},
        )


def a_large_day(home: Path) -> LargeDay:
    asked: list[str] = []

    def numbers(image: ImageToAnalyze) -> Output:
        asked.append(image.sha256)
        return {"caption": f"number {image.width}"}

    step = Step("numbers", FunctionAnalyzer(numbers, {"caption": "text"}, version="1", reads="none"))
    pipeline = a_pipeline(home)
    index = Batches(pipeline.index)
    return LargeDay(replace(pipeline, index=index, insights=Plan(("numbers",), {"numbers": step})), index, asked)


def images(numbers: Sequence[int]) -> pl.DataFrame:
    """Rows of made-up images; every tenth repeats the bytes of the one before, every hundredth is quarantined."""
    bytes_of = [sha256_of(str(number - (number % 10 == 1)).encode()) for number in numbers]
    rows = [
        dict.fromkeys(RESIZED_IMAGES.columns)
        | {
            "path": f"landing/{DAY.replace('-', '/')}/{number:06}.jpg",
            "sha256": sha256,
            "status": "quarantined" if number % 100 == 50 else "passed",
            "width": 100 + number,
            "height": 100,
            "size": 1_000,
            "problems": [],
            "source": "",
        }
        for number, sha256 in zip(numbers, bytes_of, strict=True)
    ]
    return RESIZED_IMAGES.frame(rows)


def test_a_step_asks_about_each_distinct_image_of_a_large_day_once_and_carries_the_rest_over(tmp_path: Path) -> None:
    day = a_large_day(tmp_path)

    report = day.analyze(day.write(RESIZED_IMAGES, images(range(MANY))))

    usable = images(range(MANY)).filter(pl.col("status") != "quarantined")["sha256"]
    assert (report.images, report.analyzed, report.failed) == (usable.n_unique(), usable.n_unique(), 0)
    assert sorted(day.asked) == usable.unique().sort().to_list()
    day.asked.clear()
    later = day.analyze(day.write(RESIZED_IMAGES, images(range(3, MANY + 3))))
    gone, new = set(usable) - set(images(range(3, MANY + 3))["sha256"]), later.analyzed
    assert (len(day.asked), later.images) == (new, report.images - len(gone) + new)
    assert new < 5


def test_documents_of_a_large_day_are_sent_in_full_batches_and_only_those_that_changed(tmp_path: Path) -> None:
    day = a_large_day(tmp_path)
    resized = day.write(RESIZED_IMAGES, images(range(MANY)))
    day.analyze(resized)
    draft, report = index_day(day.pipeline, day.sources(resized))
    day.pipeline.manifests.commit(draft)

    usable = images(range(MANY)).filter(pl.col("status") != "quarantined").height
    assert (report.documents, report.sent, report.deleted) == (usable, usable, 0)
    assert day.index.sizes == [1_000] * (usable // 1_000) + [usable % 1_000]
    assert len(set(day.index.ids())) == usable

    day.index.sizes.clear()
    changed = images([*range(5, MANY), MANY + 1]).with_columns(
        size=pl.when(pl.col("width") % 1_000 == 7).then(2_000).otherwise(pl.col("size"))
    )
    resized = day.write(RESIZED_IMAGES, changed)
    day.analyze(resized)
    draft, report = index_day(day.pipeline, day.sources(resized))

    expected = changed.filter((pl.col("size") == 2_000) & (pl.col("status") != "quarantined")).height + 1
    assert (report.sent, report.deleted, report.documents) == (expected, 5, usable - 5 + 1)
    assert day.index.sizes == [expected]


def test_rows_of_a_large_day_are_catalogued_once_and_only_those_that_changed_again(tmp_path: Path) -> None:
    day = a_large_day(tmp_path)
    resized = day.write(RESIZED_IMAGES, images(range(MANY)))
    day.analyze(resized)
    draft, report = catalog_day(day.pipeline, day.sources(resized))
    day.pipeline.manifests.commit(draft)
    assert (report.rows, report.written, report.deleted) == (MANY, MANY, 0)

    resized = day.write(RESIZED_IMAGES, images([*range(5, MANY), MANY + 1]))
    day.analyze(resized)
    _, report = catalog_day(day.pipeline, day.sources(resized))

    assert (report.rows, report.written, report.deleted) == (MANY - 5 + 1, 1, 5)
