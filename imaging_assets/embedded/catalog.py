"""The catalogue over any database that SQLAlchemy knows; SQLite and PostgreSQL are tested.

Belongs here: tables, statements, errors. Does not: what a row says (`stages/catalog.py`).

The catalogue is derived: everything in it can be written again from the manifests. So an older schema is dropped rather than
migrated, and the new `catalog_id` makes every day write its rows again.
"""

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError
from typing_extensions import override

from imaging_assets.errors import CatalogError, QueryError
from imaging_assets.ports.catalog import Catalog
from imaging_assets.records.catalog import COLUMNS, INDEXED, TABLE, VIEW, CatalogRow, CatalogType, SqlAnswer

_VERSION = 2
"""Raised when columns or view change."""

_BATCH = 500

_TYPES: dict[CatalogType, sa.types.TypeEngine[Any]] = {
    "text": sa.Text(),
    "integer": sa.BigInteger(),
    "real": sa.Float(53),
    "boolean": sa.Boolean(),
    "date": sa.Date(),
    "time": sa.DateTime(timezone=True),
    "json": sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql"),
}
_METADATA = sa.MetaData()
_ABOUT = sa.Table("imaging_assets_catalog", _METADATA, sa.Column("version", sa.Integer()), sa.Column("catalog_id", sa.Text()))
_IMAGES = sa.Table(
    TABLE,
    _METADATA,
    *(sa.Column(name, _TYPES[kind], primary_key=name == "id", index=name in INDEXED) for name, kind in COLUMNS.items()),
)
_PARTS = {
    "sqlite": "json_extract(job_output, '$.generalclassification.{}')",
    "postgresql": "job_output #> '{{generalclassification,{}}}'",
}


class SqlCatalog(Catalog):
    """A catalogue in the database of a URL such as `sqlite:////folder/catalog.db` or `postgresql+psycopg://user:password@host/name`."""

    def __init__(self, url: str, *, password: Callable[[], str] | None = None) -> None:
        self._password = password
        try:
            self._url = sa.make_url(url)
        except SQLAlchemyError as error:
            raise CatalogError("catalog.url is no URL of a database. Write it as postgresql+psycopg://user@host/name.") from error
        if self._url.get_backend_name() not in _PARTS:
            raise CatalogError(f"catalog.url names {self._url.get_backend_name()}. Use sqlite or postgresql+psycopg.")

    @property
    @override
    def catalog_id(self) -> str:
        with self._errors(), self._engine.begin() as connection:
            return self._known(connection) or self._create(connection)

    @override
    def known_id(self) -> str:
        if not self._is_postgresql and not Path(str(self._url.database)).exists():
            return ""
        with self._errors(), self._reader.connect() as connection:
            return self._known(connection)

    @override
    def write(self, rows: Sequence[CatalogRow], gone: Sequence[str]) -> None:
        insert = postgresql.insert if self._is_postgresql else sqlite.insert
        with self._errors(), self._engine.begin() as connection:
            if not self._known(connection):
                self._create(connection)
            for start in range(0, len(gone), _BATCH):
                connection.execute(sa.delete(_IMAGES).where(_IMAGES.c.id.in_(gone[start : start + _BATCH])))
            if rows:
                statement = insert(_IMAGES)
                newer = {name: statement.excluded[name] for name in COLUMNS if name != "id"}
                connection.execute(
                    statement.on_conflict_do_update(index_elements=["id"], set_=newer), [dict(row) for row in rows]
                )

    @override
    def query(self, sql: str) -> SqlAnswer:
        engine = self._reader
        try:
            with engine.connect() as connection:
                if self._is_postgresql:
                    connection.execute(sa.text("set transaction read only"))
                # SQLAlchemy hands psycopg an empty list of values, so that a percent sign would stand for one.
                found = connection.exec_driver_sql(sql.replace("%", "%%") if self._is_postgresql else sql)
                if not found.returns_rows:
                    raise QueryError("That is no question. Only select statements are answered.")
                return SqlAnswer(tuple(found.keys()), tuple(tuple(row) for row in found.all()))
        except DBAPIError as error:
            if error.connection_invalidated or "unable to open" in str(error.orig):
                raise self._unreachable(error) from error
            raise QueryError(f"The catalogue does not understand that: {_first_line(error)}. Mend the statement.") from error
        finally:
            engine.dispose()

    @property
    def _is_postgresql(self) -> bool:
        return self._url.get_backend_name() == "postgresql"

    @cached_property
    def _engine(self) -> sa.Engine:
        if not self._is_postgresql:
            Path(str(self._url.database)).parent.mkdir(parents=True, exist_ok=True)
        return self._create_engine(self._url)

    @property
    def _reader(self) -> sa.Engine:
        if self._is_postgresql:
            # A prepared statement is one statement: nothing can follow a semicolon and leave the read-only transaction.
            return self._create_engine(self._url, prepare_threshold=0)
        read_only = self._url.set(database=f"file:{self._url.database}", query={"mode": "ro", "uri": "true"})
        return self._create_engine(read_only)

    def _create_engine(self, url: sa.URL, **arguments: Any) -> sa.Engine:
        wait = {"connect_timeout": 10} if self._is_postgresql else {"timeout": 30}
        with self._errors():
            engine = sa.create_engine(
                url, poolclass=sa.NullPool, connect_args=wait | arguments, json_serializer=_to_json, hide_parameters=True
            )
        if self._password is not None:
            sa.event.listen(engine, "do_connect", self._sign_in)
        return engine

    def _sign_in(self, *connecting: Any) -> None:
        """Give a new connection the password of now; the last argument is what the driver is called with."""
        assert self._password is not None
        connecting[-1]["password"] = self._password()

    def _known(self, connection: sa.Connection) -> str:
        """The catalogue's id; "" where it must be made (anew)."""
        if not sa.inspect(connection).has_table(_ABOUT.name):
            return ""
        about = connection.execute(sa.select(_ABOUT)).first()
        if about is None or about.version < _VERSION:
            return ""
        if about.version > _VERSION:
            raise CatalogError(
                f"The catalogue was made by a later release (version {about.version}, this one knows {_VERSION}). Upgrade imaging-assets."
            )
        return str(about.catalog_id)

    def _create(self, connection: sa.Connection) -> str:
        catalog_id = f"{_VERSION}-{uuid.uuid4().hex[:12]}"
        connection.execute(sa.text(f"drop view if exists {VIEW}"))
        _METADATA.drop_all(connection)
        _METADATA.create_all(connection)
        connection.execute(sa.text(self._view()))
        connection.execute(sa.insert(_ABOUT).values(version=_VERSION, catalog_id=catalog_id))
        return catalog_id

    def _view(self) -> str:
        """Imaginem's table under its own names; see its `createImaginemDb.sql`."""
        part = _PARTS[self._url.get_backend_name()]
        made = "json_object" if not self._is_postgresql else "jsonb_build_object"
        words = "description,tags" if self._is_postgresql else "description.tags"
        columns = (
            "id",
            "insights as processing_pipeline",
            "path as image_url",
            f"{made}('original_name', name, 'size', size, 'width', width, 'height', height) as image_parameters",
            "job_output",
            "updated_at as timestamp",
            "batch_id",
            f'{part.format("categories")} as "categoriesJSON"',
            f'{part.format("tags")} as "tagsJSON"',
            f'{part.format(words)} as "descriptionJSON"',
        )
        return f"create view {VIEW} as select {', '.join(columns)} from {TABLE} where status <> 'quarantined'"  # noqa: S608 - our names

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """The library's errors as ours; a URL's password never shows."""
        try:
            yield
        except DBAPIError as error:
            raise self._unreachable(error) from error
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise CatalogError(
                "The catalogue's database needs the extra postgres. Install it: pip install 'imaging-assets[postgres]'."
            ) from error

    def _unreachable(self, error: DBAPIError) -> CatalogError:
        where = self._url.render_as_string(hide_password=True)
        return CatalogError(
            f"The catalogue {where} failed: {_first_line(error)}. Look after the database, then run the day again."
        )


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0].rstrip(".")


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
