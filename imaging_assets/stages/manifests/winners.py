"""Which statement about an image counts?

Belongs here: the rule. Does not: collecting statements (`labels`) or using the answer (`tagged`).

Among statements bound to the same bytes at the same path the newest wins, then the last file and line. When equal bytes lie at
two paths that still exist and their winners differ, people disagree: the image is in conflict and is not trained on until a newer
statement for both, or a deletion, settles it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Winner:
    """What holds for some bytes; `conflict` tells what else was said about them, or is ""."""

    tags: tuple[str, ...]
    regions: tuple[Row, ...]
    source: str
    file: str
    line: int
    stated_at: datetime
    conflict: str

    @property
    def content(self) -> tuple[object, ...]:
        """What matters downstream: everything but when and in which line."""
        return (self.tags, self.regions, self.source, self.file, self.conflict)


def winners(statements: Iterable[Row], exists: Callable[[str, str], bool]) -> dict[str, Winner]:
    """Winner by sha256.

    Args:
        statements: Rows of `label_records`; only bound ones that are not retracted count.
        exists: Whether bytes (second argument) are at a path (first); asked only where tags differ.
    """
    by_bytes: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in statements:
        if row["status"] != "bound" or row["retracted_at"] is not None:
            continue
        best = by_bytes[row["sha256"]].get(row["path"])
        if best is None or _rank(row) > _rank(best):
            by_bytes[row["sha256"]][row["path"]] = row
    return {sha256: _winner(sha256, by_path, exists) for sha256, by_path in by_bytes.items()}


def _winner(sha256: str, by_path: dict[str, Row], exists: Callable[[str, str], bool]) -> Winner:
    best = max(by_path.values(), key=_rank)
    rivals = [row for row in by_path.values() if row["tags"] != best["tags"]]
    conflict = ""
    if rivals and exists(best["path"], sha256):
        standing = [row for row in rivals if exists(row["path"], sha256)]
        told = sorted((row["path"], "|".join(row["tags"])) for row in [best, *standing])
        conflict = "; ".join(f"{path} is {tags}" for path, tags in told) if standing else ""
    regions = tuple(best["regions"] or ())
    return Winner(tuple(best["tags"]), regions, best["source"], best["file"], best["line"], best["stated_at"], conflict)


def _rank(row: Row) -> tuple[datetime, str, int]:
    return row["stated_at"], row["file"], row["line"]
