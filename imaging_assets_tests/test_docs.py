"""The docs say what the code says: settings, assets, commands, links."""

import json
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import get_args

import dagster as dg
import pytest
from typer.main import get_command

from imaging_assets.cli.app import app
from imaging_assets.errors import QuarantineReason
from imaging_assets_tests.defs import defs
from imaging_assets_tests.snippets import PAGES

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def test_generated_pages_are_what_the_generator_writes() -> None:
    for name, render in _generator().PAGES.items():
        assert (DOCS / name).read_text(encoding="utf-8") == render(), f"{name} is old; run `python docs/generate.py`"


def test_every_asset_and_check_is_described() -> None:
    text = (DOCS / "assets.md").read_text(encoding="utf-8")
    graph = dg.Definitions.resolve_asset_graph(defs())
    names = {key.to_user_string() for key in graph.get_all_asset_keys()} | {key.name for key in graph.asset_check_keys}
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_every_quarantine_reason_is_explained() -> None:
    text = (DOCS / "assets.md").read_text(encoding="utf-8")
    assert {reason for reason in get_args(QuarantineReason) if f"`{reason}`" not in text} == set()


def test_every_command_is_in_the_changelog_or_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8") + (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    commands = set(getattr(get_command(app), "commands"))  # noqa: B009 - typer hides that this is a group
    assert {name for name in commands if f"`{name}`" not in text} == set()


def test_every_command_the_pages_name_exists() -> None:
    commands = set(getattr(get_command(app), "commands"))  # noqa: B009
    named = {name for page in PAGES for name in re.findall(r"imaging-assets (?!FOLDER)([a-z]+(?:-[a-z]+)*)", _code(page))}
    assert named - commands == set()


def test_plots_show_the_figures_of_the_page() -> None:
    page = (DOCS / "performance.md").read_text(encoding="utf-8")
    figures = json.loads((DOCS / "figures.json").read_text(encoding="utf-8"))
    rows = [*figures["goals"], *figures["gallery"]]
    told = [number for row in rows for number in (row["ours"], row.get("peer"), row.get("goal", "").rpartition(" ")[2]) if number]
    assert [number for number in told if not re.search(rf"(?<![\d.]){re.escape(f'{float(number):g}')}(\.?0+)?(?!\d)", page)] == []
    missed = [row for row in figures["goals"] if not _holds(row["ours"], row["goal"])]
    assert f"{len(missed)} of {len(figures['goals'])} miss" in page


def _holds(ours: float, goal: str) -> bool:
    sign, number = goal.split()
    return ours <= float(number) if sign == "<=" else ours >= float(number)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_make_targets_that_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"`?make ([a-z-]+)", _code(page))}
    assert named - targets == set()


def test_help_of_every_command_is_shown_without_loading_dagster() -> None:
    code = "import sys; from imaging_assets.cli.app import app; app(['--help'], standalone_mode=False); assert 'dagster' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _generator() -> ModuleType:
    spec = spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _code(page: Path) -> str:
    """What stands in code fences and back-ticks."""
    text = page.read_text(encoding="utf-8")
    return "\n".join([*re.findall(r"```.*?```", text, re.DOTALL), *re.findall(r"`[^`\n]+`", text)])
