"""What Dagster and we cost when there is nothing to do: a whole-day run, and a range of days, all unchanged.

Belongs here: overhead without work. Does not: the work (`resize`, `trainer`, `search`).
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from imaging_assets_tests.builders import a_picture, a_pipeline, land, run_chain

Row = dict[str, object]

_DAYS = tuple(f"2026-03-{number:02}" for number in range(1, 11))
_COMMAND = (sys.executable, "-c", "import sys; from imaging_assets.cli import main; sys.argv[0] = 'imaging-assets'; main()")


def rows() -> list[Row]:
    """Seconds of wall time, process start and imports included; the peer is `import dagster` alone."""
    with tempfile.TemporaryDirectory() as folder:
        _prepare(Path(folder))
        bare = _timed(Path(folder), (sys.executable, "-c", "import dagster"))
        one = _timed(Path(folder), (*_COMMAND, "run", "--day", _DAYS[-1]))
        checked = _timed(Path(folder), (*_COMMAND, "run", "--since", _DAYS[0]))
        forced = _timed(Path(folder), (*_COMMAND, "run", "--since", _DAYS[0]), touch=True)
    each = (forced - checked) / len(_DAYS)
    return [
        _row("run --day, nothing to do", one, bare, 3.0),
        _row(f"run --since, {len(_DAYS)} days up to date", checked, bare, 3.0),
        _row("run --since, per day whose only news is a touched file", each, None, 1.0),
    ]


def _prepare(folder: Path) -> None:
    pipeline = a_pipeline(folder / ".imaging")
    for number, day in enumerate(_DAYS):
        land(pipeline, {f"{place}.jpg": a_picture(10 * number + place) for place in range(3)}, day)
        run_chain(pipeline, day)
    subprocess.run((*_COMMAND, "run"), cwd=folder, check=True, capture_output=True)


def _timed(folder: Path, command: tuple[str, ...], *, touch: bool = False) -> float:
    """Best of two."""
    best = float("inf")
    for _ in range(2):
        if touch:
            for picture in folder.rglob("landing/**/0.jpg"):
                picture.touch()
        started = time.monotonic()
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        best = min(best, time.monotonic() - started)
    return best


def _row(name: str, ours: float, peer: float | None, goal: float) -> Row:
    ratio = ours / peer if peer else None
    return {"name": name, "ours": ours, "peer": peer, "unit": "s", "ratio": ratio, "goal": f"<= {goal:g}", "holds": ours <= goal}


if __name__ == "__main__":
    for row in rows():
        print(row)
