"""The local Custom Vision says on the wire what recordings of the real one say."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from imaging_assets_tests.azure.custom_vision_server import CustomVisionServer
from imaging_assets_tests.azure.custom_vision_server.server import TRAINING
from imaging_assets_tests.embedded.pictures import plain


@pytest.fixture
def server() -> Iterator[CustomVisionServer]:
    with CustomVisionServer() as running:
        yield running


def ask(
    server: CustomVisionServer, method: str, path: str, body: object = None, key: str | None = None
) -> tuple[int, Any, dict[str, str]]:
    """Status, parsed body and headers, whatever the status."""
    headers = {"Training-key": key or server.training_key, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(f"{server.endpoint}{TRAINING}{path}", data, headers, method=method)) as answer:  # noqa: S310
            text = answer.read()
            return answer.status, json.loads(text) if text else None, dict(answer.headers)
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read()), dict(error.headers)


def test_a_new_project_is_multilabel_and_general(server: CustomVisionServer) -> None:
    _, project, headers = ask(server, "POST", "/projects?name=Test%20Project")
    assert (project["settings"]["classificationType"], project["description"]) == ("Multilabel", "")
    assert project["settings"]["domainId"] == "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z", project["created"])
    assert headers["Request-Id"] == headers["apim-request-id"]


def test_empty_parts_of_an_image_are_absent_and_times_have_no_zone(server: CustomVisionServer) -> None:
    _, project, _ = ask(server, "POST", "/projects?name=a")
    contents = b64encode(plain(["red"], 1)[0].data).decode()
    _, answer, _ = ask(
        server, "POST", f"/projects/{project['id']}/images/files", {"images": [{"name": "a.jpg", "contents": contents}]}
    )
    (result,) = answer["images"]
    assert (result["sourceUrl"], result["status"]) == ('"a.jpg"', "OK")
    assert result["image"].keys() & {"tags", "regions", "metadata"} == set()
    assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{7}", result["image"]["created"])


def test_the_second_upload_of_the_same_bytes_is_a_duplicate_in_a_207(server: CustomVisionServer) -> None:
    _, project, _ = ask(server, "POST", "/projects?name=a")
    _, tag, _ = ask(server, "POST", f"/projects/{project['id']}/tags?name=red")
    contents = b64encode(plain(["red"], 1)[0].data).decode()
    path = f"/projects/{project['id']}/images/files"
    _, first, _ = ask(server, "POST", path, {"images": [{"name": "a", "contents": contents}]})
    status, second, _ = ask(server, "POST", path, {"images": [{"name": "b", "contents": contents, "tagIds": [tag["id"]]}]})
    (duplicate,) = second["images"]
    assert (status, second["isBatchSuccessful"], duplicate["status"]) == (207, False, "OKDuplicate")
    assert duplicate["image"]["id"] == first["images"][0]["image"]["id"]
    assert [(given["tagId"], given["tagName"]) for given in duplicate["image"]["tags"]] == [(tag["id"], None)]


def test_a_wrong_key_is_refused_in_the_form_of_the_gateway(server: CustomVisionServer) -> None:
    status, answer, _ = ask(server, "GET", "/projects", key="wrong")
    assert (status, answer["error"]["code"]) == (401, "401")


def test_an_unknown_project_is_refused_in_the_form_of_the_service(server: CustomVisionServer) -> None:
    status, answer, _ = ask(server, "GET", "/projects/00000000-0000-0000-0000-000000000000/tags")
    assert (status, answer["code"]) == (404, "NotFoundProject")


def test_too_few_images_are_not_trained_on(server: CustomVisionServer) -> None:
    _, project, _ = ask(server, "POST", "/projects?name=a&classificationType=Multiclass")
    status, answer, _ = ask(server, "POST", f"/projects/{project['id']}/train")
    assert (status, answer["code"]) == (400, "BadRequestMultiClassClassificationTrainingValidationFailed")
