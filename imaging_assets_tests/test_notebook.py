"""The notebook of the power skill runs from top to bottom and says what it shows."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from imaging_assets_tests.cli.command_line import clean_environment

NOTEBOOK = Path(__file__).parent.parent / "docs" / "notebooks" / "power-skill.ipynb"


def printed(notebook: Path) -> str:
    """All that its cells put out."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "".join("".join(output.get("text") or output["data"]["text/plain"]) + "\n" for output in outputs)


@pytest.mark.slow
def test_the_notebook_of_the_power_skill_runs(tmp_path: Path) -> None:
    shutil.copy(NOTEBOOK, tmp_path)
    programs = Path(sys.executable).parent
    environment = clean_environment({"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"})
    command = [sys.executable, "-c", "from nbclient.cli import main; main()", NOTEBOOK.name, "--inplace"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    said = printed(tmp_path / NOTEBOOK.name)
    assert "published. It is the first model" in said
    assert ", 0 duplicates;" in said, "pictures that look alike share a side of the split, and little is left to judge on"
    assert "suspect" not in said
    assert "1 spots []" in said
    assert "3 stripes []" in said
    assert "\n403\n" in said
    assert len(said) == pytest.approx(len(printed(NOTEBOOK)), rel=0.2), "the page shows something else than it does now"
