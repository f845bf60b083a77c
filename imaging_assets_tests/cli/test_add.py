"""`add`: a folder of pictures lands once, with its folders as labels."""

import csv
import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imaging_assets.settings import Settings
from imaging_assets_tests.builders import a_picture, a_pipeline, run_chain
from imaging_assets_tests.cli.command_line import a_folder, call_cli, landed_files, run_cli

DAY = "2026-03-02"
PICTURES = {"cat/one.jpg": b"1", "dog/small/two.jpg": b"2", "three.jpg": b"3"}


def label_files(folder: Path) -> dict[str, list[dict[str, str]]]:
    labels = folder / ".imaging" / "store" / "labels"
    return {path.name: list(csv.DictReader(io.StringIO(path.read_text("utf-8")))) for path in labels.glob("*")}


def test_a_folder_lands_on_its_day_with_its_first_folders_as_labels(tmp_path: Path) -> None:
    a_folder(tmp_path / "pictures", PICTURES)
    done = call_cli(tmp_path, "add", "pictures", "--day", DAY)
    assert (done.code, done.err) == (0, "")
    assert done.out.count("\n") == 1
    assert done.out.startswith(f"3 added (0.0 MB), 0 already there, 0 refused; day {DAY}, store ")
    assert landed_files(tmp_path) == {f"2026/03/02/{name}": data for name, data in PICTURES.items()}
    ((file, rows),) = label_files(tmp_path).items()
    assert file.startswith(f"add-{DAY}-")
    assert {row["path"]: row["tags"] for row in rows} == {
        "2026/03/02/cat/one.jpg": "cat",
        "2026/03/02/dog/small/two.jpg": "dog",
    }


def test_without_a_day_it_is_today_where_the_days_are_counted(tmp_path: Path) -> None:
    a_folder(tmp_path / "pictures", {"a.jpg": b"1"})
    (tmp_path / "imaging.toml").write_text('[partitions]\ntimezone = "Pacific/Kiritimati"\n')  # 14 hours before UTC
    before = datetime.now(UTC) + timedelta(hours=14)
    assert call_cli(tmp_path, "add", "pictures").code == 0
    after = datetime.now(UTC) + timedelta(hours=14)
    assert {path[:10] for path in landed_files(tmp_path)} <= {f"{before:%Y/%m/%d}", f"{after:%Y/%m/%d}"}


def test_without_labels_there_is_no_label_file(tmp_path: Path) -> None:
    a_folder(tmp_path / "pictures", PICTURES)
    assert call_cli(tmp_path, "add", "pictures", "--no-labels").code == 0
    assert len(landed_files(tmp_path)) == 3
    assert label_files(tmp_path) == {}


def test_a_second_time_everything_is_there_already_whatever_the_day(tmp_path: Path) -> None:
    a_folder(tmp_path / "pictures", PICTURES)
    call_cli(tmp_path, "add", "pictures", "--day", DAY)
    landed = landed_files(tmp_path)
    for day in (DAY, "2026-03-05"):
        done = call_cli(tmp_path, "--json", "add", "pictures", "--day", day)
        assert (done.value["added"], sorted(done.value["skipped"])) == ([], sorted(PICTURES))
    assert landed_files(tmp_path) == landed
    assert len(label_files(tmp_path)) == 1


def test_what_a_run_has_read_is_recognised_too(tmp_path: Path) -> None:
    a_folder(tmp_path / "pictures", {"a.jpg": a_picture(1, (64, 48))})
    call_cli(tmp_path, "add", "pictures", "--day", DAY)
    run_chain(a_pipeline(tmp_path / ".imaging"), DAY)
    assert call_cli(tmp_path, "--json", "add", "pictures", "--day", "2026-03-05").value["skipped"] == ["a.jpg"]


def test_again_uploads_what_is_already_there(tmp_path: Path) -> None:
    a_folder(tmp_path / "pictures", PICTURES)
    call_cli(tmp_path, "add", "pictures", "--day", DAY)
    done = call_cli(tmp_path, "--json", "add", "pictures", "--day", "2026-03-05", "--again")
    assert (len(done.value["added"]), done.value["skipped"]) == (3, [])
    assert len(landed_files(tmp_path)) == 6


def test_other_bytes_under_the_same_name_are_added(tmp_path: Path) -> None:
    a_folder(tmp_path / "pictures", PICTURES)
    call_cli(tmp_path, "add", "pictures", "--day", DAY)
    a_folder(tmp_path / "pictures", {"cat/one.jpg": b"9"})
    done = call_cli(tmp_path, "--json", "add", "pictures", "--day", DAY)
    assert done.value["added"] == ["landing/2026/03/02/cat/one.jpg"]
    assert landed_files(tmp_path)["2026/03/02/cat/one.jpg"] == b"9"


def test_hidden_files_and_droppings_of_file_managers_are_no_pictures(tmp_path: Path) -> None:
    never = {".DS_Store": b"", "cat/.one.jpg.swp": b"", ".git/x.jpg": b"", "cat/Thumbs.db": b"", "desktop.ini": b""}
    a_folder(tmp_path / "pictures", {**PICTURES, **never})
    done = call_cli(tmp_path, "--json", "add", "pictures", "--day", DAY)
    assert (len(done.value["added"]), done.value["refused"]) == (3, [])
    assert len(landed_files(tmp_path)) == 3


def test_the_state_folder_is_not_added_to_itself(tmp_path: Path) -> None:
    a_folder(tmp_path / "pictures", {"a.jpg": b"1"})
    (tmp_path / "imaging.toml").write_text('home = "pictures/state"\n')
    for _ in range(2):
        done = call_cli(tmp_path, "--json", "add", "pictures")
        assert len(done.value["added"] + done.value["skipped"]) == 1


@pytest.mark.skipif(os.name != "posix", reason="such names are impossible there")
def test_refused_names_are_listed_and_the_rest_goes_on(tmp_path: Path) -> None:
    a_folder(tmp_path / "pictures", {"a\\b.jpg": b"1", "line\nbreak.jpg": b"3", "_DSC0001.jpg": b"4"})
    (tmp_path / "pictures" / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"5")
    done = call_cli(tmp_path, "add", "pictures", "--day", DAY)
    assert done.code == 0
    assert list(landed_files(tmp_path)) == ["2026/03/02/_DSC0001.jpg"]
    assert "1 added (0.0 MB), 0 already there, 3 refused" in done.out
    assert "cannot be a blob's path. Rename the file" in done.out
    refused = call_cli(tmp_path, "--json", "add", "pictures", "--day", DAY).value["refused"]
    assert {entry["file"] for entry in refused} == {"a\\b.jpg", "line\nbreak.jpg", "caf\\udce9.jpg"}


def test_json_is_one_value_wherever_the_option_stands(tmp_path: Path) -> None:
    a_folder(tmp_path / "pictures", PICTURES)
    first, second = call_cli(tmp_path, "--json", "add", "pictures"), call_cli(tmp_path, "add", "pictures", "--json")
    assert first.value.keys() == second.value.keys() == {"day", "added", "skipped", "refused", "label_file"}
    assert first.value["label_file"].startswith("labels/add-")


def test_a_folder_that_is_missing_or_empty_is_a_clear_line(tmp_path: Path) -> None:
    a_folder(tmp_path / "hidden", {".a.jpg": b"1"})
    assert (
        call_cli(tmp_path, "add", "nowhere").complaint == "There is no folder nowhere. Give the folder that holds your pictures."
    )
    done = call_cli(tmp_path, "add", "hidden")
    assert (done.code, done.complaint) == (2, "hidden holds no file. Give the folder that holds your pictures.")
    assert not (tmp_path / ".imaging").exists()


@pytest.mark.parametrize("day", ["tomorrow", "2026-13-01", "02.03.2026"])
def test_what_is_no_day_is_a_clear_line(tmp_path: Path, day: str) -> None:
    a_folder(tmp_path / "pictures", PICTURES)
    done = call_cli(tmp_path, "add", "pictures", "--day", day)
    assert (done.code, done.complaint) == (2, f"{day!r} is not a day. Write it as 2026-11-19.")


def test_a_day_to_come_is_refused_because_no_run_could_take_it(tmp_path: Path) -> None:
    a_folder(tmp_path / "pictures", PICTURES)
    done = call_cli(tmp_path, "add", "pictures", "--day", f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}")
    assert done.code == 2
    assert done.complaint.endswith("Give today or a day before.")
    assert not (tmp_path / ".imaging").exists()


def test_the_first_day_is_remembered_and_moves_back_only(tmp_path: Path) -> None:
    a_folder(tmp_path / "pictures", PICTURES)
    for day, start in (("2026-03-05", "2026-03-05"), ("2026-03-02", "2026-03-02"), ("2026-03-09", "2026-03-02")):
        call_cli(tmp_path, "add", "pictures", "--day", day, "--again")
        assert f"start = {start}\n" in (tmp_path / ".imaging" / "imaging.toml").read_text("utf-8")


def test_originals_are_never_changed(tmp_path: Path) -> None:
    pictures = a_folder(tmp_path / "pictures", PICTURES)
    stamps = {path: path.stat().st_mtime_ns for path in pictures.rglob("*")}
    call_cli(tmp_path, "add", "pictures")
    assert {path: path.stat().st_mtime_ns for path in pictures.rglob("*")} == stamps


def test_add_works_from_the_console_with_another_state_folder(tmp_path: Path) -> None:
    a_folder(tmp_path / "pictures", PICTURES)
    done = run_cli(tmp_path, "add", "pictures", IMAGING_HOME="state")
    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "state" / "store" / Settings().places.landing).is_dir()
