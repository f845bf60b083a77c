"""Resources: settings in, the plain `Pipeline` out.

Belongs here: what Dagster hands to assets and sensors. Does not: how it is built (`backends.py`).
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

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
    """Dagster's own resource over the account of profile azure.

    Raises:
        SettingsError: No account is named.
    """
    from dagster_azure.blob import (  # noqa: PLC0415 - late: profile embedded need not pay for it
        AzureBlobStorageDefaultCredential,
        AzureBlobStorageKeyCredential,
        AzureBlobStorageResource,
        AzureBlobStorageSASTokenCredential,
    )

    account = storage_account(settings)
    if account.key:
        return AzureBlobStorageResource(account_url=account.url, credential=AzureBlobStorageKeyCredential(key=account.key))
    if account.sas:
        return AzureBlobStorageResource(account_url=account.url, credential=AzureBlobStorageSASTokenCredential(token=account.sas))
    return AzureBlobStorageResource(account_url=account.url, credential=AzureBlobStorageDefaultCredential())
