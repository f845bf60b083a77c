"""What a refresh of the label records tells people.

Belongs here: counting rows of `label_records`. Does not: making them (`labels`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from imaging_assets.stages.manifests.remarks import CASE, CONFLICT

OpenLine = tuple[str, int, str, str]
"""File, line, what it names, why it is listed."""


@dataclass(frozen=True, slots=True)
class LabelReport:
    """Statements by what became of them; `files_read` and `days_read` count the work done now.

    Attributes:
        conflicts: Bound statements about bytes that people disagree on.
        rare_spellings: Bound statements with a tag that is mostly written in another case.
        silent: Names of sources of which no statement could be read, though they have files or are named in the settings.
        by_source: Statements by name of the source, rejected lines left out.
        open_lines: Those that are not bound.
    """

    files: int
    statements: int
    bound: int
    unmatched: int
    ambiguous: int
    rejected: int
    retracted: int
    conflicts: int
    rare_spellings: int
    silent: tuple[str, ...]
    by_source: dict[str, int]
    files_read: int
    days_read: int
    open_lines: tuple[OpenLine, ...]


def open_lines(rows: pl.DataFrame) -> list[OpenLine]:
    """Statements that are not bound to an image."""
    return _lines(_active(rows).filter(pl.col("status") != "bound"))


def lines_in_conflict(rows: pl.DataFrame) -> list[OpenLine]:
    """Statements about bytes that people disagree on."""
    return _lines(_remarked(rows, CONFLICT))


def rare_spellings(rows: pl.DataFrame) -> list[OpenLine]:
    """Statements with a tag that is mostly written in another case."""
    return _lines(_remarked(rows, CASE))


def silent_sources(rows: pl.DataFrame, expected: Iterable[str]) -> list[str]:
    """Sources of which no statement could be read."""
    return sorted(set(expected) - _by_source(rows).keys())


def label_report(rows: pl.DataFrame, files: int, expected: Iterable[str], files_read: int, days_read: int) -> LabelReport:
    """The report.

    Args:
        rows: Of `label_records`.
        files: Label files there are.
        expected: Names of the sources that should say something.
        files_read, days_read: Work done now.
    """
    active = _active(rows)
    count = dict(active.group_by("status").len().iter_rows())
    return LabelReport(
        files=files,
        statements=active.height,
        bound=count.get("bound", 0),
        unmatched=count.get("unmatched", 0),
        ambiguous=count.get("ambiguous", 0),
        rejected=count.get("rejected", 0),
        retracted=rows.height - active.height,
        conflicts=len(lines_in_conflict(rows)),
        rare_spellings=len(rare_spellings(rows)),
        silent=tuple(silent_sources(rows, expected)),
        by_source=_by_source(rows),
        files_read=files_read,
        days_read=days_read,
        open_lines=tuple(open_lines(rows)),
    )


def _by_source(rows: pl.DataFrame) -> dict[str, int]:
    said = _active(rows).filter(pl.col("status") != "rejected")
    return dict(said.group_by("source").len().sort("source").iter_rows())


def _active(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("retracted_at").is_null())


def _remarked(rows: pl.DataFrame, remark: str) -> pl.DataFrame:
    return _active(rows).filter((pl.col("status") == "bound") & pl.col("reason").str.contains(remark, literal=True))


def _lines(rows: pl.DataFrame) -> list[OpenLine]:
    return list(rows.select("file", "line", "selector", "reason").iter_rows())
