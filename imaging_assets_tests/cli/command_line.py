"""Commands, started as people start them.

Belongs here: `run_cli` (a process of its own, for whatever Dagster or the environment takes part in), `call_cli` (the same command line
in this process, fifty times as fast), and folders of pictures. Does not: expectations.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imaging_assets.cli.app import run_app
from imaging_assets_tests.builders import a_picture

COMMAND = "import sys; from imaging_assets.cli import main; sys.argv[0] = 'imaging-assets'; main()"
"""What the console script does, in case it is not on the path."""


@dataclass(frozen=True)
class Done:
    """An exit code and what was printed."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """What `--json` printed; it must be the whole output."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one clear line on standard error."""
        assert self.err.startswith("error: "), self.err
        assert self.err.count("\n") == 1, self.err
        assert self.err.endswith(".\n"), self.err
        return self.err.removeprefix("error: ").rstrip("\n")


def run_cli(folder: Path, *arguments: str, **variables: str) -> Done:
    """A command in a process of its own, with a clean environment."""
    command = [sys.executable, "-c", COMMAND, *arguments]
    done = subprocess.run(
        command, cwd=folder, env=clean_environment(variables), capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def clean_environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's variables without anything of ours or Dagster's."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("IMAGING_", "DAGSTER_"))}
    return {**kept, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8", **(variables or {})}


def call_cli(folder: Path, *arguments: str) -> Done:
    """A command in this process, in that folder."""
    out, err = io.StringIO(), io.StringIO()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err):
        code = run_app(arguments)
    return Done(code, out.getvalue(), err.getvalue())


def a_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Files below a new folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def cats_and_dogs(number: int, start: int = 0) -> dict[str, bytes]:
    """So many small pictures, in a folder per class."""
    return {f"{('cat', 'dog')[seed % 2]}/{seed:02d}.jpg": a_picture(seed, (64, 48)) for seed in range(start, start + number)}


def landed_files(folder: Path) -> dict[str, bytes]:
    """What lies in the landing place of the default state folder, by path below it, without the marker."""
    landing = folder / ".imaging" / "store" / "landing"
    found = {path.relative_to(landing).as_posix(): path.read_bytes() for path in landing.rglob("*") if path.is_file()}
    return {path: data for path, data in found.items() if not path.startswith("_")}
