"""`imaging-assets doctor` in profile embedded: what it looks at, and which exit code scripts get."""

from pathlib import Path

from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.cli.command_line import call_cli


def test_a_fresh_folder_is_well_and_says_how_to_begin(tmp_path: Path) -> None:
    done = call_cli(tmp_path, "doctor")
    assert done.code == 0, done.out
    assert "ok    sqlite: " in done.out
    assert "with FTS5" in done.out
    assert "libjpeg-turbo" in done.out
    assert "warn  store: " in done.out
    assert "imaging-assets add FOLDER" in done.out
    assert "2028" not in done.out


def test_days_before_the_first_partition_fail_and_labels_of_nothing_are_warned_of(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path / ".imaging")
    land(pipeline, {"a.jpg": a_picture(1, (64, 48))})
    land(pipeline, {"b.jpg": a_picture(2, (64, 48))}, "2019-05-04")
    state_labels(pipeline, {f"{DAY.replace('-', '/')}/a.jpg": "cat", "nobody.jpg": "dog"})
    run_chain(pipeline)

    done = call_cli(tmp_path, "doctor", "--json")

    rows = {row["what"]: row for row in done.value["checks"]}
    assert (done.code, done.value["failed"], done.value["warnings"]) == (1, 1, 1)
    assert rows["partitions.start"]["remedy"] == "Set partitions.start to 2019-05-04 in imaging.toml."
    assert rows["labels"]["state"] == "warn"
    assert "labels.csv:3 'nobody.jpg'" in rows["labels"]["detail"]


def test_a_state_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / ".imaging").write_text("a file")
    done = call_cli(tmp_path, "doctor")
    assert done.code == 1
    assert "fail  state folder: " in done.out
