"""Who we are to Azure: keys, shared access signatures (SAS) and connection strings where settings give them, else the process's identity.

Belongs here: making credentials, one identity per process. Does not: what is done with them, or where settings come from.

The identity is `DefaultAzureCredential`: environment variables, workload or managed identity, then the developer's own sign-in;
`AZURE_TOKEN_CREDENTIALS=prod` (or `dev`, or one credential's name) pins it. Constructing it is free and offline; asking for a token is not.
"""

import logging
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

from azure.core.credentials import AzureKeyCredential, TokenCredential
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient, ExponentialRetry
from azure.storage.queue import QueueServiceClient
from typing_extensions import override

from imaging_assets.azure.translation import redacted
from imaging_assets.errors import SettingsError
from imaging_assets.policies import Azure

_CLOUD = "core.windows.net"
"""Where accounts lie unless the connection string says otherwise."""


@cache
def identity() -> TokenCredential:
    """The process's one identity; it keeps its tokens, so everybody shares them."""
    return DefaultAzureCredential()


def database_password() -> str:
    """What opens Azure's PostgreSQL to the identity: a token that holds for about an hour."""
    return identity().get_token("https://ossrdbms-aad.database.windows.net/.default").token


@dataclass(frozen=True, slots=True)
class StorageAccount:
    """A storage account's blob endpoint and what opens it: a key, a SAS, or (both None) the identity.

    `queue_url` is its queue endpoint, "" where none is named and none follows from `url`.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    sas: str | None = field(default=None, repr=False)
    queue_url: str = ""

    def blob_service(self) -> BlobServiceClient:
        """A client of the account; makes no call.

        Raises:
            SettingsError: The key does not go with that URL.
        """
        # As text, a SAS becomes part of blobs' addresses, by which the service may copy them.
        credential = self.key or self.sas or identity()
        retries = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=5, random_jitter_range=1)
        try:
            return BlobServiceClient(self.url, credential=credential, retry_policy=retries)
        except ValueError:
            raise SettingsError(
                f"azure.account_url {self.url!r} does not name an account, so azure.account_key cannot sign. "
                f"Give https://<account>.blob.{_CLOUD}, or a connection string."
            ) from None

    def queue_service(self) -> QueueServiceClient:
        """A client of the account's queues; makes no call.

        Raises:
            SettingsError: No endpoint is known, or the key does not go with it.
        """
        try:
            # A tick must not wait long: what a queue does not answer, the next tick asks again.
            return QueueServiceClient(self.queue_url, credential=self.key or self.sas or identity(), retry_total=2)
        except ValueError:
            raise SettingsError(
                f"azure.queue_url {self.queue_url!r} does not name the account's queues. Give https://<account>.queue.{_CLOUD}, or a "
                "connection string."
            ) from None


def storage_account(azure: Azure) -> StorageAccount:
    """The account that settings name.

    Raises:
        SettingsError: None is named, or the connection string cannot be read.
    """
    key = azure.account_key.get_secret_value() if azure.account_key else None
    sas = azure.sas_token.get_secret_value().removeprefix("?") if azure.sas_token else None
    if azure.connection_string:
        return _from_connection_string(azure.connection_string.get_secret_value(), azure)
    if not azure.account_url:
        raise SettingsError(
            "Profile azure needs a storage account. Set azure.account_url (and sign in), or azure.connection_string "
            "(IMAGING_AZURE__CONNECTION_STRING)."
        )
    address = urlsplit(azure.account_url)
    if not address.scheme or not address.netloc or address.query:
        raise SettingsError(
            "azure.account_url is not the plain URL of a blob endpoint. "
            f"Give https://<account>.blob.{_CLOUD}, and a SAS as azure.sas_token."
        )
    return StorageAccount(azure.account_url.rstrip("/"), key, sas, _queue_url(azure, azure.account_url))


def _queue_url(azure: Azure, blob_url: str) -> str:
    """As it is given, else beside the blob endpoint of the service's own naming."""
    beside = blob_url.replace(".blob.", ".queue.", 1) if ".blob." in blob_url else ""
    return (azure.queue_url or beside).rstrip("/")


def search_endpoint(azure: Azure) -> str:
    """Address of the search service.

    Raises:
        SettingsError: None is named.
    """
    if not azure.search_endpoint:
        raise SettingsError(
            "There is no search service. Set azure.search_endpoint (IMAGING_AZURE__SEARCH_ENDPOINT) to "
            "https://<service>.search.windows.net."
        )
    return azure.search_endpoint.rstrip("/")


def search_credential(azure: Azure) -> AzureKeyCredential | TokenCredential:
    """What opens the search service: its key, or the identity."""
    return AzureKeyCredential(azure.search_key.get_secret_value()) if azure.search_key else identity()


def _from_connection_string(text: str, azure: Azure) -> StorageAccount:
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    parts = {name.strip(): value.strip() for name, _, value in pairs}
    url = parts.get("BlobEndpoint")
    if not url and "AccountName" in parts:
        scheme, suffix = parts.get("DefaultEndpointsProtocol", "https"), parts.get("EndpointSuffix", _CLOUD)
        url = f"{scheme}://{parts['AccountName']}.blob.{suffix}"
    key, sas = parts.get("AccountKey"), parts.get("SharedAccessSignature")
    if not url or not (key or sas):
        raise SettingsError(
            "azure.connection_string cannot be read: it needs AccountName (or BlobEndpoint) and AccountKey (or "
            "SharedAccessSignature). Copy it whole from the storage account's page 'Access keys'."
        )
    return StorageAccount(url.rstrip("/"), key, sas, (parts.get("QueueEndpoint") or _queue_url(azure, url)).rstrip("/"))


class _Redacting(logging.Filter):
    """Takes signatures out of the addresses that the HTTP library logs at level DEBUG."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_Redacting())
