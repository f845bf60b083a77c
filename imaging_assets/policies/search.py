"""Settings: the SQL catalogue, and the pull mode of Azure AI Search.

Belongs here: names, defaults, descriptions. Does not: what is done with them.
"""

from pydantic import Field, SecretStr

from imaging_assets.policies.group import Group


class Catalog(Group):
    """Where the SQL catalogue is."""

    url: SecretStr = Field(
        SecretStr(""),
        description="Database, as `postgresql+psycopg://user:password@host/name`; by default SQLite in the state folder. Without a "
        "password the identity signs in to Azure's PostgreSQL (profile `azure`).",
    )


class SearchPipeline(Group):
    """Pull mode (`imaging-assets search-pipeline`): an indexer of Azure AI Search reads the landed blobs and asks our skill."""

    name: str = Field(
        "aml-classifier",
        pattern=r"^[a-z0-9](-?[a-z0-9]){1,60}$",
        description="Beginning of the names: `<name>-datasource`, `-index`, `-skillset`, `-indexer`; by default the old power skill's.",
    )
    skill_url: str = Field(
        "",
        description="Where the service reaches `imaging-assets serve`, as `https://<host>/api/extraction`; it calls https only.",
    )
    storage: SecretStr = Field(
        SecretStr(""),
        description="What the service reads blobs with: `ResourceId=/subscriptions/…/storageAccounts/<account>;` (its own identity) or a "
        "connection string; by default `azure.connection_string`.",
    )
    container: str = Field("", description="Container it reads; by default the landing place's.")
    folder: str = Field(
        "", description="Folder in that container; by default the landing place's, where `container` is not given."
    )
    batch: int = Field(16, ge=1, le=1000, description="Images in one call of the skill.")
    timeout_seconds: int = Field(30, ge=1, le=230, description="The service waits so long for an answer of the skill.")
    every_minutes: int = Field(
        60, ge=0, le=1440, description="Time between two runs of the indexer, from 5; 0: only when applied."
    )
