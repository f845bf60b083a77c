"""`imaging-assets search`: words, conditions, likeness.

Belongs here: reading conditions, printing hits. Does not: searching (`ports/search_index.py`).
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.cells import cell_len

from imaging_assets.backends import build_on_store
from imaging_assets.cli.output import Session, counted, quiet_decoders
from imaging_assets.errors import UnreadableImageError, UsageError
from imaging_assets.records.search import FIELDS, Condition, Document, Operator, Order, SearchAnswer, SearchQuery
from imaging_assets.stages.images.landing import short_path
from imaging_assets.stages.insights.vectors import embed_query
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.trace import find_image

_CONDITION = re.compile(r"\s*(\w+)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*")
_OPERATORS: dict[str, Operator] = {"=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_TYPES = {field.name: field.type for field in FIELDS}
_SPOKEN = {
    "int64": "a whole number",
    "double": "a number",
    "boolean": "yes or no",
    "datetime": "a time such as 2026-11-19 or 2026-11-19T12:30Z",
}
_ONLY_EQUAL = {"strings": "a list", "boolean": "yes or no"}
_MOST = 1000


def search_images(
    session: Session, text: str, where: Sequence[str], *, like: str | None, facets: Sequence[str], sort: str | None, top: int
) -> None:
    """The command.

    Raises:
        UsageError: A condition cannot be read, or there is no picture to compare with.
        QueryError: A field is unknown or cannot be used that way.
    """
    settings = session.settings()
    pipeline = build_on_store(settings)
    vector = _vector(pipeline, like, settings.home / "decoders.log") if like else None
    order = (Order(sort.removeprefix("-"), sort.startswith("-")),) if sort else ()
    conditions = tuple(parse_condition(item) for item in where)
    query = SearchQuery(text=text, where=conditions, vector=vector, order=order, facets=tuple(facets), top=top)
    answer = pipeline.index.query(query)
    if session.as_json:
        hits = [{"score": round(hit.score, 4), "highlight": hit.highlight, **hit.document} for hit in answer.hits]
        session.answer({"count": answer.count, "hits": hits, "facets": answer.facets})
    else:
        _print(session, answer, query, pipeline)


def parse_condition(text: str) -> Condition:
    """`field operator value[|value…]` as a condition.

    Raises:
        UsageError: It cannot be read so.
    """
    match = _CONDITION.fullmatch(text)
    if not match:
        raise UsageError(f"{text!r} is not a condition. Write field, operator (= != < <= > >=), value, as in day>=2026-11-01.")
    field, operator, values = match.groups()
    if operator not in ("=", "!=") and (kind := _TYPES.get(field, "")) in _ONLY_EQUAL:
        raise UsageError(f"{field} is {_ONLY_EQUAL[kind]}, so {operator} says nothing. Use = or !=.")
    return Condition(field, _OPERATORS[operator], tuple(_value(field, value.strip()) for value in values.split("|")))


def _value(field: str, text: str) -> str | int | float | bool:
    kind = _TYPES.get(field)
    try:
        if kind == "int64":
            return int(text)
        if kind == "double":
            return float(text)
        if kind == "boolean":
            return {"true": True, "false": False, "yes": True, "no": False}[text.casefold()]
        if kind == "datetime":
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
    except (ValueError, KeyError) as error:
        raise UsageError(f"{field} is {_SPOKEN[kind or '']}, and {text!r} is not. Mend that --where.") from error
    return text


def _vector(pipeline: Pipeline, like: str, log: Path) -> npt.NDArray[np.float32]:
    data = Path(like).read_bytes() if Path(like).is_file() else pipeline.store.read(find_image(pipeline, like).path).data
    try:
        with quiet_decoders(log):
            return embed_query(pipeline, data)
    except UnreadableImageError as error:
        raise UsageError(f"{like} is no picture that can be compared ({error}). Give another.") from error


def _print(session: Session, answer: SearchAnswer, query: SearchQuery, pipeline: Pipeline) -> None:
    ranked = query.vector is not None and not query.order  # an order replaces the ranking
    rows = []
    for hit in answer.hits:
        likeness = f"{hit.score:.0%}" if ranked else ""
        path = short_path(pipeline, hit.document["path"])
        rows.append((likeness, path, ", ".join(hit.document.get("tags") or ()), _predicted(hit.document)))
    headings = ("alike" if ranked else "", "image", "labels", "predicted")
    for line in _laid_out(headings, rows, session.console.width if session.console.is_terminal else None) if rows else ():
        session.say(line)
    more = "; --top NUMBER shows more" if len(answer.hits) < min(answer.count, _MOST) else ""
    session.say(f"{len(answer.hits)} of {counted(answer.count, 'image')}{more}")
    for name, counts in answer.facets.items():
        session.say(f"{name}: " + ", ".join(f"{value} {number}" for value, number in counts))


def _predicted(document: Document) -> str:
    probability = document.get("probability")
    return f"{document['predicted']} {probability:.0%}" if probability is not None else ""


def _laid_out(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    """Rows in columns, without the empty ones; paths stay whole: where a row is too wide, what follows the path gets a line below.

    Without a width (a file or a pipe), a row is always one line.
    """
    table = [list(column) for column in zip(headings, *rows, strict=True) if any(column[1:])]
    widths = [max(map(cell_len, column)) for column in table]
    lead = 2 if table[0][0] == "alike" else 1
    broken = width is not None and sum(widths) + 2 * len(widths) - 2 > width
    for row in zip(*table, strict=True):
        cells = [cell + " " * (size - cell_len(cell)) for cell, size in zip(row, widths, strict=True)]
        if not broken:
            yield "  ".join(cells).rstrip()
            continue
        yield "  ".join(cells[:lead]).rstrip()
        if any(row[lead:]):
            yield "    " + "  ".join(cells[lead:]).rstrip()
