"""The checker of HTTP exchanges agrees with Microsoft's published examples and finds what is wrong."""

from collections.abc import Iterator
from json import loads
from pathlib import Path
from typing import Any

import pytest

from imaging_assets_tests.azure.openapi import SPECS, Contract

pytestmark = pytest.mark.skipif(
    not SPECS.is_dir(), reason="Microsoft's OpenAPI files are not beside the repository (../shared/specs)"
)

TRAINING = SPECS / "customvision" / "Training-v3.4-preview" / "Training.json"
PREDICTION = SPECS / "customvision" / "Prediction-v3.1" / "Prediction.json"

WRONG_EXAMPLES = {"QuerySuggestedImages", "GetTaggedImageCount", "GetUntaggedImageCount", "GetImagePerformanceCount"}
"""Published examples that contradict the published schema: counts in quotes, a token without required parts."""

PROJECT = "/projects/00000000-0000-0000-0000-000000000000"


def examples(file: Path) -> Iterator[tuple[str, str, str, int, Any]]:
    """Operation, method, path, status and body of every example answer."""
    for template, item in loads(file.read_text(encoding="utf-8-sig"))["paths"].items():
        for method, operation in item.items():
            for example in operation.get("x-ms-examples", {}).values():
                told = loads((file.parent / example["$ref"]).read_text(encoding="utf-8-sig"))
                path = template
                for name, value in told["parameters"].items():
                    path = path.replace(f"{{{name}}}", str(value))
                for status, answer in told["responses"].items():
                    yield operation["operationId"], method, path, int(status), answer.get("body")


@pytest.mark.parametrize(("file", "at_least"), [(TRAINING, 50), (PREDICTION, 8)], ids=["training", "prediction"])
def test_published_examples_hold_except_those_that_contradict_their_own_schema(file: Path, at_least: int) -> None:
    contract = Contract(file)
    checked = [(name, contract.response_faults(*exchange)) for name, *exchange in examples(file)]
    assert len(checked) >= at_least
    assert {name for name, faults in checked if faults} <= WRONG_EXAMPLES


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        pytest.param(
            200, [{"id": "x", "name": "cat", "type": "Regular", "description": None, "imageCount": 1}], "uuid", id="no uuid"
        ),
        pytest.param(200, [{"name": "cat", "colour": "red", "type": "Regular"}], "colour", id="unknown property"),
        pytest.param(200, {"tags": []}, "not of type 'array'", id="wrong type"),
        pytest.param(202, [], "never answers 202", id="wrong status"),
        pytest.param(400, {"error": "no"}, "code", id="wrong error"),
    ],
)
def test_a_wrong_answer_is_found(status: int, body: object, fault: str) -> None:
    assert fault in " ".join(Contract(TRAINING).response_faults("GET", f"{PROJECT}/tags", status, body))


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "fault"),
    [
        pytest.param("GET", f"{PROJECT}/tigers", {}, None, "no operation", id="unknown path"),
        pytest.param("POST", f"{PROJECT}/tags", {}, None, "name is missing", id="missing parameter"),
        pytest.param(
            "POST", f"{PROJECT}/tags", {"name": ["a"], "x": ["1"]}, None, "no query parameter x", id="unknown parameter"
        ),
        pytest.param("GET", f"{PROJECT}/images", {"take": ["257"]}, None, "maximum", id="too many"),
        pytest.param("POST", f"{PROJECT}/images/files", {}, None, "body is missing", id="no body"),
        pytest.param("POST", f"{PROJECT}/images/files", {}, {"images": [], "tags": []}, "tags", id="unknown part of the body"),
        pytest.param("POST", f"{PROJECT}/quicktest/image", {}, {}, "imageData", id="no file"),
    ],
)
def test_a_wrong_request_is_found(method: str, path: str, query: dict[str, list[str]], body: object, fault: str) -> None:
    assert fault in " ".join(Contract(TRAINING).request_faults(method, path, query, {}, body))
