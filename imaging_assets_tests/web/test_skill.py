"""The custom skill: every record answered, none spoilt by another, one contract for all steps."""

import io
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from typing_extensions import override

from imaging_assets.errors import SettingsError
from imaging_assets.ports.analyzer import FunctionAnalyzer
from imaging_assets.records.predictions import Scored
from imaging_assets.settings import Settings
from imaging_assets.stages.insights.plan import Plan
from imaging_assets.stages.insights.plan import Step as PlannedStep
from imaging_assets.stages.insights.vectors import embed_query
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.web.app import create_app
from imaging_assets_tests.builders import a_picture, a_pipeline
from imaging_assets_tests.embedded.pictures import plain
from imaging_assets_tests.web.servers import COLOURS, HEADERS, KEY, Waiting, a_call, a_server, a_trained_pipeline, text_of

RED, GREEN, BLUE = (plain([colour], 1)[0].data for colour in COLOURS)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return a_trained_pipeline(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def client(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with a_server(pipeline, tmp_path_factory.mktemp("served")) as client:
        yield client


def answers(client: TestClient, call: Any, url: str = "/api/extraction", **headers: str) -> list[dict[str, Any]]:
    response = client.post(url, json=call, headers={**HEADERS, **headers})
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    values: list[dict[str, Any]] = response.json()["values"]
    assert all(sorted(value) == ["data", "errors", "recordId", "warnings"] for value in values)
    assert all(isinstance(value[name], list) for value in values for name in ("errors", "warnings"))
    return values


def test_an_old_skillset_gets_its_label_and_more(client: TestClient) -> None:
    image = {"$type": "file", "data": text_of(RED), "width": 64, "height": 64, "contentType": "image/jpeg"}
    (value,) = answers(client, a_call(image, name="images"))
    assert (value["recordId"], value["errors"], value["warnings"]) == ("0", [], [])
    assert (value["data"]["amllabel"], value["data"]["label"], value["data"]["model_id"]) == ("red", "red", "m1")
    assert value["data"]["confidence"] == value["data"]["scores"][0]["probability"] > 0.5
    assert sorted(score["tag"] for score in value["data"]["scores"]) == sorted(COLOURS)


def test_every_record_is_answered_in_order_whatever_the_others_hold(client: TestClient) -> None:
    bad: list[Any] = ["", None, 7, "no base64!", text_of(b"no image"), text_of(RED[:200]), {"data": None}, [text_of(RED)] * 2, {}]
    values = answers(client, a_call(text_of(RED), *bad, text_of(GREEN)))
    assert [value["recordId"] for value in values] == [str(number) for number in range(len(bad) + 2)]
    assert [value["data"].get("amllabel") for value in values] == ["red", *[None] * len(bad), "green"]
    assert all(len(value["errors"]) == 1 and value["data"] == {} for value in values[1:-1])
    assert all(value["errors"][0]["message"].endswith(".") for value in values[1:-1])


@pytest.mark.parametrize(
    ("record", "record_id", "told"),
    [
        ({"recordId": "a"}, "a", 'no object "data"'),
        ({"recordId": "a", "data": []}, "a", 'no object "data"'),
        ({"recordId": "a", "data": {}}, "a", "has no image"),
        ({"data": {"image": "x"}}, "", "no recordId"),
        ({"recordId": 5, "data": {}}, "5", "has no image"),
        ("record", "", "no recordId"),
        (None, "", "no recordId"),
    ],
)
def test_a_record_that_is_none_has_an_answer_too(client: TestClient, record: Any, record_id: str, told: str) -> None:
    odd, good = answers(client, {"values": [record, {"recordId": "good", "data": {"image": text_of(BLUE)}}]})
    assert odd["recordId"] == record_id
    assert told in odd["errors"][0]["message"]
    assert good["data"]["label"] == "blue"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_call_may_have_any_number_of_records(client: TestClient, count: int) -> None:
    assert [value["data"]["label"] for value in answers(client, a_call(*[text_of(RED)] * count))] == ["red"] * count


def test_records_of_one_id_are_each_answered(client: TestClient) -> None:
    call = {"values": [{"recordId": "x", "data": {"image": text_of(image)}} for image in (RED, BLUE)]}
    assert [(value["recordId"], value["data"]["label"]) for value in answers(client, call)] == [("x", "red"), ("x", "blue")]


@pytest.mark.parametrize("name", ["image", "images", "file_data", "url"])
@pytest.mark.parametrize("form", [text_of(RED), {"data": text_of(RED)}, f"data:image/jpeg;base64,{text_of(RED)}", [text_of(RED)]])
def test_an_image_may_have_several_names_and_forms(client: TestClient, name: str, form: Any) -> None:
    assert answers(client, a_call(form, name=name))[0]["data"]["label"] == "red"


def test_answers_are_those_of_the_pipeline_for_an_image_that_lies_on_its_side(client: TestClient, pipeline: Pipeline) -> None:
    exif = Image.Exif()
    exif[274] = 6
    image = a_picture(3, (400, 200), exif=exif)
    upright = Image.open(io.BytesIO(image)).transpose(Image.Transpose.ROTATE_270)
    plain_bytes = io.BytesIO()
    upright.save(plain_bytes, "PNG")
    sideways, straight, raw = (
        answers(client, a_call(text_of(data)))[0]["data"]["scores"]
        for data in (image, plain_bytes.getvalue(), a_picture(3, (400, 200)))
    )
    assert {score["tag"]: score["probability"] for score in sideways} == pytest.approx(
        {score["tag"]: score["probability"] for score in straight}, abs=0.05
    )
    assert pipeline.predictor.predict("m1", [a_picture(3, (400, 200))])[0].predictions[0].probability == raw[0]["probability"]


def test_a_vector_is_the_one_of_the_index(client: TestClient, pipeline: Pipeline) -> None:
    image = a_picture(5, (700, 500))
    (value,) = answers(client, a_call(text_of(image)), "/api/skill/image_vectors")
    assert value["data"]["embedding_id"] == pipeline.embedder.embedding_id
    assert value["data"]["vector"] == pytest.approx(embed_query(pipeline, image).tolist(), abs=1e-6)


def test_steps_are_listed_with_examples_of_what_they_answer(client: TestClient) -> None:
    steps = client.get("/api/skill", headers=HEADERS).json()["steps"]
    assert {step["name"] for step in steps} >= {"predictions", "image_vectors"}
    for step in steps:
        (value,) = answers(client, a_call(text_of(RED)), step["url"])
        assert value["data"].keys() == step["example"].keys()


def test_an_unknown_step_is_told_the_known_ones(client: TestClient) -> None:
    response = client.post("/api/skill/faces_of_cats", json=a_call(), headers=HEADERS)
    assert response.status_code == 404
    assert "predictions" in response.json()["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"values": {}}', b'"x"', b"\xff", b'{"values": 5}', b"[" * 10_000])
def test_a_body_that_is_no_call_is_refused_whole(client: TestClient, body: bytes) -> None:
    response = client.post("/api/extraction", content=body, headers=HEADERS)
    assert response.status_code == 400
    assert "values" in response.json()["detail"]


@pytest.mark.parametrize(
    "given", [{}, {"Ocp-Apim-Subscription-Key": "wrong"}, {"Ocp-Apim-Subscription-Key": ""}, {"Authorization": "Bearer x"}]
)
@pytest.mark.parametrize("url", ["/api/extraction", "/api/skill/predictions", "/api/skill/nothing"])
def test_without_the_key_nothing_is_answered(client: TestClient, url: str, given: dict[str, str]) -> None:
    response = client.post(url, json=a_call(text_of(RED)), headers=given)
    assert (response.status_code, response.json()) == (403, {"detail": "Key not present"})


def test_the_key_may_come_as_a_bearer_token(client: TestClient) -> None:
    assert client.post("/api/extraction", json=a_call(), headers={"Authorization": f"Bearer {KEY}"}).status_code == 200


def test_too_many_records_or_bytes_are_refused_with_the_remedy(pipeline: Pipeline, tmp_path: Path) -> None:
    with a_server(pipeline, tmp_path, max_records=2, max_body_bytes=5000, max_image_bytes=1000) as client:
        many = client.post("/api/extraction", json=a_call("a", "b", "c"), headers=HEADERS)
        large = client.post("/api/extraction", json=a_call("a" * 6000), headers=HEADERS)
        chunked = client.post("/api/extraction", content=iter([b'{"values": ["', b"a" * 6000, b'"]}']), headers=HEADERS)
        (image,) = answers(client, a_call("a" * 2000))
    assert (many.status_code, large.status_code, chunked.status_code) == (400, 413, 413)
    assert all("batchSize" in response.json()["detail"] for response in (many, large, chunked))
    assert "serve.max_image_bytes" in image["errors"][0]["message"]


def test_a_bomb_is_one_records_error(client: TestClient) -> None:
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    jpeg = bytearray(a_picture(1, (64, 64)))
    start = jpeg.index(b"\xff\xc0")
    jpeg[start + 5 : start + 9] = b"\xff\xf0\xff\xf0"  # says that it is 65,520 pixels wide and high
    png, tall, good = answers(client, a_call(text_of(bomb.getvalue()), text_of(bytes(jpeg)), text_of(GREEN)))
    assert "too many pixels" in png["errors"][0]["message"]
    assert "too many pixels" in tall["errors"][0]["message"]
    assert good["data"]["label"] == "green"


def test_records_not_reached_in_time_say_so_and_the_others_are_answered(pipeline: Pipeline, tmp_path: Path) -> None:
    class Stuck(Waiting):
        """Answers what the server asks at its start, and the first record."""

        asked = 0
        freed = Event()

        @override
        def predict(self, model_id: str, images: Sequence[bytes]) -> list[Scored]:
            self.asked += 1
            assert self.asked <= 2 or self.freed.wait(60)
            return self.inner.predict(model_id, images)

    stuck = Stuck(pipeline.predictor, 0)
    with a_server(
        replace(pipeline, predictor=stuck), tmp_path, workers=1, batch=1, answer_seconds=3, follow_model=False
    ) as client:
        first, *_, last = answers(client, a_call(*[text_of(RED)] * 5))
        stuck.freed.set()
    assert first["data"]["label"] == "red"
    assert "Not reached within 3 s" in last["errors"][0]["message"]


def test_a_caller_may_tell_its_own_timeout(pipeline: Pipeline, tmp_path: Path) -> None:
    slow = replace(pipeline, predictor=Waiting(pipeline.predictor, 0.8))
    with a_server(slow, tmp_path) as client:
        (late,) = answers(client, a_call(text_of(RED)), **{"Imaging-Timeout-Seconds": "1.2"})
        (long,) = answers(client, a_call(text_of(RED)), **{"Imaging-Timeout-Seconds": "60"})
    assert (late["errors"][0]["message"].startswith("Not reached within 0.5 s"), long["data"]["label"]) == (True, "red")


def test_a_step_that_breaks_costs_only_its_own_records(
    pipeline: Pipeline, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Waiting):
        @override
        def predict(self, model_id: str, images: Sequence[bytes]) -> list[Scored]:
            if images[0] == RED:
                raise RuntimeError("secret")
            return self.inner.predict(model_id, images)

    breaking = replace(pipeline, predictor=Broken(pipeline.predictor, 0))
    with a_server(breaking, tmp_path, batch=1) as client, caplog.at_level(logging.ERROR):
        broken, good = answers(client, a_call(text_of(RED), text_of(BLUE)))
    assert (good["data"]["label"], broken["data"]) == ("blue", {})
    assert "secret" not in broken["errors"][0]["message"]
    assert "RuntimeError" in broken["errors"][0]["message"]
    assert "a step failed" in caplog.text


def test_answers_less_sure_than_wanted_carry_a_warning(pipeline: Pipeline, tmp_path: Path) -> None:
    with a_server(pipeline, tmp_path, warn_below=1.0) as client:
        (value,) = answers(client, a_call(text_of(a_picture(9))))
    assert (value["errors"], len(value["warnings"])) == ([], 1)


def test_liveness_says_nothing_of_the_model_and_readiness_does(client: TestClient, tmp_path: Path) -> None:
    assert client.get("/api/ready").json()["model_id"] == "m1"
    with a_server(a_pipeline(tmp_path / "empty"), tmp_path) as empty:
        assert empty.get("/api/healthcheck").status_code == 200
        not_ready = empty.get("/api/ready")
        assert (not_ready.status_code, not_ready.headers["retry-after"]) == (503, "5")
        assert "No model has been published yet." in not_ready.json()["reason"]
        assert "imaging-assets run" in answers(empty, a_call(text_of(RED)))[0]["errors"][0]["message"]
        assert answers(empty, a_call(text_of(RED)), "/api/skill/image_vectors")[0]["errors"] == []


def test_every_answer_has_a_request_id_and_takes_a_harmless_one_of_the_caller(client: TestClient) -> None:
    own = client.get("/api/healthcheck", headers={"x-ms-client-request-id": "abcd-1234-efgh"}).headers["x-request-id"]
    made = [
        client.get("/api/healthcheck", headers={"X-Request-ID": 'a"\n{}'.replace("\n", "")}).headers["x-request-id"]
        for _ in range(2)
    ]
    assert own == "abcd-1234-efgh"
    assert len(set(made)) == 2


def test_metrics_count_records_by_outcome_and_need_the_key(pipeline: Pipeline, tmp_path: Path) -> None:
    with a_server(pipeline, tmp_path) as client:
        answers(client, a_call(text_of(RED), "x"))
        text = client.get("/metrics", headers=HEADERS).text
        assert client.get("/metrics").status_code == 403
    assert 'imaging_skill_records_total{outcome="answered",step="predictions"} 1.0' in text
    assert 'imaging_skill_records_total{outcome="failed",step="predictions"} 1.0' in text
    assert 'imaging_requests_total{method="POST",route="/api/extraction",status="200"} 1.0' in text
    assert 'imaging_model_info{model_id="m1"} 1.0' in text


def test_log_lines_hold_facts_and_neither_image_nor_key(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answers(client, a_call(text_of(RED), "not-base64-payload"))
    (line,) = (record for record in caplog.records if record.name == "imaging_assets.web.requests")
    facts = vars(line)["facts"]
    assert {name: facts[name] for name in ("route", "status", "records", "failed", "model_id")} == {
        "route": "/api/extraction",
        "status": 200,
        "records": 2,
        "failed": 1,
        "model_id": "m1",
    }
    told = json.dumps([vars(record) for record in caplog.records], default=str)
    assert not any(secret in told for secret in (text_of(RED)[:40], "not-base64-payload", KEY))


def test_a_published_model_that_is_not_there_leaves_the_old_one_serving(tmp_path: Path) -> None:
    pipeline = a_trained_pipeline(tmp_path / "store")
    with a_server(pipeline, tmp_path, model_check_seconds=0.02) as client:
        Registry(pipeline.store).publish("gone", "a mistake")
        while not (ready := client.get("/api/ready").json())["reason"]:
            pass
        assert (ready["model_id"], answers(client, a_call(text_of(RED)))[0]["data"]["model_id"]) == ("m1", "m1")
        assert "gone" in ready["reason"]


@pytest.mark.parametrize("serve", [{"host": "0.0.0.0"}, {"editing": True}])  # noqa: S104 - that is the point
def test_a_server_that_needs_a_key_does_not_start_without_one(pipeline: Pipeline, tmp_path: Path, serve: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="IMAGING_SERVE__KEY"):
        create_app(Settings(home=tmp_path, serve=serve), pipeline)


def test_a_page_elsewhere_cannot_reach_this_machines_server_by_a_name_of_its_own(client: TestClient) -> None:
    assert client.get("/api/healthcheck", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/api/healthcheck", headers={"Host": "localhost:8000"}).status_code == 200


def test_a_step_of_the_insights_answers_after_those_it_requires(pipeline: Pipeline, tmp_path: Path) -> None:
    size = FunctionAnalyzer(lambda image: {"edge": max(image.width, image.height)}, {"edge": "integer"}, version="1")
    double = FunctionAnalyzer(lambda image: {"twice": 2 * image.insights["size"]["edge"]}, {"twice": "integer"}, version="1")
    steps = {"size": PlannedStep("size", size), "double": PlannedStep("double", double, requires=("size",))}
    with a_server(replace(pipeline, insights=Plan(("size", "double"), steps)), tmp_path) as client:
        good, bad = answers(client, a_call(text_of(a_picture(1, (70, 50))), text_of(b"nothing")), "/api/skill/double")
        assert {step["name"] for step in client.get("/api/skill", headers=HEADERS).json()["steps"]} >= {"size", "double"}
    assert (good["data"], good["errors"]) == ({"twice": 140}, [])
    assert "unsupported format" in bad["errors"][0]["message"]
