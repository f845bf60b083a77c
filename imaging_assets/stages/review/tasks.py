"""The files people open: pre-annotated Label Studio tasks, the labelling set-up that fits them, and CSV.

Belongs here: formats, rows in, text out. Does not: which images (`ranking`), reading what comes back (`stages/manifests`).

A task's `data` carries `sha256` and `path`, so what Label Studio exports finds its image again wherever it has moved. In the CSV a
person fills in the column `tags`; the file is then a label file as it is. Source of the shapes: Label Studio's guides "Import
pre-annotated data" and "Label Studio task format".
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from imaging_assets.records.models import ClassificationKind
from imaging_assets.stages.manifests.formats import csv_file

Row = Mapping[str, Any]

IMAGE, CHOICES, BOXES = "image", "tag", "box"
"""Names of the three controls, the same in set-up and tasks: the picture, tags of the whole, tags of boxes."""

COLUMNS = ("path", "tags", "sha256", "rank", "day", "reason", "score", "labelled", "predicted", "probability", "image")

_SHOWN_BOX = 0.3
"""Least probability of a box worth correcting rather than drawing anew."""

_HAS_TAG = 0.5


def label_studio_tasks(rows: Iterable[Row], image_url: str) -> list[dict[str, Any]]:
    """A task per row of `review_queues`, in order.

    Args:
        rows: With their `day`, and their `address` where they have one of their own.
        image_url: Where Label Studio finds the others; `{path}` stands for the resized image's path in the store.
    """
    return [
        {
            "data": {
                IMAGE: _url(row, image_url),
                "sha256": row["sha256"],
                "path": row["path"],
                "day": row["day"],
                "rank": row["rank"],
                "reason": row["reason"],
                "labelled": ", ".join(row["tags"]),
            },
            "predictions": [_prediction(row)],
        }
        for row in rows
    ]


def labelling_setup(tags: Sequence[str], kind: ClassificationKind, *, boxes: bool) -> str:
    """What to paste into a Label Studio project under Labeling Interface, Code."""
    if boxes:
        control, item, options = "RectangleLabels", "Label", f'name="{BOXES}" toName="{IMAGE}"'
    else:
        choice = "single" if kind == "multiclass" else "multiple"
        control, item, options = "Choices", "Choice", f'name="{CHOICES}" toName="{IMAGE}" choice="{choice}" showInline="true"'
    lines = [f"    <{item} value={quoteattr(tag)}/>" for tag in tags]
    return "\n".join(
        [
            "<View>",
            f'  <Image name="{IMAGE}" value="${IMAGE}" zoom="true"/>',
            '  <Header value="$reason $labelled" size="6"/>',
            f"  <{control} {options}>",
            *lines,
            f"  </{control}>",
            "</View>",
            "",
        ]
    )


def csv_text(rows: Iterable[Row], image_url: str) -> str:
    """The rows as CSV with a header; no cell is a formula to a spreadsheet."""
    target = io.StringIO()
    writer = csv.DictWriter(target, COLUMNS)
    writer.writeheader()
    for row in rows:
        first = next(iter(row["predictions"]), {"tag": "", "probability": 0.0})
        cells = {
            **{name: row[name] for name in ("path", "sha256", "rank", "day", "reason")},
            "tags": "",
            "score": f"{row['score']:.3f}",
            "labelled": "|".join(row["tags"]),
            "predicted": first["tag"],
            "probability": f"{first['probability']:.3f}",
            "image": _url(row, image_url),
        }
        writer.writerow({name: csv_file.guarded(str(value)) for name, value in cells.items()})
    return target.getvalue()


def _url(row: Row, image_url: str) -> str:
    return row.get("address") or image_url.replace("{path}", quote(row["resized"]))


def _prediction(row: Row) -> dict[str, Any]:
    result = _boxes(row) if row["predictions"] and row["predictions"][0]["box"] else _choices(row)
    score = max((prediction["probability"] for prediction in row["predictions"]), default=0.0)
    return {"model_version": row["model_id"], "score": round(score, 4), "result": result}


def _choices(row: Row) -> list[dict[str, Any]]:
    if row["kind"] == "multiclass":
        chosen = [prediction["tag"] for prediction in row["predictions"][:1]]
    else:
        chosen = [prediction["tag"] for prediction in row["predictions"] if prediction["probability"] >= _HAS_TAG]
    result = {"id": CHOICES, "from_name": CHOICES, "to_name": IMAGE, "type": "choices", "value": {"choices": chosen}}
    return [result] if chosen else []


def _boxes(row: Row) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{BOXES}-{number}",
            "from_name": BOXES,
            "to_name": IMAGE,
            "type": "rectanglelabels",
            "original_width": row["width"],
            "original_height": row["height"],
            "image_rotation": 0,
            "score": round(prediction["probability"], 4),
            "value": {**_percent(prediction["box"]), "rotation": 0, "rectanglelabels": [prediction["tag"]]},
        }
        for number, prediction in enumerate(row["predictions"])
        if prediction["probability"] >= _SHOWN_BOX
    ]


def _percent(box: Mapping[str, Any]) -> dict[str, float]:
    names = {"x": "left", "y": "top", "width": "width", "height": "height"}
    return {name: round(100 * float(box[ours]), 4) for name, ours in names.items()}
