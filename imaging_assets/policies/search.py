"""Settings: the SQL catalogue."""

from pydantic import Field, SecretStr

from imaging_assets.policies.group import Group


class Catalog(Group):
    """Where the SQL catalogue is."""

    url: SecretStr = Field(
        SecretStr(""),
        description="Database, as `postgresql+psycopg://user:password@host/name`; by default SQLite in the state folder. Without a "
        "password the identity signs in to Azure's PostgreSQL (profile `azure`).",
    )
