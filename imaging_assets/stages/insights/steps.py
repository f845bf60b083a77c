"""One machine for every step but `image_vectors`: a row per distinct image, made once per bytes, analyser and required output.

Belongs here: what is carried over, what is asked again, and that one bad image never fails a day. Does not: the answers
(`ports/analyzer.py` and its implementations).

A failing image is a row with its error. It is asked about again when its bytes, the analyser or what it requires change; where the
error may pass by itself (a service was busy), the manifest is left incomplete, so that the step is asked for again, ever less often.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any

import polars as pl

from imaging_assets.errors import AnalysisError, BlobNotFoundError, ServiceError, SettingsError
from imaging_assets.records.insights import Columns, ColumnType, ImageToAnalyze, Output
from imaging_assets.stages.digests import digest
from imaging_assets.stages.insights.answers import Answers, Row, read_output, step_table
from imaging_assets.stages.insights.plan import Step
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft, Manifest, Work
from imaging_assets.stages.tables import RESIZED_IMAGES

RECIPE = "insights-1"
"""Raised when the output of every step changes for another reason than its analyser."""

_PART = 4_096
"""Images whose rows are looked at together."""
_TASKS, _TOGETHER = 16, 16
"""A batch is handed out in at least so many tasks, or in tasks of so many images: one image may take less time than handing it over."""


@dataclass(frozen=True, slots=True)
class StepReport:
    """A day's answers; `analyzed` counts images asked about now, `errors` are (sha256, error) of all that failed."""

    images: int
    analyzed: int
    failed: int
    analyzer_id: str
    errors: tuple[tuple[str, str], ...]


def step_inputs(step: Step, resized: Manifest, required: Mapping[str, Manifest]) -> str:
    """Digest of what the step would read now.

    Args:
        required: Manifest of each step it requires.
    """
    analyzer = step.analyzer
    read = [required[name].rows for name in step.requires]
    return digest(RECIPE, analyzer.analyzer_id, dict(analyzer.columns), analyzer.reads, step.images, resized.rows, read)


def analyze_day(
    pipeline: Pipeline, step: Step, resized: Manifest, required: Mapping[str, Manifest] | None = None
) -> tuple[Draft, StepReport]:
    """Bring a day's answers of one step up to date with its images."""
    required = required or {}
    table = step_table(step.name, step.analyzer.columns)
    work = pipeline.manifests.begin(table, resized.key, step_inputs(step, resized, required))
    if work.done:
        return work.done, _report(work.previous(), step, 0)
    finished = pl.concat([work.previous_that_fits(), work.journal.read(table)]).unique(table.key, keep="last")
    carried: list[pl.DataFrame] = []
    known = Answers(pipeline, {name: required[name] for name in step.requires})
    todo = _todo(_images(pipeline, step, resized), step, known, finished, carried)
    asked = list(_in_batches(pipeline, step, todo, work))
    rows = table.frame(pl.concat([table.frame([]), *carried, *asked]))
    complete = not rows["may_pass"].any()
    return work.draft(rows, complete=complete), _report(rows, step, sum(batch.height for batch in asked))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An image to be asked about: where its bytes are, what required steps said, and a digest of that."""

    row: Row
    insights: Mapping[str, Output]
    required: str
    failed: str


def _images(pipeline: Pipeline, step: Step, resized: Manifest) -> pl.DataFrame:
    """Rows of the distinct images that are to be asked about, by sha256."""
    images = pipeline.manifests.read(resized, RESIZED_IMAGES).filter(pl.col("status") != "quarantined")
    wanted = pl.Series([step.wants(path) for path in images["path"]], dtype=pl.Boolean())
    return images.filter(wanted).unique("sha256", keep="first", maintain_order=True).sort("sha256")


def _todo(
    images: pl.DataFrame, step: Step, known: Answers, finished: pl.DataFrame, carried: list[pl.DataFrame]
) -> Iterator[_Wanted]:
    """Images to be asked about now; finished rows that still hold for the others are added to `carried` on the way."""
    for part in images.iter_slices(_PART):
        wanted = _wanted(part, step, known)
        rows = finished.filter(pl.col("sha256").is_in(part["sha256"].implode()))
        holds = [_holds(row, step, wanted[row["sha256"]]) for row in rows.iter_rows(named=True)]
        carried.append(rows.filter(pl.Series(holds, dtype=pl.Boolean())))
        kept = set(carried[-1]["sha256"])
        yield from (image for sha256, image in wanted.items() if sha256 not in kept)


def _wanted(images: pl.DataFrame, step: Step, known: Answers) -> dict[str, _Wanted]:
    """By sha256."""
    said: dict[str, dict[str, Row]] = {sha256: {} for sha256 in images["sha256"]}
    for sha256, name, output, error in known.all_about(images["sha256"]):
        said[sha256][name] = output | {"error": error}
    found: dict[str, _Wanted] = {}
    for row in images.iter_rows(named=True):
        insights = said[row["sha256"]]
        failed = next((why for name in step.requires if (why := _why(name, insights.get(name)))), "")
        found[row["sha256"]] = _Wanted(row, insights, digest(insights) if step.requires else "", failed)
    return found


def _why(name: str, output: Row | None) -> str:
    """Why a required step says nothing of an image, or ""."""
    if output is None:
        return f"{name} was not asked about this image"
    return f"{name} failed: {output['error']}" if output["error"] else ""


def _holds(row: Row, step: Step, image: _Wanted) -> bool:
    return row["analyzer"] == step.analyzer.analyzer_id and row["required"] == image.required and not row["may_pass"]


def _in_batches(pipeline: Pipeline, step: Step, todo: Iterator[_Wanted], work: Work) -> Iterator[pl.DataFrame]:
    size = pipeline.resize.batch
    images = list(islice(todo, size))
    while images:
        tasks = _divided(images, min(_TOGETHER, math.ceil(len(images) / _TASKS)))
        batch = work.table.frame([*chain(*pipeline.executor.map(partial(_ask_all, pipeline, step.name), tasks))])
        yield batch
        if images := list(islice(todo, size)):  # the last batch goes straight into the manifest
            work.journal.append(work.table, batch)


def _divided(images: Sequence[_Wanted], size: int) -> list[Sequence[_Wanted]]:
    return [images[start : start + size] for start in range(0, len(images), size)]


def _ask_all(pipeline: Pipeline, name: str, images: Sequence[_Wanted]) -> list[Row]:
    return [_ask(pipeline, name, image) for image in images]


def _ask(pipeline: Pipeline, name: str, image: _Wanted) -> Row:
    """The row of one image: its answer, or why there is none."""
    step = pipeline.insights.steps[name]
    analyzer = step.analyzer
    row: Row = dict.fromkeys(analyzer.columns) | {
        "sha256": image.row["sha256"],
        "analyzer": analyzer.analyzer_id,
        "required": image.required,
        "error": image.failed,
        "may_pass": False,
    }
    if image.failed:
        return row
    try:
        data = b"" if analyzer.reads == "none" else pipeline.store.read(image.row[analyzer.reads]).data
    except BlobNotFoundError as error:
        return row | {"error": str(error), "may_pass": True}
    shown = ImageToAnalyze(row["sha256"], data, image.row["width"], image.row["height"], image.insights)
    try:
        return row | _kept(_asked(step, shown), analyzer.columns)
    except AnalysisError as error:
        return row | {"error": str(error), "may_pass": error.may_pass}


def answer_of(step: Step, image: ImageToAnalyze) -> Output:
    """A step's answer about one image that is no day's, as those that require it would be shown it.

    Raises:
        AnalysisError: There is none.
        SettingsError, ServiceError: The step as a whole cannot go on.
    """
    return read_output(_kept(_asked(step, image), step.analyzer.columns), step.analyzer.columns)


def _asked(step: Step, image: ImageToAnalyze) -> Output:
    try:
        return step.analyzer.analyze(image)
    except (SettingsError, ServiceError, AnalysisError):
        raise
    except OSError as error:  # a network or a disk that was not there
        raise AnalysisError(f"{type(error).__name__}: {error}. It is asked again later.", may_pass=True) from error
    except Exception as error:  # a user's function may raise anything, and it must cost one image only
        raise AnalysisError(f"{type(error).__name__}: {error}. Mend the step and raise its version.") from error


def _kept(output: Output, columns: Columns) -> Row:
    """An answer as its table keeps it.

    Raises:
        AnalysisError: It is not of the declared columns.
    """
    if not isinstance(output, Mapping):
        raise AnalysisError(f"the step answered with a {type(output).__name__}. Let it return a mapping of its columns.")
    if unknown := sorted(set(output) - set(columns)):
        raise AnalysisError(f"the step answered with columns it does not declare: {', '.join(unknown)}. Declare or drop them.")
    row: Row = {}
    for name, kind in columns.items():
        value = output.get(name)
        try:
            row[name] = None if value is None else _CONVERTED[kind](value)
        except (TypeError, ValueError) as error:
            raise AnalysisError(f"the step's column {name} is no {kind} ({error}). Mend the step or its schema.") from error
    return row


def _as_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} given")
    return value


def _as_boolean(value: object) -> bool:
    if value not in (True, False):
        raise TypeError(f"{value!r} given")
    return bool(value)


def _as_texts(value: object) -> list[str]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{type(value).__name__} given")
    return [_as_text(item) for item in value]


_CONVERTED: Mapping[ColumnType, Any] = {
    "text": _as_text,
    "integer": int,
    "real": float,
    "boolean": _as_boolean,
    "texts": _as_texts,
    "json": partial(json.dumps, ensure_ascii=False, sort_keys=True, allow_nan=False),
}


def _report(rows: pl.DataFrame, step: Step, analyzed: int) -> StepReport:
    failed = rows.filter(pl.col("error") != "")
    errors = tuple(failed.select("sha256", "error").iter_rows())
    return StepReport(rows.height, analyzed, failed.height, step.analyzer.analyzer_id, errors)
