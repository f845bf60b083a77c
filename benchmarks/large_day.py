"""Memory of a day of very many images: all its steps, in one process, over 20,000 and 60,000 tiny images that all look different.

Each size has a process of its own; peak is its resident set at its highest, as Linux tells it. What grows between the sizes, by image,
is what a day of a million would take a million times. The store is a folder in memory where there is one: nothing of it is in the peak.

Belongs here: memory by number of images. Does not: by size of images (`memory`).
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import simplejpeg

from imaging_assets_tests.builders import a_pipeline, land, run_chain

Row = dict[str, object]

_FEW, _MANY = 20_000, 60_000
_MEMORY = Path("/dev/shm")  # noqa: S108
_SIDE, _ENLARGED = 8, 6


def rows() -> list[Row]:
    """Peak megabytes of either day, and kilobytes for one image more."""
    few, many = (_peak(count) for count in (_FEW, _MANY))
    slope = (many - few) / (_MANY - _FEW) * 1e3
    return [
        _row(f"peak of a day of {_FEW} tiny images", few, "MB"),
        _row(f"peak of a day of {_MANY} tiny images", many, "MB"),
        _row("for one image more", slope, "kB", 4.0),
    ]


def _peak(count: int) -> float:
    done = subprocess.run([sys.executable, "-m", __spec__.name, str(count)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def _run(count: int) -> float:
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as home:
        pipeline = a_pipeline(Path(home), resize={"workers": 2})
        for seed in range(count):
            land(pipeline, {f"{seed:07}.jpg": _tiny(seed)})
        run_chain(pipeline)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1e3 for line in status.splitlines() if line.startswith("VmHWM"))


def _tiny(seed: int) -> bytes:
    squares = np.random.default_rng(seed).integers(0, 255, (_SIDE, _SIDE, 3), dtype=np.uint8)
    data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(squares.repeat(_ENLARGED, 0).repeat(_ENLARGED, 1)), quality=85)
    return data


def _row(name: str, ours: float, unit: str, goal: float | None = None) -> Row:
    said, holds = (f"<= {goal:g}", ours <= goal) if goal else ("", None)
    return {"name": name, "ours": ours, "peer": None, "unit": unit, "ratio": None, "goal": said, "holds": holds}


if __name__ == "__main__":
    print(_run(int(sys.argv[1])))
