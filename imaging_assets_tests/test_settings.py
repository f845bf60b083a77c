"""Where settings come from, which source wins, and what is said of a wrong one.

Each reading is a process of its own, because the environment is.
"""

import ast
import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from imaging_assets import settings as settings_module
from imaging_assets.errors import SettingsError
from imaging_assets.settings import Settings, load_settings, remember_start
from imaging_assets_tests.cli.command_line import clean_environment

READ = "import sys; from imaging_assets.settings import load_settings; sys.stdout.write(load_settings().model_dump_json())"


def read(folder: Path, **variables: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", READ], cwd=folder, env=clean_environment(variables), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_without_any_source_the_defaults_hold(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert (settings["profile"], settings["home"], settings["resize"]["max_bytes"]) == ("embedded", ".imaging", 6_000_000)


def test_variables_win_over_your_file_and_that_over_the_remembered_one(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "imaging.toml").write_text("[resize]\nmax_edge = 100\nmin_quality = 30\nthumbnail_edge = 50\n")
    (tmp_path / "imaging.toml").write_text('home = "state"\n[resize]\nmax_edge = 200\nmin_quality = 40\n')
    resize = read(tmp_path, IMAGING_RESIZE__MAX_EDGE="300")["resize"]
    assert (resize["max_edge"], resize["min_quality"], resize["thumbnail_edge"]) == (300, 40, 50)


def test_an_empty_variable_is_no_variable(tmp_path: Path) -> None:
    (tmp_path / "imaging.toml").write_text('home = "state"\n')
    assert read(tmp_path, IMAGING_HOME="", IMAGING_CONFIG="", IMAGING_RESIZE__MAX_EDGE="")["home"] == "state"


def test_the_variable_that_names_the_state_folder_names_the_remembered_file_too(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "imaging.toml").write_text("[partitions]\nstart = 2024-05-06\n")
    for name in ("IMAGING_HOME", "imaging_home"):
        assert read(tmp_path, **{name: "state"})["partitions"]["start"] == "2024-05-06"


def test_another_file_is_named_by_argument_or_variable(tmp_path: Path) -> None:
    (tmp_path / "imaging.toml").write_text("[resize]\nmax_edge = 100\n")
    (tmp_path / "other.toml").write_text("[resize]\nmax_edge = 200\n")
    assert read(tmp_path)["resize"]["max_edge"] == 100
    assert read(tmp_path, IMAGING_CONFIG="other.toml")["resize"]["max_edge"] == 200
    assert load_settings(tmp_path / "other.toml").resize.max_edge == 200
    with pytest.raises(SettingsError, match="There is no settings file"):
        load_settings(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(("yours", "holds"), [("2026-06-01", "2026-03-02"), ("2020-01-01", "2020-01-01")])
def test_the_earliest_start_holds_because_an_older_image_is_there(tmp_path: Path, yours: str, holds: str) -> None:
    home = tmp_path / "state"
    remember_start(Settings(home=home), date(2026, 3, 2))
    mine = tmp_path / "imaging.toml"
    mine.write_text(f"home = {json.dumps(str(home))}\n[partitions]\nstart = {yours}\ntimezone = 'Europe/Berlin'\n")
    partitions = load_settings(mine).partitions
    assert (partitions.start.isoformat(), partitions.timezone) == (holds, "Europe/Berlin")
    assert read(tmp_path, IMAGING_PARTITIONS__START="2026-12-01")["partitions"]["start"] == "2026-03-02"


def test_the_remembered_start_is_written_once_and_moves_back_only(tmp_path: Path) -> None:
    settings = remember_start(Settings(home=tmp_path), date(2026, 3, 2))
    written = (tmp_path / "imaging.toml").read_text("utf-8")
    assert remember_start(settings, date(2026, 3, 9)) is settings
    assert (tmp_path / "imaging.toml").read_text("utf-8") == written
    assert remember_start(settings, date(2026, 3, 1)).partitions.start == date(2026, 3, 1)


OTHER_NAMES = {
    "BLOB_CONNECTION_STRING": "AccountName=old;AccountKey=a2V5",
    "CONTAINER": "old-container",
    "ENDPOINT": "https://old.cognitiveservices.azure.com",
    "PROJECT": "old project",
    "TRAINING_KEY": "0ld-k3y",
}


def test_variables_of_older_systems_count_in_profile_azure_alone_and_are_told_without_values(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    assert settings_module.OTHER_NAMES.keys() == OTHER_NAMES.keys()
    for name, value in OTHER_NAMES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert load_settings().azure.container == "imaging"
    monkeypatch.setenv("IMAGING_PROFILE", "azure")
    settings_module._tell.cache_clear()

    taken = load_settings()

    azure, vision = taken.azure, taken.custom_vision
    assert (azure.container, vision.endpoint, vision.project) == ("old-container", OTHER_NAMES["ENDPOINT"], "old project")
    assert azure.connection_string is not None
    assert vision.training_key is not None
    assert azure.connection_string.get_secret_value() == OTHER_NAMES["BLOB_CONNECTION_STRING"]
    assert vision.training_key.get_secret_value() == "0ld-k3y"
    told = [record.getMessage() for record in caplog.records]
    assert all(any(name in text for text in told) for name in OTHER_NAMES)
    assert not any(value in caplog.text for value in OTHER_NAMES.values())


def test_our_own_settings_win_over_variables_of_older_systems(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in OTHER_NAMES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("IMAGING_AZURE__CONTAINER", "ours")
    file = tmp_path / "imaging.toml"
    file.write_text('profile = "azure"\n[azure]\naccount_url = "https://ours.blob.core.windows.net"\n')

    azure = load_settings(file).azure

    assert (azure.container, azure.account_url) == ("ours", "https://ours.blob.core.windows.net")
    assert azure.connection_string is None


def test_every_fault_is_told_at_once_and_no_value(tmp_path: Path) -> None:
    file = tmp_path / "imaging.toml"
    file.write_text('colour = "s3cr3t"\n[resize]\nmax_edge = "s3cr3t"\n[partitions]\ntimezone = "s3cr3t"\n')
    with pytest.raises(SettingsError) as error:
        load_settings(file)
    assert {name for name in ("colour", "resize.max_edge", "partitions.timezone") if name not in str(error.value)} == set()
    assert "s3cr3t" not in str(error.value)


def test_every_setting_is_described_and_none_can_be_changed_later() -> None:
    assert undescribed(Settings) == []
    with pytest.raises(ValueError, match="frozen"):
        setattr(Settings(), "profile", "azure")  # noqa: B010 - mypy knows that this cannot be


def undescribed(group: type[BaseModel]) -> list[str]:
    missing = []
    for name, field in group.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            missing += undescribed(field.annotation)
        elif not (field.description or "").endswith((".", "...")):
            missing.append(f"{group.__name__}.{name}")
    return missing


def test_this_module_reads_no_environment_of_its_own() -> None:
    tree = ast.parse(Path(__file__).read_text("utf-8"))
    assert "environ" not in {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


OLD = """
import sys
from imaging_assets.errors import SettingsError
from imaging_assets.settings import load_settings, with_old_serve_variables
try:
    settings, told = with_old_serve_variables(load_settings())
    print(settings.serve.key, settings.serve.debug, settings.serve.port, told)
except SettingsError as error:
    print(error)
"""


def old_serve_variables(folder: Path, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", OLD], cwd=folder, env=clean_environment(variables), capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_the_old_power_skills_variables_count_where_ours_are_not_set_and_each_use_is_told(tmp_path: Path) -> None:
    told = old_serve_variables(tmp_path, KEY="k3y", DEBUG="False", WEBSITES_PORT="5000", IMAGING_SERVE__PORT="81")
    assert told.startswith("********** False 81 [")
    assert "KEY is used for serve.key; its name here is IMAGING_SERVE__KEY." in told
    assert "DEBUG is used" in told
    assert "WEBSITES_PORT" not in told
    assert "k3y" not in told


def test_an_old_variable_that_cannot_be_used_is_named_without_its_value(tmp_path: Path) -> None:
    told = old_serve_variables(tmp_path, DEBUG="s3cr3t")
    assert "The variable DEBUG cannot be used" in told
    assert "s3cr3t" not in told


def test_other_commands_do_not_look_at_the_old_variables(tmp_path: Path) -> None:
    assert read(tmp_path, KEY="k3y", WEBSITES_PORT="x")["serve"]["key"] is None
