"""`review export`: the loop's way out, and the CSV's way back."""

import csv
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import DAY, a_pipeline
from imaging_assets_tests.cli.command_line import call_cli
from imaging_assets_tests.stages.manifests.days import follow_labels, sha, tag, tags_of
from imaging_assets_tests.stages.review.days import a_predicted_day, queue

ANSWERS = {"half": {"cat": 0.5, "dog": 0.5}, "sure": {"cat": 0.98, "dog": 0.02}, "=1+1": {"cat": 0.6, "dog": 0.4}}


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """A day with three questions, in the default state folder."""
    made = a_pipeline(tmp_path / ".imaging")
    a_predicted_day(made, tmp_path / ".imaging", ANSWERS)
    queue(made)
    return made


@pytest.mark.usefixtures("pipeline")
def test_tasks_and_a_set_up_that_fits_them_are_written(tmp_path: Path) -> None:
    done = call_cli(tmp_path, "review", "export", "tasks.json", "--top", "2")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == (
        "2 images of 1 day -> tasks.json: 1 least certain, 1 most different; 1 more with a larger --top"
    )
    assert "Code takes tasks.xml; Import takes tasks.json" in done.out
    tasks = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    assert [task["data"]["sha256"] for task in tasks] == [sha("half"), sha("sure")]
    setup = ET.fromstring((tmp_path / "tasks.xml").read_text(encoding="utf-8"))  # noqa: S314 - our own text
    assert [choice.get("value") for choice in setup.iter("Choice")] == ["cat", "dog"]


@pytest.mark.usefixtures("pipeline")
def test_a_folder_has_no_addresses_to_sign(tmp_path: Path) -> None:
    done = call_cli(tmp_path, "review", "export", "tasks.json", "--signed-days", "1")
    assert done.code != 0
    assert "which has no addresses to sign. Leave the option out" in done.err
    assert not (tmp_path / "tasks.json").exists()


def test_the_csv_comes_back_as_labels(pipeline: Pipeline, tmp_path: Path) -> None:
    assert call_cli(tmp_path, "review", "export", "queue.csv").code == 0
    with (tmp_path / "queue.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["tags"] = "cow"
    with (tmp_path / ".imaging/store/labels/back.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    follow_labels(pipeline)
    tag(pipeline)
    assert tags_of(pipeline) == {f"{content}.jpg": ["cow"] for content in ANSWERS}

    again = call_cli(tmp_path, "review", "export", "again.csv")
    assert again.out.startswith("nothing to ask about 1 day; 3 left out, settled since.")
    assert not (tmp_path / "again.csv").exists()


def answered(tasks: list[dict[str, Any]], choice: str, at: str) -> str:
    """The tasks as Label Studio exports them when a person chose the same tag for all."""
    for number, task in enumerate(tasks, 1):
        [prediction] = task.pop("predictions")
        result = [control | {"value": {"choices": [choice]}} for control in prediction["result"]]
        annotation = {
            "id": number,
            "completed_by": 1,
            "result": result,
            "was_cancelled": False,
            "created_at": at,
            "updated_at": at,
        }
        task |= {"id": number, "annotations": [annotation], "predictions": [number], "project": 1, "meta": {}}
    return json.dumps(tasks)


def test_what_label_studio_exports_comes_back_as_labels(pipeline: Pipeline, tmp_path: Path) -> None:
    call_cli(tmp_path, "review", "export", "tasks.json", "--top", "2")
    tasks = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    back = answered(tasks, "cow", "2026-11-20T12:00:00.000000Z")
    (tmp_path / ".imaging/store/labels/back.json").write_text(back, encoding="utf-8")
    follow_labels(pipeline)
    tag(pipeline)
    assert tags_of(pipeline) == {"half.jpg": ["cow"], "sure.jpg": ["cow"], "=1+1.jpg": []}

    value = call_cli(tmp_path, "review", "export", "again.json", "--json").value
    assert (value["images"], value["settled"]) == (1, 2)


@pytest.mark.usefixtures("pipeline")
def test_the_format_may_be_named_whatever_the_file_is_called(tmp_path: Path) -> None:
    value = call_cli(tmp_path, "review", "export", "queue.txt", "--format", "csv", "--json").value
    assert value == {
        "files": ["queue.txt"],
        "images": 3,
        "reasons": {"least certain": 2, "most different": 1},
        "days": 1,
        "settled": 0,
        "more": 0,
    }
    assert (tmp_path / "queue.txt").read_bytes().startswith(b"\xef\xbb\xbfpath,tags,sha256,")


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere/tasks.json"], "nowhere/tasks.json cannot be written: No such file or directory."),
        (["tasks.json", "--since", DAY, "--until", "2026-03-01"], f"--since {DAY} is after --until 2026-03-01."),
        (["tasks.json", "--format", "pdf"], "Invalid value for '--format'"),
        (["tasks.json", "--top", "0"], "Invalid value for '--top'"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    done = call_cli(tmp_path, "review", "export", *arguments)
    assert done.code == 2
    assert done.complaint.startswith(complaint)
    assert list(tmp_path.glob("tasks*")) == []


def test_without_a_store_nothing_is_made(tmp_path: Path) -> None:
    assert call_cli(tmp_path, "review", "export", "tasks.json").code == 1
    assert list(tmp_path.iterdir()) == []
