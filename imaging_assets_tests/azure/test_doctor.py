"""`imaging-assets doctor` in profile azure: a row per right, the missing role by name, limits, and nothing left behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imaging_assets.azure.analyzer import AzureImageAnalyzer, VisionConnection
from imaging_assets.azure.custom_vision.client import Connection
from imaging_assets.azure.doctor import storage
from imaging_assets.azure.doctor_vision import vision
from imaging_assets.azure.event_queue import StorageEventQueue
from imaging_assets.backends import azure_event_queue
from imaging_assets.policies import Vision
from imaging_assets.settings import load_settings
from imaging_assets_tests.azure.azurite import KEY, a_name, azurite, azurite_queues, connection_string
from imaging_assets_tests.azure.custom_vision_server import Unavailable
from imaging_assets_tests.azure.custom_vision_server.service import Iteration
from imaging_assets_tests.azure.search_server.server import Fault
from imaging_assets_tests.azure.services import Services, a_set_of_services
from imaging_assets_tests.azure.vision_server import KEY as VISION_KEY
from imaging_assets_tests.azure.vision_server import a_vision_service
from imaging_assets_tests.builders import a_picture, land
from imaging_assets_tests.cli.command_line import call_cli


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    with a_set_of_services(tmp_path, monkeypatch) as made:
        yield made


def rows_of(folder: Path) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code, and the rows by what they are about."""
    done = call_cli(folder, "doctor", "--json")
    return done.code, {row["what"]: row for row in done.value["checks"]}


def a_queue(patch: pytest.MonkeyPatch) -> StorageEventQueue:
    """A queue of the test's own, named in the settings as the source of events."""
    patch.setenv("IMAGING_SENSORS__SOURCE", "events")
    patch.setenv("IMAGING_AZURE__EVENT_QUEUE", a_name())
    patch.setenv("IMAGING_AZURE__CONNECTION_STRING", connection_string(azurite(), azurite_queues()))
    queue = azure_event_queue(load_settings())
    queue.create()
    return queue


def failed(rows: dict[str, dict[str, Any]]) -> dict[str, str]:
    """What to do, by what failed."""
    return {what: f"{row['detail']} {row['remedy']}" for what, row in rows.items() if row["state"] == "fail"}


def a_project(services: Services) -> Any:
    """The project of the settings, made as a person would."""
    Connection(services.policy).create_project(services.policy.project, "multiclass", "General")
    return services.vision.only_project()


def test_where_all_is_well_every_right_was_tried_and_nothing_is_left(services: Services, tmp_path: Path) -> None:
    land(services.pipeline, {"a.jpg": a_picture(1, (64, 48))})
    a_project(services)
    before = services.state()
    done = call_cli(tmp_path, "doctor")
    assert done.code == 0, done.out
    assert services.state() == before
    for right in ("list and read landing/", "write and delete models/", "write documents", "point an alias", "train", "predict"):
        assert f"{right}: " in done.out
    assert "0 of 20" in done.out
    assert done.out.count("2028-09-25") == 1
    assert "stopped by default, because they spend money" in done.out


def test_wrong_keys_are_told_with_the_setting_and_the_role(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_project(services)
    for name in ("AZURE__SEARCH_KEY", "CUSTOM_VISION__TRAINING_KEY", "CUSTOM_VISION__PREDICTION_KEY"):
        monkeypatch.setenv(f"IMAGING_{name}", "wrong-0123456789")
    code, rows = rows_of(tmp_path)
    wrong = failed(rows)
    assert code == 1
    assert "azure.search_key" in wrong["search: list indexes"]
    assert "Search Service Contributor" in wrong["search: list indexes"]
    assert "custom_vision.training_key" in wrong["custom vision: project"]
    assert "Custom Vision Reader" in wrong["custom vision: project"]
    assert "custom_vision.prediction_key" in wrong["custom vision: predict"]
    assert "wrong-0123456789" not in str(rows)


@pytest.mark.usefixtures("services")
def test_a_wrong_account_key_fails_every_place_and_names_the_role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = connection_string(azurite()).replace(KEY, KEY[::-1].strip("=") + "==")
    monkeypatch.setenv("IMAGING_AZURE__CONNECTION_STRING", other)
    wrong = failed(rows_of(tmp_path)[1])
    assert "Storage Blob Data Reader" in wrong["blob: list and read landing/"]
    assert "Storage Blob Data Contributor" in wrong["blob: write and delete manifests/"]


def test_a_missing_role_is_named_for_the_very_call_it_is_needed_for(services: Services, tmp_path: Path) -> None:
    a_project(services)
    services.vision.inject("create_tag", Unavailable(403))
    services.search.faults.append(Fault(r"POST .*search\.index", 403))
    services.search.faults.append(Fault(r"PUT /aliases", 403))
    wrong = failed(rows_of(tmp_path)[1])
    assert wrong.keys() == {"custom vision: train", "search: write documents", "search: point an alias"}
    assert "'Cognitive Services Custom Vision Trainer'" in wrong["custom vision: train"]
    assert "'Search Index Data Contributor'" in wrong["search: write documents"]
    assert "'Search Service Contributor'" in wrong["search: point an alias"]
    assert services.search.service.indexes == {}


def test_an_index_that_is_gone_is_told_with_the_way_back(services: Services, tmp_path: Path) -> None:
    assert services.pipeline.index.generation
    services.search.service.aliases.clear()
    services.search.service.indexes.clear()
    wrong = failed(rows_of(tmp_path)[1])
    assert "audit --repair" in wrong["search: index that serves"]


def test_nineteen_iterations_are_a_warning_that_says_what_will_be_deleted(services: Services, tmp_path: Path) -> None:
    project = a_project(services)
    for number in range(19):
        done = Iteration(f"Iteration {number}", "Regular", 0, 0, "", None, None, [], 0, status="Completed")
        project.iterations[done.id] = done
    code, rows = rows_of(tmp_path)
    row = rows["custom vision: iterations"]
    assert (code, row["state"]) == (0, "warn")
    assert "19 of 20" in row["detail"]
    assert "down to 18" in row["remedy"]


@pytest.mark.usefixtures("services")
def test_settings_that_are_missing_are_rows_and_not_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGING_CUSTOM_VISION__PREDICTION_RESOURCE_ID", "")
    assert "custom_vision.prediction_resource_id is not set" in failed(rows_of(tmp_path)[1])["custom vision: publish"]
    monkeypatch.setenv("IMAGING_AZURE__SEARCH_ENDPOINT", "")
    wrong = failed(rows_of(tmp_path)[1])
    assert any("azure.search_endpoint" in told for told in wrong.values())


def test_vision_is_asked_once_and_a_wrong_key_names_the_role() -> None:
    with a_vision_service() as service:
        for key, state in ((VISION_KEY, "ok"), ("wrong", "fail")):
            chosen = Vision.model_validate({"endpoint": service.endpoint, "key": key, "tries": 1})
            (row,) = vision([("azure_image_analysis", AzureImageAnalyzer(VisionConnection(chosen)))])
            assert row.state == state, row
        assert "Cognitive Services User" in row.remedy


def test_the_queue_of_events_is_tried_without_touching_a_message(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del services
    queue = a_queue(monkeypatch)
    queue.send("hello")
    code, rows = rows_of(tmp_path)
    assert (code, rows["events"]["state"]) == (0, "ok")
    assert rows[f"queue: receive and delete {queue.name}"]["detail"] == "1 messages wait"
    assert rows[f"queue: send to {queue.name}-poison"]["state"] == "ok"
    (message,) = queue.receive(32)
    assert (message.text, message.dequeues) == ("hello", 1)
    queue.set_aside([message])
    assert "'hello' is no JSON" in rows_of(tmp_path)[1]["events"]["detail"]


@pytest.mark.usefixtures("services")
def test_a_queue_that_is_not_there_or_not_ours_names_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = a_queue(monkeypatch)
    monkeypatch.setenv("IMAGING_AZURE__EVENT_QUEUE", "nowhere")
    assert "Make the queue 'nowhere'" in failed(rows_of(tmp_path)[1])["queue: receive and delete nowhere"]
    monkeypatch.setenv("IMAGING_AZURE__EVENT_QUEUE", queue.name)
    wrong = connection_string(azurite(), azurite_queues()).replace(KEY, KEY[::-1].strip("=") + "==")
    monkeypatch.setenv("IMAGING_AZURE__CONNECTION_STRING", wrong)
    told = failed(rows_of(tmp_path)[1])
    assert "'Storage Queue Data Message Processor'" in told[f"queue: receive and delete {queue.name}"]
    assert "'Storage Queue Data Message Sender'" in told[f"queue: send to {queue.name}-poison"]


def test_the_landing_place_is_never_written(services: Services) -> None:
    before = list(services.pipeline.store.list_blobs())
    rows = storage(services.pipeline.store, ("landing",), ())
    assert [row.state for row in rows] == ["ok"]
    assert list(services.pipeline.store.list_blobs()) == before
