"""Pull mode: from settings to what the pipeline is to be.

Belongs here: defaults that follow from other settings, and what is missing. Does not: definitions, calls.
"""

from urllib.parse import urlsplit

from imaging_assets.azure.containers import Containers
from imaging_assets.azure.credentials import search_credential, search_endpoint
from imaging_assets.azure.pipeline_definitions import Wanted
from imaging_assets.azure.search_pipeline import SearchPipeline
from imaging_assets.errors import SettingsError
from imaging_assets.policies import Azure, Places, Serve
from imaging_assets.policies import SearchPipeline as Policy

_LEAST_MINUTES = 5


def connect(azure: Azure, policy: Policy, places: Places, serve: Serve) -> SearchPipeline:
    """The pipeline; makes no call.

    Raises:
        SettingsError: The search service, the skill or the storage account is not named.
    """
    endpoint = search_endpoint(azure)
    spot = Containers(azure.container, azure.containers).spot_of(f"{places.landing}/")
    wanted = Wanted(
        name=policy.name,
        storage=_storage(azure, policy),
        container=policy.container or spot.container,
        folder=policy.folder or ("" if policy.container else spot.name.rstrip("/")),
        skill_url=_skill_url(policy.skill_url),
        skill_key=serve.key.get_secret_value() if serve.key else "",
        batch=policy.batch,
        timeout_seconds=policy.timeout_seconds,
        every_minutes=policy.every_minutes and max(_LEAST_MINUTES, policy.every_minutes),
    )
    return SearchPipeline(endpoint, search_credential(azure), wanted)


def _storage(azure: Azure, policy: Policy) -> str:
    if given := policy.storage.get_secret_value():
        return given
    if azure.connection_string:
        return azure.connection_string.get_secret_value()
    raise SettingsError(
        "The search service needs to read the blobs. Set search_pipeline.storage to ResourceId=<id of the storage account>; and give "
        "the service's identity the role 'Storage Blob Data Reader', or set it to a connection string."
    )


def _skill_url(given: str) -> str:
    address = urlsplit(given)
    if address.scheme != "https" and address.hostname not in {"127.0.0.1", "localhost"}:
        raise SettingsError(
            f"search_pipeline.skill_url is {given.partition('?')[0]!r}, but the search service calls https only. Set it to "
            "https://<host>/api/extraction, where `imaging-assets serve` answers."
        )
    return given
