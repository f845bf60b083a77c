"""Rows of `label_records` as a label file first gives them, before any image was looked for.

Belongs here: a statement's identity and the columns it fills. Does not: binding and retracting (`labels`).
"""

from collections import Counter
from datetime import datetime
from typing import Any

from imaging_assets.records.manifests import RejectedLine, Statement
from imaging_assets.stages.digests import digest

Row = dict[str, Any]


def rows_by_statement(file: str, when: datetime, statements: list[Statement], rejected: list[RejectedLine]) -> dict[str, Row]:
    """Rows by identity: what a line says, not where it stands; the same line twice counts twice."""
    repeats: Counter[str] = Counter()
    rows: dict[str, Row] = {}
    items: list[Statement | RejectedLine] = [*statements, *rejected]
    for item in items:
        said = (item.path, item.sha256, item.tags, str(item.regions)) if isinstance(item, Statement) else (item.text, item.reason)
        base = digest(file, *said)
        repeats[base] += 1
        row = _stated(item) if isinstance(item, Statement) else _rejected(item)
        rows[digest(base, repeats[base])] = row | {"file": file, "line": item.line, "stated_at": when, "retracted_at": None}
    return {key: row | {"statement": key} for key, row in rows.items()}


def _stated(item: Statement) -> Row:
    regions = [{"tag": r.tag, "left": r.left, "top": r.top, "width": r.width, "height": r.height} for r in item.regions]
    known = {"sha256": item.sha256, "path": item.path, "status": "bound"} if item.sha256 else {"status": "unmatched"}
    empty: Row = {"sha256": "", "path": "", "reason": ""}
    return empty | {"source": item.source, "selector": item.path, "tags": list(item.tags), "regions": regions} | known


def _rejected(item: RejectedLine) -> Row:
    return {
        "source": "csv",
        "selector": item.text,
        "tags": [],
        "regions": [],
        "status": "rejected",
        "reason": item.reason,
        "sha256": "",
        "path": "",
    }
