"""`init` writes what a folder needs to work in, and keeps what is there."""

import tomllib
from importlib.resources import files
from pathlib import Path

import yaml

import imaging_assets
from imaging_assets_tests.cli.command_line import call_cli

FILES = ["dagster.yaml", "imaging.toml", "workspace.yaml"]
CHECKOUT = Path(imaging_assets.__file__).parents[1]


def test_init_writes_three_files_that_can_be_read(tmp_path: Path) -> None:
    done = call_cli(tmp_path, "init")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == "wrote imaging.toml, dagster.yaml, workspace.yaml"
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    assert tomllib.loads((tmp_path / "imaging.toml").read_text("utf-8")) == {}
    (location,) = yaml.safe_load((tmp_path / "workspace.yaml").read_text("utf-8"))["load_from"]
    assert location["python_module"]["module_name"] == "imaging_assets.definitions"


def test_init_keeps_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "imaging.toml").write_text("# mine\n")
    done = call_cli(tmp_path, "init", "--json")
    assert done.value == {"written": ["dagster.yaml", "workspace.yaml"], "kept": ["imaging.toml"]}
    assert (tmp_path / "imaging.toml").read_text() == "# mine\n"
    assert call_cli(tmp_path, "init").out.startswith("wrote nothing; kept imaging.toml, dagster.yaml, workspace.yaml\n")


def test_what_the_written_settings_suggest_are_settings(tmp_path: Path) -> None:
    call_cli(tmp_path, "init")
    suggested = [line.removeprefix("# ") for line in (tmp_path / "imaging.toml").read_text("utf-8").splitlines()]
    lines = [line for line in suggested if " = " in line or line.startswith("[")]
    assert len(lines) >= 5
    (tmp_path / "imaging.toml").write_text("\n".join(lines))
    assert "There is no store" in call_cli(tmp_path, "why", "x").complaint


def test_a_project_of_its_own_gets_the_dagster_configuration_of_the_checkout(tmp_path: Path) -> None:
    call_cli(tmp_path, "init")
    ours = yaml.safe_load((CHECKOUT / "dagster.yaml").read_text("utf-8"))
    assert yaml.safe_load((tmp_path / "dagster.yaml").read_text("utf-8")) == ours
    template = files("imaging_assets.cli").joinpath("dagster.yaml").read_text("utf-8")
    assert yaml.safe_load(template.replace("{home}", ".imaging/dagster")) == ours
