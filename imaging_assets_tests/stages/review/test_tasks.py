"""The files people open: what Label Studio imports, what a spreadsheet shows."""

import csv
import io
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from imaging_assets.stages.manifests.formats import LabelFile, csv_file
from imaging_assets.stages.manifests.sources import apart
from imaging_assets.stages.review.tasks import csv_text, label_studio_tasks, labelling_setup

LOCAL = "/data/local-files/?d={path}"
BOX = {"tag": "cat", "left": 0.25, "top": 0.5, "width": 0.5, "height": 0.125}


def a_row(**facts: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "rank": 1,
        "day": "2026-03-02",
        "sha256": "a" * 64,
        "path": "landing/2026/03/02/a.jpg",
        "resized": "resized/aa/a b.jpg",
        "width": 640,
        "height": 480,
        "reason": "least certain",
        "score": 0.9,
        "tags": [],
        "predictions": [{"tag": "cat", "probability": 0.6, "box": None}, {"tag": "dog", "probability": 0.55, "box": None}],
        "kind": "multiclass",
        "model_id": "20260302-0123abcd",
    }
    return row | facts


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own text


def test_a_task_carries_what_it_takes_to_find_the_image_again() -> None:
    (task,) = label_studio_tasks([a_row(tags=["cow"])], LOCAL)
    assert task["data"] == {
        "image": "/data/local-files/?d=resized/aa/a%20b.jpg",
        "sha256": "a" * 64,
        "path": "landing/2026/03/02/a.jpg",
        "day": "2026-03-02",
        "rank": 1,
        "reason": "least certain",
        "labelled": "cow",
    }


@pytest.mark.parametrize(("kind", "chosen"), [("multiclass", ["cat"]), ("multilabel", ["cat", "dog"])])
def test_the_model_s_answer_is_a_prediction_of_the_set_up_s_control(kind: str, chosen: list[str]) -> None:
    (task,) = label_studio_tasks([a_row(kind=kind)], LOCAL)
    (prediction,) = task["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("20260302-0123abcd", 0.6)
    (result,) = prediction["result"]
    assert result["value"] == {"choices": chosen}
    control = parsed(labelling_setup(["cat", "dog"], "multilabel", boxes=False)).find("Choices")
    assert control is not None
    assert (result["from_name"], result["to_name"]) == (control.get("name"), control.get("toName"))


def test_boxes_are_percentages_of_the_image_that_is_shown() -> None:
    sure, unsure = {"tag": "cat", "probability": 0.9, "box": BOX}, {"tag": "dog", "probability": 0.1, "box": BOX}
    (task,) = label_studio_tasks([a_row(predictions=[sure, unsure])], LOCAL)
    (result,) = task["predictions"][0]["result"]
    expected = {"x": 25.0, "y": 50.0, "width": 50.0, "height": 12.5, "rotation": 0, "rectanglelabels": ["cat"]}
    assert result["value"] == expected
    assert (result["original_width"], result["original_height"], result["score"]) == (640, 480, 0.9)
    control = parsed(labelling_setup(["cat"], "multilabel", boxes=True)).find("RectangleLabels")
    assert control is not None
    assert (result["from_name"], result["to_name"]) == (control.get("name"), control.get("toName"))


def test_a_set_up_offers_every_tag_whatever_its_letters() -> None:
    tags = ["cat & dog", 'a "quoted" <tag>', "äöü", "'"]
    root = parsed(labelling_setup(tags, "multiclass", boxes=False))
    assert [item.get("value") for item in root.iter("Choice")] == tags


def test_the_csv_is_a_label_file_once_its_tags_are_filled_in() -> None:
    text = csv_text([a_row(), a_row(sha256="b" * 64, path="landing/2026/03/02/b, c.jpg")], LOCAL)
    filled = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["predicted"] for row in filled] == ["cat", "cat"]
    for row, tags in zip(filled, ("cow", "cow|cat"), strict=True):
        row["tags"] = tags
    back = io.StringIO()
    writer = csv.DictWriter(back, filled[0])
    writer.writeheader()
    writer.writerows(filled)
    statements, rejected = apart(csv_file.read(LabelFile("labels/back.csv", back.getvalue().encode("utf-8-sig"), "|")))
    assert rejected == []
    assert [(said.sha256, said.path, said.tags) for said in statements] == [
        ("a" * 64, "landing/2026/03/02/a.jpg", ("cow",)),
        ("b" * 64, "landing/2026/03/02/b, c.jpg", ("cat", "cow")),
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(start: str) -> None:
    bad = f"{start}HYPERLINK(1)"
    row = a_row(path=bad, tags=[bad], predictions=[{"tag": bad, "probability": 1.0, "box": None}])
    (cells,) = csv.DictReader(io.StringIO(csv_text([row], LOCAL), newline=""))
    assert {name for name, cell in cells.items() if cell.startswith(start)} == set()
    assert cells["path"] == f"'{bad}"
