"""What is odd about statements that found their image.

Belongs here: conflicts and tags that differ in case only, told per line. Does not: statements without an image, whose reason `matching` and
the formats give.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from imaging_assets.stages.manifests.winners import Winner

Row = dict[str, Any]

CONFLICT = "conflict: "
CASE = "case: "


def remark(rows: Iterable[Row], holding: Mapping[str, Winner]) -> None:
    """Set `reason` of every bound row that is not retracted, in place.

    Args:
        rows: Rows of `label_records`.
        holding: Winner by sha256.
    """
    bound = [row for row in rows if row["status"] == "bound" and row["retracted_at"] is None]
    rare = _rare_spellings(bound)
    for row in bound:
        winner = holding.get(row["sha256"])
        told = [f"{CONFLICT}{winner.conflict}"] if winner and winner.conflict else []
        told += [f"{CASE}{rare[tag]}" for tag in row["tags"] if tag in rare]
        row["reason"] = "; ".join(told)


def _rare_spellings(rows: Iterable[Row]) -> dict[str, str]:
    """Tags that differ from a more frequent one in case only, and what to say of them."""
    counts = Counter(tag for row in rows for tag in row["tags"])
    alike: dict[str, list[str]] = defaultdict(list)
    for tag in counts:
        alike[tag.casefold()].append(tag)
    rare: dict[str, str] = {}
    for spellings in alike.values():
        usual = max(spellings, key=lambda tag: (counts[tag], tag))
        rare |= {tag: f"tag {tag!r} is mostly written {usual!r}" for tag in spellings if tag != usual}
    return rare
