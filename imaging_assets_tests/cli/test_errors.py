"""Whatever is wrong with the settings, the folder or the command line: one clear line, exit code 2, no traceback."""

import os
from pathlib import Path

import pytest

from imaging_assets_tests.cli.command_line import a_folder, call_cli, run_cli

SECRET = "s3cr3t-value"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("polish",), "No such command 'polish'. See `imaging-assets --help`."),
        (("--loud",), "No such option: --loud"),
        (("add",), "Missing argument 'FOLDER'. See `imaging-assets add --help`."),
        (("add", "a", "b"), "Got unexpected extra argument"),
        (("search", "--top", "many"), "Invalid value for '--top'"),
        (("--config", "nowhere.toml", "search"), "There is no settings file nowhere.toml."),
    ],
)
def test_a_wrong_command_line_says_where_help_is(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    done = run_cli(tmp_path, *arguments) if "--config" in arguments else call_cli(tmp_path, *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.complaint.startswith(told)


def test_without_a_command_the_help_is_shown(tmp_path: Path) -> None:
    done = run_cli(tmp_path)
    assert done.code == 2
    assert "Usage: imaging-assets" in done.out
    assert done.err == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("colour = 1", "Settings: there is no setting colour."),
        ("[resize]\nmax_edges = 1", "Settings: there is no setting resize.max_edges."),
        (
            "[resize]\nmax_edge = 1",
            "Settings: resize.max_edge: input should be greater than or equal to 64. Correct imaging.toml",
        ),
        (f'[resize]\nmax_edge = "{SECRET}"', "Settings: resize.max_edge: input should be a valid integer"),
        (f'[partitions]\ntimezone = "{SECRET}"', "Settings: partitions.timezone: this is not an IANA time zone"),
        (f'profile = "{SECRET}"', "Settings: profile: input should be 'embedded' or 'azure'."),
        ("resize = 5", "Settings: resize: input should be a valid dictionary"),
        ("home = 5", "Settings: home: input is not a valid path"),
        ("resize = ", "imaging.toml cannot be read: Invalid value (at "),
        ('profile = "azure"', "Profile azure needs a storage account. Set azure.account_url"),
        ('home = "theirs"', "theirs holds something else. Choose another state folder with IMAGING_HOME"),
        ('home = "theirs/a.txt"', "theirs/a.txt cannot be the state folder (File exists)."),
    ],
)
def test_a_wrong_settings_file_is_told_by_setting_and_never_by_value(tmp_path: Path, text: str, told: str) -> None:
    a_folder(tmp_path / "pictures", {"a.jpg": b"1"})
    a_folder(tmp_path / "theirs", {"a.txt": b"1"})
    (tmp_path / "imaging.toml").write_text(text)
    done = call_cli(tmp_path, "add", "pictures")
    assert (done.code, done.out) == (2, "")
    assert done.complaint.startswith(told)
    assert SECRET not in done.err
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["a.txt"]


def test_settings_that_are_not_utf_8_are_a_clear_line(tmp_path: Path) -> None:
    (tmp_path / "imaging.toml").write_bytes(b"# caf\xe9\n")
    done = call_cli(tmp_path, "search")
    assert (done.code, done.complaint) == (2, "imaging.toml cannot be read: it is not UTF-8. Save it as UTF-8.")


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("IMAGING_COLOUR", SECRET, "There is no setting IMAGING_COLOUR. Known are IMAGING_"),
        ("IMAGING_RESIZE__MAX_EDGE", SECRET, "Settings: resize.max_edge: input should be a valid integer"),
        ("IMAGING_RESIZE", f"{{{SECRET}", 'Settings: error parsing value for field "resize"'),
        ("IMAGING_CONFIG", "nowhere.toml", "There is no settings file nowhere.toml."),
    ],
)
def test_a_wrong_variable_is_told_by_name_and_never_by_value(tmp_path: Path, variable: str, value: str, told: str) -> None:
    done = run_cli(tmp_path, "run", **{variable: value})
    assert (done.code, done.out) == (2, "")
    assert done.complaint.startswith(told)
    assert SECRET not in done.err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_folder_that_cannot_be_written_is_a_clear_line(tmp_path: Path) -> None:
    a_folder(tmp_path / "pictures", {"a.jpg": b"1"})
    (tmp_path / ".imaging").mkdir(mode=0o500)
    done = call_cli(tmp_path, "add", "pictures")
    assert done.code == 2
    assert done.complaint.startswith(".imaging cannot be the state folder (Permission denied).")


def test_errors_leave_standard_output_to_the_json_value(tmp_path: Path) -> None:
    done = call_cli(tmp_path, "--json", "add", "nowhere")
    assert (done.code, done.out) == (2, "")
    assert done.complaint == "There is no folder nowhere. Give the folder that holds your pictures."


def test_a_name_with_brackets_is_printed_as_it_is(tmp_path: Path) -> None:
    assert call_cli(tmp_path, "add", "[red]nowhere[/red]").complaint.startswith("There is no folder [red]nowhere[/red].")
