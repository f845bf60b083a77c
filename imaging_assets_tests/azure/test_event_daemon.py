"""Dagster's daemon in profile azure with a queue of events: a blob in Azurite becomes a document in the search server, no command given."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from imaging_assets.backends import azure_event_queue, build, create_store
from imaging_assets.settings import load_settings
from imaging_assets.stages.events import read_events
from imaging_assets.stages.images.raw import leave_marker
from imaging_assets_tests.azure.azurite import a_name, azurite, azurite_queues, connection_string
from imaging_assets_tests.azure.search_server.server import ADMIN_KEY, a_search_server
from imaging_assets_tests.builders import DAY, a_picture, land
from imaging_assets_tests.defs.daemon import Deployment
from imaging_assets_tests.stages.test_events import cloud, grid

pytestmark = pytest.mark.slow

_FOLDER = f"/blobServices/default/containers/{{}}/blobs/landing/{DAY.replace('-', '/')}/"


@pytest.fixture(name="running")
def _running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Deployment, Any, Any, str]]:
    """A daemon, its queue, the search server and the container's name."""
    with a_search_server() as search:
        container = a_name()
        groups: dict[str, dict[str, Any]] = {
            "partitions": {"start": DAY},
            # No listing during the test: what is found is found by events.
            "sensors": {
                "interval_seconds": 1,
                "retry_minutes": [0.05, 0.1],
                "source": "events",
                "listing_minutes": 600,
                "event_hidden_seconds": 2,
                "event_tries": 3,
            },
            "azure": {
                "connection_string": connection_string(azurite(), azurite_queues()),
                "container": container,
                "event_queue": container,
                "search_endpoint": search.endpoint,
                "search_key": ADMIN_KEY,
                "search_alias": container,
                "trainer": "embedded",
            },
        }
        monkeypatch.setenv("IMAGING_PROFILE", "azure")
        monkeypatch.setenv("IMAGING_HOME", str(tmp_path / "project" / ".imaging"))
        for name, values in groups.items():
            monkeypatch.setenv(f"IMAGING_{name.upper()}", json.dumps(values))
        settings = load_settings()
        create_store(settings)
        queue = azure_event_queue(settings)
        queue.create()
        pipeline = build(settings)
        leave_marker(pipeline)
        deployment = Deployment(tmp_path / "project", **groups)
        deployment.pipeline = pipeline
        try:
            deployment.launch("dagster._daemon", "run", "-w", "workspace.yaml", IMAGING_PROFILE="azure")
            yield deployment, queue, search, container
        finally:
            deployment.stop()


def test_a_blob_that_event_grid_tells_of_becomes_a_document_and_its_deletion_removes_it(
    running: tuple[Deployment, Any, Any, str],
) -> None:
    deployment, queue, search, container = running
    subject = _FOLDER.format(container)
    with deployment.instance() as instance:
        deployment.until(lambda: "listed" in _cursor(instance), "the first tick, which lists an empty landing place")

    land(deployment.pipeline, {"a.jpg": a_picture(1, (48, 32)), "b.jpg": a_picture(2, (48, 32))})
    queue.send(json.dumps(grid("1", f"{subject}a.jpg")))
    queue.send(json.dumps(cloud("2") | {"subject": f"{subject}b.jpg"}))
    queue.send("hello")
    deployment.until(lambda: deployment.documents(DAY) == ["a.jpg", "b.jpg"], "both documents")
    deployment.until(lambda: queue.aside() == (1, ["hello"]), "the unreadable message aside")
    deployment.until(lambda: queue.peek() == 0 and not deployment.unfinished(), "an empty queue")
    assert {run.status for run in deployment.runs()} == {dg.DagsterRunStatus.SUCCESS}
    assert len(deployment.runs(DAY, "raw_images")) == 1

    deployment.pipeline.store.delete(f"landing/{DAY.replace('-', '/')}/b.jpg")
    deleted = grid("3", f"{subject}b.jpg", "Microsoft.Storage.BlobDeleted")
    assert read_events(json.dumps(deleted))[0].kind.endswith("BlobDeleted")
    queue.send(json.dumps(deleted))
    deployment.until(lambda: deployment.documents(DAY) == ["a.jpg"], "the document gone")
    assert search.broken_contract == []


def _cursor(instance: dg.DagsterInstance) -> str:
    """What the sensor remembers."""
    states = [state for state in instance.all_instigator_state() if state.instigator_name == "new_images"]
    return next((str(getattr(state.instigator_data, "cursor", "")) for state in states), "")
