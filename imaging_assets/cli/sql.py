"""`imaging-assets sql`: questions to the catalogue, or to the manifests themselves.

Belongs here: whom a statement is for, printing rows. Does not: the catalogue (`ports/catalog.py`).

A statement that names the table of an asset is answered by polars over the manifests of all days, with a column `day`; any other one
by the catalogue's database, in its dialect. Neither can change anything: polars sees copies, the database a read-only connection.
"""

import re
from collections.abc import Iterator

import polars as pl

from imaging_assets.backends import build_on_store
from imaging_assets.cli.output import Session, counted
from imaging_assets.errors import QueryError
from imaging_assets.records.catalog import TABLE, SqlAnswer
from imaging_assets.stages import tables
from imaging_assets.stages.insights.answers import step_table
from imaging_assets.stages.insights.plan import VECTORS
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import ALL
from imaging_assets.stages.tables import Table

_WIDEST = 60


def ask(session: Session, statement: str) -> None:
    """The command.

    Raises:
        QueryError: It is no select statement, or names what is not there.
    """
    pipeline = build_on_store(session.settings())
    if not re.match(r"\s*(select|with)\b", statement, re.IGNORECASE):
        raise QueryError("Only questions are answered. Begin with `select` or `with`.")
    named = {name: table for name, table in manifest_tables(pipeline) if re.search(rf"\b{name}\b", statement)}
    answer = _ask_manifests(pipeline, statement, named) if named else _ask_catalog(pipeline, statement)
    session.answer({"columns": answer.columns, "rows": answer.rows})
    if not session.as_json:
        _print(session, answer)


def manifest_tables(pipeline: Pipeline) -> Iterator[tuple[str, Table]]:
    """What can be asked about besides the catalogue, by name."""
    fixed = (
        *(tables.RAW_IMAGES, tables.RESIZED_IMAGES, tables.LABEL_RECORDS, tables.TAGGED_MANIFESTS, tables.TRAINING_SETS),
        *(tables.TRAINING_ITERATIONS, tables.PREDICTIONS, tables.SEARCH_DOCUMENTS),
    )
    yield from ((table.asset, table) for table in fixed)
    if VECTORS in pipeline.insights.order:
        yield VECTORS, tables.image_vectors(pipeline.embedder.dimensions)
    yield from ((name, step_table(name, step.analyzer.columns)) for name, step in pipeline.insights.steps.items())


def _ask_catalog(pipeline: Pipeline, statement: str) -> SqlAnswer:
    _ = pipeline.catalog.catalog_id  # makes the tables of one that was never written
    return pipeline.catalog.query(statement)


def _ask_manifests(pipeline: Pipeline, statement: str, named: dict[str, Table]) -> SqlAnswer:
    frames = {name: _all_days(pipeline, table) for name, table in named.items()}
    if re.search(rf"\b{TABLE}\b", statement):
        told = _ask_catalog(pipeline, f"select * from {TABLE}")  # noqa: S608 - our own name
        frames[TABLE] = pl.DataFrame(told.rows, schema=list(told.columns), orient="row", infer_schema_length=None)
    try:
        with pl.SQLContext(frames) as context:
            found = context.execute(statement, eager=True)
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise QueryError(f"Polars does not understand that: {str(error).partition(chr(10))[0]}. Mend the statement.") from error
    return SqlAnswer(tuple(found.columns), tuple(found.iter_rows()))


def _all_days(pipeline: Pipeline, table: Table) -> pl.DataFrame:
    """Rows of the newest manifest of every day, with the day."""
    frames = [
        pipeline.manifests.read(manifest, table).with_columns(day=pl.lit(key))
        for key, manifest in sorted(pipeline.manifests.newest(table.asset).items())
    ]
    if not frames:
        return table.frame([]).with_columns(day=pl.lit(ALL))
    return pl.concat(frames)


def _print(session: Session, answer: SqlAnswer) -> None:
    cells = [[_cell(value) for value in row] for row in answer.rows]
    widths = [max(map(len, column)) for column in zip(answer.columns, *cells, strict=True)]
    for row in [answer.columns, *cells]:
        session.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    session.say(counted(len(cells), "row"))


def _cell(value: object) -> str:
    text = "" if value is None else " ".join(str(value).split())
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
