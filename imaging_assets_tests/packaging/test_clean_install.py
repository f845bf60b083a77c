"""The wheel in a new virtual environment, far from the checkout, does what the README says."""

import os
import subprocess
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from imaging_assets_tests.builders import a_picture
from imaging_assets_tests.cli.command_line import clean_environment
from imaging_assets_tests.packaging.archives import CHECKOUT, build

pytestmark = pytest.mark.slow

Run = Callable[..., str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a program of the new environment in a new folder; returns what it printed."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    work = folder / "work"
    work.mkdir()

    def run_program(program: str, *arguments: str) -> str:
        done = subprocess.run(
            [binaries / program, *arguments],
            cwd=work,
            env=clean_environment(),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, f"{program} {arguments}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    wheel = build("wheel", folder)
    run_program("python", "-m", "pip", "install", "--quiet", "-c", str(CHECKOUT / "constraints.txt"), str(wheel))
    return run_program


def test_the_command_tells_its_version(run: Run) -> None:
    assert run("imaging-assets", "--version") == "imaging-assets 0.1.0\n"


def test_nothing_is_taken_from_the_checkout(run: Run) -> None:
    told = run("python", "-c", "import imaging_assets; print(imaging_assets.__file__)")
    assert "site-packages" in told
    run("python", "-m", "pip", "check")


def test_pictures_are_added_and_a_day_is_run(run: Run, tmp_path: Path) -> None:
    for number, tag in enumerate(("cat", "dog")):
        (tmp_path / tag).mkdir()
        (tmp_path / tag / f"{number}.jpg").write_bytes(a_picture(number, (160, 120)))

    run("imaging-assets", "init")
    run("imaging-assets", "add", str(tmp_path), "--day", "2026-03-02")
    run("imaging-assets", "run")

    assert '"path"' in run("imaging-assets", "search", "--json", "--where", "tags=cat")
    assert "1.jpg" in run("imaging-assets", "why", "1.jpg")


def test_dagster_loads_the_definitions_from_the_wheel(run: Run) -> None:
    run("dagster", "definitions", "validate", "-w", "workspace.yaml")
