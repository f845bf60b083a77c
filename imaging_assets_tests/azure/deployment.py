"""Profile azure as a deployment sets it: variables for this process, over Azurite and a local search service.

Belongs here: the variables, and runs of the real code location in this process. Does not: expectations.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from imaging_assets.backends import build, create_store
from imaging_assets.settings import load_settings
from imaging_assets.stages.images.raw import leave_marker
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.azure.azurite import a_name, azurite, connection_string
from imaging_assets_tests.azure.search_server.server import ADMIN_KEY, SearchServer, a_search_server
from imaging_assets_tests.defs.in_process import EVERYTHING, LOADED


@dataclass(frozen=True)
class Deployment:
    """A pipeline as tests use it, beside those that runs build for themselves."""

    pipeline: Pipeline
    search: SearchServer
    container: str
    instance: dg.DagsterInstance

    def run(self, day: str, assets: Sequence[str] = EVERYTHING) -> dg.ExecuteInProcessResult:
        """Materialise assets of a day as a deployment does: each run builds its own backends from the variables."""
        quiet: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        return LOADED.resolve_implicit_global_asset_job_def().execute_in_process(
            run_config=quiet,
            instance=self.instance,
            partition_key=day,
            asset_selection=[dg.AssetKey(asset) for asset in assets],
            raise_on_error=False,
        )


@contextmanager
def a_deployment(home: Path, patch: pytest.MonkeyPatch, instance: dg.DagsterInstance, **variables: str) -> Iterator[Deployment]:
    """A deployment with a container and a search service of its own; further variables without `IMAGING_AZURE__`."""
    container = a_name()
    with a_search_server() as search:
        chosen = {
            "CONNECTION_STRING": connection_string(azurite()),
            "CONTAINER": container,
            "SEARCH_ENDPOINT": search.endpoint,
            "SEARCH_KEY": ADMIN_KEY,
            "SEARCH_ALIAS": container,
            "TRAINER": "embedded",
            **variables,
        }
        for name, value in chosen.items():
            patch.setenv(f"IMAGING_AZURE__{name}", value)
        patch.setenv("IMAGING_PROFILE", "azure")
        patch.setenv("IMAGING_HOME", str(home))
        patch.setenv("IMAGING_TRAINING__BUDGET_SECONDS", "0.5")
        patch.setenv("IMAGING_TRAINING__MIN_IMAGES_PER_TAG", "2")
        settings = load_settings()
        create_store(settings)
        pipeline = build(settings)
        leave_marker(pipeline)
        yield Deployment(pipeline, search, container, instance)
        assert search.broken_contract == []
