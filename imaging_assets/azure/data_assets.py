"""Data assets of an Azure Machine Learning workspace: where an exported data set goes to be trained on there.

Belongs here: registering folders. Does not: what is in them (`stages/manifests/exports.py`). Needs the extra `aml`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError

from imaging_assets.azure.translation import said
from imaging_assets.errors import DataAssetError, SettingsError


class DataOperations(Protocol):
    """The part of `MLClient.data` that is used."""

    def create_or_update(self, data: Any) -> Any:
        """Upload and register; returns the asset with its version and address."""


class DataAssets:
    """Registers folders of this machine, uploaded to the workspace's own datastore."""

    def __init__(self, operations: DataOperations) -> None:
        self._operations = operations

    def add_images(self, name: str, folder: Path) -> str:
        """Register a folder of images; returns the address that stands before each image's path, ending in a slash."""
        from azure.ai.ml.constants import AssetTypes  # noqa: PLC0415 - takes a second to import

        return f"{str(self._add(name, AssetTypes.URI_FOLDER, folder).path).rstrip('/')}/"

    def add_table(self, name: str, folder: Path) -> str:
        """Register a folder with an `MLTable`; returns `name:version`."""
        from azure.ai.ml.constants import AssetTypes  # noqa: PLC0415

        return f"{name}:{self._add(name, AssetTypes.MLTABLE, folder).version}"

    def _add(self, name: str, kind: str, folder: Path) -> Any:
        from azure.ai.ml.entities import Data  # noqa: PLC0415
        from azure.ai.ml.exceptions import MlException  # noqa: PLC0415

        with _errors(name, MlException):
            return self._operations.create_or_update(Data(name=name, type=kind, path=str(folder), description="imaging-assets"))


def connect(workspace: str, credential: TokenCredential) -> DataAssets:
    """The data assets of a workspace; makes no call.

    Args:
        workspace: Subscription id, resource group and name, parted by slashes.
        credential: Who we are.

    Raises:
        SettingsError: The workspace is not named so, or the extra is missing.
    """
    parts = workspace.split("/")
    if len(parts) != 3 or not all(parts):
        raise SettingsError(f"{workspace!r} does not name a workspace. Give SUBSCRIPTION/RESOURCE-GROUP/NAME.")
    try:
        from azure.ai.ml import MLClient  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError("Azure ML's client is not installed. Run `pip install 'imaging-assets[aml]'`.") from error
    return DataAssets(MLClient(credential, *parts).data)


@contextmanager
def _errors(name: str, ml_error: type[AzureError]) -> Iterator[None]:
    try:
        yield
    except (AzureError, ml_error) as error:
        raise DataAssetError(
            f"Cannot register {name} in Azure ML: {said(error)}. Give this identity the role 'AzureML Data Scientist' and sign in "
            "(`az login`), check --workspace, then give the command again: what was uploaded is not uploaded twice."
        ) from None
