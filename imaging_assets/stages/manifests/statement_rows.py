"""Rows of `label_records` as a label file first gives them, before any image was looked for.

Belongs here: a statement's identity and the columns it fills. Does not: binding and retracting (`labels`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from imaging_assets.records.manifests import AnnotatedImage, RejectedLine
from imaging_assets.stages.digests import digest

Row = dict[str, Any]


def rows_by_statement(
    source: str, file: str, when: datetime, said: Iterable[AnnotatedImage], rejected: Iterable[RejectedLine]
) -> dict[str, Row]:
    """Rows by identity: what a line says, not where it stands; the same line twice counts twice.

    Args:
        source: Name of the label source.
        file: Path of the label file.
        when: Last write of the file, for lines that do not tell when they were said.
        said: What it says.
        rejected: What of it cannot be used.
    """
    repeats: Counter[str] = Counter()
    rows: dict[str, Row] = {}
    items: list[AnnotatedImage | RejectedLine] = [*said, *rejected]
    for item in items:
        base = digest(file, *_content(item))
        repeats[base] += 1
        key = digest(base, repeats[base])
        row = _stated(item, when) if isinstance(item, AnnotatedImage) else _rejected(item, when)
        rows[key] = row | {"statement": key, "source": source, "file": file, "line": item.line, "retracted_at": None}
    return rows


def _content(item: AnnotatedImage | RejectedLine) -> Iterator[object]:
    """What makes it another statement; what most formats never tell is left out where it is not told."""
    if isinstance(item, RejectedLine):
        yield from (item.text, item.reason)
        return
    yield from (item.path, item.sha256, item.tags, str(item.regions))
    if item.regions and (item.in_pixels or item.width or item.height):
        yield (item.in_pixels, item.width, item.height)
    if item.who or item.when:
        yield (item.who, item.when)


def _stated(item: AnnotatedImage, when: datetime) -> Row:
    regions = [{"tag": r.tag, "left": r.left, "top": r.top, "width": r.width, "height": r.height} for r in item.regions]
    return {
        "selector": item.path,
        "tags": list(item.tags),
        "regions": regions,
        "in_pixels": item.in_pixels,
        "stated_width": item.width,
        "stated_height": item.height,
        "who": item.who,
        "stated_at": item.when or when,
        "status": "bound" if item.sha256 else "unmatched",
        "reason": "",
        "sha256": item.sha256,
        "path": item.path if item.sha256 else "",
    }


def _rejected(item: RejectedLine, when: datetime) -> Row:
    return {
        "selector": item.text,
        "tags": [],
        "regions": [],
        "in_pixels": False,
        "stated_width": None,
        "stated_height": None,
        "who": "",
        "stated_at": when,
        "status": "rejected",
        "reason": item.reason,
        "sha256": "",
        "path": "",
    }
