"""The custom skill with many callers at once: who waits, who is told to come again, and a model that changes meanwhile.

Belongs here: several calls at a time. Does not: what one call is answered (`test_skill.py`).
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typing_extensions import override

from imaging_assets.ports.predictor import Predictor
from imaging_assets.records.predictions import Scored
from imaging_assets.settings import Settings, with_old_serve_variables
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.embedded.pictures import plain
from imaging_assets_tests.web.servers import HEADERS, a_call, a_server, a_trained_pipeline, text_of

RED = plain(["red"], 1)[0].data
CALL = a_call(text_of(RED))
MOST_SECONDS = 60.0


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return a_trained_pipeline(tmp_path_factory.mktemp("trained"), models=("m1", "m2"))


@dataclass
class Shut(Predictor):
    """Answers calls once it is opened; what the server asks while it starts passes."""

    inner: Predictor
    door: Event = field(default_factory=Event)
    asked: Event = field(default_factory=Event)
    started: bool = False

    @override
    def predict(self, model_id: str, images: Sequence[bytes]) -> list[Scored]:
        if self.started:
            self.asked.set()
            assert self.door.wait(MOST_SECONDS)
        return self.inner.predict(model_id, images)


@dataclass
class Busy:
    """A server whose only place is taken until `open`."""

    client: TestClient
    callers: ThreadPoolExecutor
    shut: Shut

    def call(self, **headers: str) -> Any:
        return self.client.post("/api/extraction", json=CALL, headers={**HEADERS, **headers})


@contextmanager
def a_busy_server(pipeline: Pipeline, home: Path, **serve: Any) -> Iterator[Busy]:
    shut = Shut(pipeline.predictor)
    with (
        a_server(replace(pipeline, predictor=shut), home, calls=1, follow_model=False, **serve) as client,
        ThreadPoolExecutor(4) as callers,
    ):
        shut.started = True
        busy = Busy(client, callers, shut)
        try:
            yield busy
        finally:
            shut.door.set()


def test_under_pressure_a_call_is_told_when_to_come_again_and_then_is_answered(pipeline: Pipeline, tmp_path: Path) -> None:
    with a_busy_server(pipeline, tmp_path, waiting_calls=0) as busy:
        inside = busy.callers.submit(busy.call)
        assert busy.shut.asked.wait(MOST_SECONDS)

        refused = busy.call()

        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        assert refused.json()["detail"] == "Too many calls at once. Come again, or lower degreeOfParallelism."
        assert busy.client.get("/api/healthcheck").status_code == 200
        assert "imaging_skill_turned_away_total 1.0" in busy.client.get("/metrics", headers=HEADERS).text
        busy.shut.door.set()
        assert inside.result(MOST_SECONDS).json()["values"][0]["data"]["label"] == "red"
        assert busy.call().json()["values"][0]["data"]["label"] == "red"


def test_as_many_calls_as_allowed_wait_and_are_answered(pipeline: Pipeline, tmp_path: Path) -> None:
    with a_busy_server(pipeline, tmp_path, waiting_calls=1) as busy:
        inside = busy.callers.submit(busy.call)
        assert busy.shut.asked.wait(MOST_SECONDS)
        others = {busy.callers.submit(busy.call), busy.callers.submit(busy.call)}
        done, waiting = wait(others, MOST_SECONDS, FIRST_COMPLETED)
        assert [call.result().status_code for call in done] == [429]
        busy.shut.door.set()
        assert [call.result(MOST_SECONDS).status_code for call in (inside, *waiting)] == [200, 200]


def test_a_call_does_not_wait_longer_than_its_caller(pipeline: Pipeline, tmp_path: Path) -> None:
    with a_busy_server(pipeline, tmp_path) as busy:
        inside = busy.callers.submit(busy.call)
        assert busy.shut.asked.wait(MOST_SECONDS)
        refused = busy.call(**{"Imaging-Timeout-Seconds": "1.2"})
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        busy.shut.door.set()
        assert inside.result(MOST_SECONDS).status_code == 200


@pytest.mark.parametrize("said", ["true", "false"])
def test_get_latest_model_follows_a_publication_while_many_call_and_drops_none(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setenv("GET_LATEST_MODEL", said)
    settings, told = with_old_serve_variables(Settings(home=tmp_path))
    assert "GET_LATEST_MODEL is used for serve.follow_model" in told[0]
    serve = {"follow_model": settings.serve.follow_model, "model_check_seconds": 0.05}
    begun, enough = Event(), Event()

    def ask() -> list[tuple[int, str]]:
        """Call until the new model answers, or, where it is not followed, some times after it was published."""
        seen = []
        ends = time.monotonic() + MOST_SECONDS
        while time.monotonic() < ends:
            after = enough.is_set()
            response = client.post("/api/extraction", json=CALL, headers=HEADERS)
            seen.append((response.status_code, response.json()["values"][0]["data"].get("model_id", "none")))
            begun.set()
            if seen[-1][1] == "m2" or (after and said == "false"):
                break
        return seen

    with a_server(pipeline, tmp_path, **serve) as client, ThreadPoolExecutor(4) as callers:
        calls = [callers.submit(ask) for _ in range(4)]
        assert begun.wait(MOST_SECONDS)
        Registry(pipeline.store).publish("m2", "better")
        enough.set()
        seen = [call.result(2 * MOST_SECONDS) for call in calls]
        ready = client.get("/api/ready").json()
        Registry(pipeline.store).publish("m1", "for the next test")

    assert {status for each in seen for status, _ in each} == {200}
    last = "m2" if said == "true" else "m1"
    assert {each[-1][1] for each in seen} == {last}
    assert all({model for _, model in each[:-1]} <= {"m1"} for each in seen)
    assert (ready["model_id"], ready["reason"]) == (last, "")
