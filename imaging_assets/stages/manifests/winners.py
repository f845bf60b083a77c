"""Which statement about an image counts?

Belongs here: the rule. Does not: collecting statements (`labels`) or using the answer (`tagged`).

Among statements bound to the same bytes at the same path the newest wins, then that of the source with the higher priority, then the
last file and line; a statement about the bytes alone (by sha256) is about every path. When equal bytes lie at two paths that still
exist and their winners differ, people disagree: the image is in conflict and is not trained on until a newer statement for both, or a
deletion, settles it. What was said about a path that the bytes have left counts only where nothing was said about those where they are.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Winner:
    """What holds for some bytes; `conflict` tells what else was said about them, or is ""."""

    tags: tuple[str, ...]
    regions: tuple[Row, ...]
    in_pixels: bool
    stated_size: tuple[int | None, int | None]
    source: str
    file: str
    line: int
    stated_at: datetime
    conflict: str

    @property
    def content(self) -> tuple[object, ...]:
        """What matters downstream: everything but when and in which line."""
        said = (self.tags, self.regions, self.source, self.file, self.conflict)
        return (*said, self.in_pixels, self.stated_size) if self.regions else said


def winners(
    statements: Iterable[Row], exists: Callable[[str, str], bool], priorities: Mapping[str, int] | None = None
) -> dict[str, Winner]:
    """Winner by sha256.

    Args:
        statements: Rows of `label_records`; only bound ones that are not retracted count.
        exists: Whether bytes (second argument) are at a path (first); asked only where tags differ.
        priorities: By name of the source; 0 where it is not named.
    """
    rank = _Rank(priorities or {})
    by_bytes: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in statements:
        if row["status"] != "bound" or row["retracted_at"] is not None:
            continue
        best = by_bytes[row["sha256"]].get(row["path"])
        if best is None or rank(row) > rank(best):
            by_bytes[row["sha256"]][row["path"]] = row
    return {sha256: _winner(sha256, by_path, exists, rank) for sha256, by_path in by_bytes.items()}


class _Rank:
    """What a statement is ordered by."""

    def __init__(self, priorities: Mapping[str, int]) -> None:
        self.priorities = priorities

    def __call__(self, row: Row) -> tuple[datetime, int, str, int]:
        return row["stated_at"], self.priorities.get(row["source"], 0), row["file"], row["line"]


def _winner(sha256: str, by_path: dict[str, Row], exists: Callable[[str, str], bool], rank: _Rank) -> Winner:
    by_path = _said_of_every_path(by_path, rank)
    conflict = ""
    if _differ(by_path):
        standing = {path: row for path, row in by_path.items() if exists(path, sha256)}
        if _differ(standing):
            conflict = "; ".join(f"{path} is {'|'.join(row['tags'])}" for path, row in sorted(standing.items()))
        by_path = standing or by_path
    best = max(by_path.values(), key=lambda row: (rank(row), row["path"]))
    return Winner(
        tags=tuple(best["tags"]),
        regions=tuple(best["regions"] or ()),
        in_pixels=bool(best.get("in_pixels")),
        stated_size=(best.get("stated_width"), best.get("stated_height")),
        source=best["source"],
        file=best["file"],
        line=best["line"],
        stated_at=best["stated_at"],
        conflict=conflict,
    )


def _said_of_every_path(by_path: dict[str, Row], rank: _Rank) -> dict[str, Row]:
    """The winner of each path; what was said without a path joins in everywhere."""
    paths = {path: row for path, row in by_path.items() if path}
    anywhere = by_path.get("")
    if anywhere is None or not paths:
        return by_path
    return {path: max(row, anywhere, key=rank) for path, row in paths.items()}


def _differ(by_path: dict[str, Row]) -> bool:
    return len({tuple(row["tags"]) for row in by_path.values()}) > 1
