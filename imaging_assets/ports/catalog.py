"""Port: one row per landed image in a SQL database, for people and programs that speak SQL.

Promises:

- `catalog_id` changes when the database was made anew (lost, or of another schema version); every day is then written again.
- `write` happens whole or not at all; writing the same row twice leaves one row.
- `query` changes nothing, whatever it is asked.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from imaging_assets.records.catalog import CatalogRow, SqlAnswer


class Catalog(ABC):
    """A table of images (`records.catalog.COLUMNS`) and a view of it as Imaginem's `pipeline_output`."""

    @property
    @abstractmethod
    def catalog_id(self) -> str:
        """Names this very database and its schema; makes the tables where there are none.

        Raises:
            CatalogError: The database cannot be reached, or a later release made it.
        """

    @abstractmethod
    def known_id(self) -> str:
        """As `catalog_id`, or "" where that would make tables; changes nothing."""

    @abstractmethod
    def write(self, rows: Sequence[CatalogRow], gone: Sequence[str]) -> None:
        """Insert or replace rows by their `id`, and delete those whose ids are given; raises CatalogError."""

    @abstractmethod
    def query(self, sql: str) -> SqlAnswer:
        """Answer one select statement in the database's own dialect.

        Raises:
            QueryError: It is no question, or the database cannot make sense of it.
            CatalogError: The database cannot be reached.
        """
