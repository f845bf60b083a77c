"""`imaging-assets search`: words, conditions, likeness.

Belongs here: reading conditions, printing hits. Does not: searching (`ports/search_index.py`).
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.table import Table

from imaging_assets.backends import build
from imaging_assets.cli.output import Session
from imaging_assets.errors import UsageError
from imaging_assets.records.search import FIELDS, Condition, Operator, Order, SearchAnswer, SearchQuery
from imaging_assets.stages.insights import embed_query
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.trace import find_image

_CONDITION = re.compile(r"\s*(\w+)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*")
_OPERATORS: dict[str, Operator] = {"=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_TYPES = {field.name: field.type for field in FIELDS}


def search_images(
    session: Session, text: str, where: Sequence[str], *, like: str | None, facets: Sequence[str], sort: str | None, top: int
) -> None:
    """The command.

    Raises:
        UsageError: A condition cannot be read, or there is no picture to compare with.
        QueryError: A field is unknown or cannot be used that way.
    """
    pipeline = build(session.settings())
    vector = _vector(pipeline, like) if like else None
    order = (Order(sort.removeprefix("-"), sort.startswith("-")),) if sort else ()
    conditions = tuple(parse_condition(item) for item in where)
    query = SearchQuery(text=text, where=conditions, vector=vector, order=order, facets=tuple(facets), top=top)
    answer = pipeline.index.query(query)
    if session.as_json:
        hits = [{"score": round(hit.score, 4), "highlight": hit.highlight, **hit.document} for hit in answer.hits]
        session.answer({"count": answer.count, "hits": hits, "facets": answer.facets})
    else:
        _print(session, answer)


def parse_condition(text: str) -> Condition:
    """`field operator value[|value…]` as a condition.

    Raises:
        UsageError: It cannot be read so.
    """
    match = _CONDITION.fullmatch(text)
    if not match:
        raise UsageError(f"{text!r} is not a condition. Write field, operator (= != < <= > >=), value, as in day>=2026-11-01.")
    field, operator, values = match.groups()
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
    except (ValueError, KeyError) as error:
        raise UsageError(f"{field} is of type {kind}, and {text!r} is not. Mend that --where.") from error
    return text


def _vector(pipeline: Pipeline, like: str) -> npt.NDArray[np.float32]:
    if Path(like).is_file():
        return embed_query(pipeline, Path(like).read_bytes())
    image = find_image(pipeline, like)
    return embed_query(pipeline, pipeline.store.read(image.path).data)


def _print(session: Session, answer: SearchAnswer) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("score", "day", "path", "tags", "predicted", ""):
        table.add_column(column, overflow="fold")
    for hit in answer.hits:
        table.add_row(f"{hit.score:.2f}", *_cells(hit.document), hit.highlight)
    session.console.print(table)
    session.say(f"{len(answer.hits)} of {answer.count}")
    for name, counts in answer.facets.items():
        session.say(f"{name}: " + ", ".join(f"{value} {number}" for value, number in counts))


def _cells(document: Any) -> tuple[str, str, str, str]:
    probability = document.get("probability")
    predicted = f"{document['predicted']} {probability:.0%}" if probability is not None else ""
    return document["day"], document["path"], ", ".join(document.get("tags") or ()), predicted
