"""What the steps of the group insights answered: the shape of their tables, and answers read back.

Belongs here: answers as rows and as what was answered. Does not: asking (`steps`), what becomes of them (search, catalogue).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from imaging_assets.records.insights import Columns, ColumnType, Output
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Manifest
from imaging_assets.stages.tables import INTEGER, REAL, TEXT, Table

Row = dict[str, Any]

_TYPES: Mapping[ColumnType, pl.DataType] = {
    "text": TEXT,
    "integer": INTEGER,
    "real": REAL,
    "boolean": pl.Boolean(),
    "texts": pl.List(TEXT),
    "json": TEXT,
}


def step_table(name: str, columns: Columns) -> Table:
    """Shape of a step's manifests: its analyser's columns and what tells whether a row still holds."""
    own = {"analyzer": TEXT, "required": TEXT, "error": TEXT, "may_pass": pl.Boolean()}
    return Table(name, {"sha256": TEXT, **{column: _TYPES[kind] for column, kind in columns.items()}, **own}, key=("sha256",))


class Answers:
    """What steps answered about a day's images, told of some of them at a time: of all together it would fill the memory.

    Args:
        insights: Manifests by step; those of steps that do not run are left out.
    """

    def __init__(self, pipeline: Pipeline, insights: Mapping[str, Manifest]) -> None:
        self._columns = {name: step.analyzer.columns for name, step in pipeline.insights.steps.items() if name in insights}
        self._rows = {
            name: pipeline.manifests.read(insights[name], step_table(name, columns)) for name, columns in self._columns.items()
        }

    def about(self, sha256: pl.Series) -> dict[str, dict[str, Output]]:
        """By sha256, each step's answer about these images; those that failed are left out."""
        found: dict[str, dict[str, Output]] = {each: {} for each in sha256}
        for each, name, output, error in self.all_about(sha256):
            if not error:
                found[each][name] = output
        return found

    def all_about(self, sha256: pl.Series) -> Iterator[tuple[str, str, Row, str]]:
        """The sha256, step, answer with its JSON read, and error or "", of each row about these images."""
        for name, rows in self._rows.items():
            some = rows.filter(pl.col("sha256").is_in(sha256.implode()))
            for row in some.iter_rows(named=True):
                yield row["sha256"], name, read_output(row, self._columns[name]), row["error"]


def read_output(row: Row, columns: Columns) -> Row:
    """A row's answer with its JSON columns read."""
    return {name: json.loads(row[name]) if kind == "json" and row[name] else row[name] for name, kind in columns.items()}
