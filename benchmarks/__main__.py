"""`make bench [ONLY=name]`: run benchmarks, print a table, write `.imaging/bench.json`.

Belongs here: choosing and printing. Does not: measuring (the module of the name).
"""

import importlib
import json
import sys
from pathlib import Path

BENCHMARKS = (
    "backfill",
    "day",
    "gallery",
    "insights",
    "large_day",
    "memory",
    "overhead",
    "resize",
    "scaleout",
    "search",
    "sensors",
    "skill",
    "trainer",
    "training_sets",
)
_COLUMNS = ("name", "ours", "peer", "unit", "ratio", "goal", "holds")


def main(only: list[str]) -> int:
    """Run the named benchmarks, all when none is named; 1 when a goal is missed."""
    if unknown := set(only) - set(BENCHMARKS):
        print(f"There is no benchmark {', '.join(sorted(unknown))}. There are {', '.join(BENCHMARKS)}.")
        return 2
    rows = [row for name in only or BENCHMARKS for row in importlib.import_module(f"benchmarks.{name}").rows()]
    cells = [_COLUMNS, *[tuple(_cell(row[column]) for column in _COLUMNS) for row in rows]]
    widths = [max(len(line[place]) for line in cells) for place in range(len(_COLUMNS))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    target = Path(".imaging/bench.json")
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0 if all(row["holds"] is not False for row in rows) else 1


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
