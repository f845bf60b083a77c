"""Resources: settings in, the plain `Pipeline` out.

Belongs here: what Dagster hands to assets and sensors. Does not: how it is built (`backends.py`).
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
from typing_extensions import override

from imaging_assets.backends import build, storage_account
from imaging_assets.settings import Settings, load_settings
from imaging_assets.stages.pipeline import Pipeline

if TYPE_CHECKING:
    from dagster_azure.blob import AzureBlobStorageResource


class PipelineResource(dg.ConfigurableResource[Pipeline]):
    """The ports and policies of this deployment, from its settings; a run builds them once."""

    @contextmanager
    @override
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator[Pipeline]:
        settings = load_settings()
        if settings.profile == "embedded":
            yield build(settings)
            return
        with blob_storage(settings).get_client() as client:
            yield build(settings, blob_service=client)


def blob_storage(settings: Settings) -> "AzureBlobStorageResource":
    """Dagster's own resource over the account of profile azure, its client made as everywhere else.

    By itself it would make an identity of its own at each run (another round of sign-ins) and keep the SDK's slow retries.

    Raises:
        SettingsError: No account is named.
    """
    from dagster_azure.blob import (  # noqa: PLC0415 - late: profile embedded need not pay for it
        AzureBlobStorageAnonymousCredential,
        AzureBlobStorageResource,
    )

    account = storage_account(settings)

    class Storage(AzureBlobStorageResource):
        @contextmanager
        @override
        def get_client(self) -> Generator[Any]:
            with account.blob_service() as client:
                yield client

    # What signs stays in `account`: a resource's configuration is shown in the UI.
    return Storage(account_url=account.url, credential=AzureBlobStorageAnonymousCredential())
