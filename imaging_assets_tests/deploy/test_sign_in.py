"""Production's storage signs in to PostgreSQL with a managed identity's token, over TLS, and with nothing else."""

import os
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster_postgres import PostgresRunStorage
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy import text

from imaging_assets.azure import credentials
from imaging_assets.backends import build_catalog
from imaging_assets.settings import Settings
from imaging_assets_tests.azure.managed_identity import a_managed_identity
from imaging_assets_tests.deploy.files import read_yaml

pytestmark = pytest.mark.slow
if os.name != "posix":
    pytest.skip("users and groups are a matter of POSIX", allow_module_level=True)

from imaging_assets_tests.deploy.postgres import Server, a_postgres  # noqa: E402


def use(server: Server, identity: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, home: Path) -> dg.DagsterInstance:
    """An instance with the storage of `dagster.yaml`, as a pod has it."""
    variables = {
        "DAGSTER_PG_HOST": "127.0.0.1",
        "DAGSTER_PG_PORT": str(server.port),
        "DAGSTER_PG_USERNAME": server.username,
        "DAGSTER_PG_DB": server.database,
        **identity,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (home / "dagster.yaml").write_text(yaml.safe_dump({"storage": read_yaml("dagster.yaml")["storage"]}), encoding="utf-8")
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home)))


def test_a_token_opens_the_database_over_tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with a_postgres() as server, a_managed_identity(lambda _: server.password) as (identity, asked):
        with use(server, identity, monkeypatch, tmp_path) as instance:
            runs = instance.run_storage
            assert isinstance(runs, PostgresRunStorage)
            instance.report_runless_asset_event(dg.AssetMaterialization("raw_images"))
            assert instance.get_latest_materialization_event(dg.AssetKey("raw_images")) is not None
            with runs.connect() as connection:
                encrypted = connection.execute(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).scalar()
        assert encrypted is True
        assert set(asked) == {"https://ossrdbms-aad.database.windows.net"}


def test_the_catalogue_signs_in_with_a_token_too(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials.identity.cache_clear()
    with a_postgres() as server, a_managed_identity(lambda _: server.password) as (identity, asked):
        for name, value in identity.items():
            monkeypatch.setenv(name, value)
        url = f"postgresql+psycopg://{server.username}@127.0.0.1:{server.port}/{server.database}?sslmode=require"
        catalog = build_catalog(Settings.model_validate({"profile": "azure", "catalog": {"url": url}}))

        catalog.write([], [])
        ((rows,),) = catalog.query("SELECT count(*) FROM image_catalog").rows
        ((encrypted,),) = catalog.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").rows

    credentials.identity.cache_clear()
    assert (rows, encrypted) == (0, True)
    assert set(asked) == {"https://ossrdbms-aad.database.windows.net"}


def test_a_wrong_token_opens_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (
        a_postgres() as server,
        a_managed_identity(lambda _: "wrong") as (identity, asked),
        pytest.raises(DagsterPostgresException) as caught,
        use(server, identity, monkeypatch, tmp_path),
    ):
        pytest.fail("the database let somebody in")
    assert "password authentication failed" in str(caught.value.__cause__)
    assert asked
