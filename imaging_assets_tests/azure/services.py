"""All services of profile azure for one test: a container in Azurite, local search and Custom Vision, and the variables that name them.

Belongs here: starting them. Does not: expectations.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from imaging_assets.backends import build, create_store
from imaging_assets.policies import CustomVision
from imaging_assets.settings import load_settings
from imaging_assets.stages.images.raw import leave_marker
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.azure.azurite import a_name, azurite, connection_string
from imaging_assets_tests.azure.certificate import Certificate
from imaging_assets_tests.azure.custom_vision_server import CustomVisionServer
from imaging_assets_tests.azure.search_server.server import ADMIN_KEY, SearchServer, a_search_server
from imaging_assets_tests.builders import DAY


@dataclass(frozen=True)
class Services:
    """An account, a search service and a Custom Vision resource of the test's own."""

    pipeline: Pipeline
    search: SearchServer
    vision: CustomVisionServer
    policy: CustomVision

    def counted(self) -> dict[str, int]:
        """Calls of Custom Vision so far."""
        return dict(self.vision.calls)

    def state(self) -> object:
        """All that a plan must leave alone."""
        blobs = [(blob.path, blob.etag) for blob in self.pipeline.store.list_blobs()]
        service = self.search.service
        indexes = {name: len(index.documents) for name, index in service.indexes.items()}
        projects = {name: vars(project).copy() for name, project in self.vision.service.projects.items()}
        held = {name: (len(value["images"]), len(value["tags"]), len(value["iterations"])) for name, value in projects.items()}
        return blobs, indexes, dict(service.aliases), held


@contextmanager
def a_set_of_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate: Certificate | None = None, **chosen: str
) -> Iterator[Services]:
    """Services of one test; Custom Vision trains and predicts.

    Args:
        certificate: Search speaks HTTPS with it.
        chosen: Further variables without `IMAGING_`.
    """
    with a_search_server(certificate) as search, CustomVisionServer() as vision:
        container = a_name()
        variables = {
            "PROFILE": "azure",
            "HOME": str(tmp_path / "home"),
            "PARTITIONS__START": DAY,
            "TRAINING__MIN_IMAGES_PER_TAG": "5",
            "AZURE__CONNECTION_STRING": connection_string(azurite()),
            "AZURE__CONTAINER": container,
            "AZURE__SEARCH_ENDPOINT": search.endpoint,
            "AZURE__SEARCH_KEY": ADMIN_KEY,
            "AZURE__SEARCH_ALIAS": container,
            "CUSTOM_VISION__ENDPOINT": vision.endpoint,
            "CUSTOM_VISION__TRAINING_KEY": vision.training_key,
            "CUSTOM_VISION__PREDICTION_KEY": vision.prediction_key,
            "CUSTOM_VISION__PREDICTION_RESOURCE_ID": vision.service.prediction_resource,
            "CUSTOM_VISION__POLL_SECONDS": "0.1",
            "PRICES__CUSTOM_VISION_1000_UPLOADS": "2",
            "PRICES__CUSTOM_VISION_1000_PREDICTIONS": "4",
            **chosen,
        }
        for name, value in variables.items():
            monkeypatch.setenv(f"IMAGING_{name}", value)
        settings = load_settings()
        create_store(settings)
        pipeline = build(settings)
        leave_marker(pipeline)
        yield Services(pipeline, search, vision, settings.custom_vision)
