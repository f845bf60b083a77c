"""Wheel and source archive, built as `pip` builds them, without a network.

Belongs here: building. Does not: expectations.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import imaging_assets

CHECKOUT = Path(imaging_assets.__file__).parents[1]

BUILD = """
import sys
from setuptools import build_meta
print(getattr(build_meta, "build_" + sys.argv[1])(sys.argv[2]))
"""


def tracked() -> list[str]:
    """The files that git knows, which is what a checkout elsewhere would hold."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, encoding="utf-8", check=True)
    return [name for name in listed.stdout.split("\0") if name and (CHECKOUT / name).is_file()]


def build(kind: str, folder: Path) -> Path:
    """A `wheel` or `sdist` of the tracked files, in a copy of them: a build leaves things behind."""
    source = folder / f"source-{kind}"
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / name, source / name)
    return build_from(source, kind, folder)


def build_from(source: Path, kind: str, folder: Path) -> Path:
    """A `wheel` or `sdist` of a source folder."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD, kind, str(folder)], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder / done.stdout.strip().splitlines()[-1]
