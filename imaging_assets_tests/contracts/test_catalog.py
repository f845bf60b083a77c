"""What every `Catalog` promises, over SQLite and, where its binaries are, PostgreSQL."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from imaging_assets.embedded.catalog import SqlCatalog
from imaging_assets.errors import CatalogError, QueryError
from imaging_assets.records.catalog import COLUMNS
from imaging_assets_tests.contracts.postgres import a_server

Catalogs = Callable[[], SqlCatalog]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with a_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def build(request: pytest.FixtureRequest, tmp_path: Path) -> Catalogs:
    """Opens one and the same empty catalogue, again and again."""
    if request.param == "sqlite":
        return lambda: SqlCatalog(f"sqlite:///{tmp_path / 'catalog ü.db'}")
    url: str = request.getfixturevalue("server")
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.execute(sa.text("drop schema public cascade"))
        connection.execute(sa.text("create schema public"))
    return lambda: SqlCatalog(url)


def a_row(key: str, **values: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | {
        "id": key,
        "path": f"landing/{key}.jpg",
        "name": f"{key}.jpg",
        "status": "passed",
    }
    row |= {"day": date(2026, 3, 2), "size": 7_000_000_000, "width": 4, "height": 3, "probability": 0.1}
    row |= {"tags": ["cat"], "insights": {}, "job_output": {}, "updated_at": datetime(2026, 3, 2, 12, tzinfo=UTC)}
    return row | values


def names(catalog: SqlCatalog) -> list[str]:
    return [row[0] for row in catalog.query("select name from image_catalog order by name").rows]


def test_rows_come_back_with_their_types(build: Catalogs) -> None:
    catalog = build()
    taken = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    catalog.write([a_row("a", captured_at=taken, text="Ünï", tags=["cat", "big dog"], insights={"t": {"n": 1}})], [])

    told = catalog.query("select size, probability, text, day from image_catalog")

    assert told.columns == ("size", "probability", "text", "day")
    assert [str(value) for value in told.rows[0]] == ["7000000000", "0.1", "Ünï", "2026-03-02"]
    (tags,) = catalog.query("select tags from image_catalog").rows[0]
    assert (json.loads(tags) if isinstance(tags, str) else tags) == ["cat", "big dog"]


def test_writing_a_row_again_replaces_it_and_deleting_takes_it_away(build: Catalogs) -> None:
    catalog = build()
    catalog.write([a_row("a"), a_row("b")], [])
    catalog.write([a_row("a", name="new.jpg"), a_row("c")], ["b", "never there"])
    assert names(catalog) == ["c.jpg", "new.jpg"]


def test_many_rows_and_many_deletions_go_through(build: Catalogs) -> None:
    catalog = build()
    catalog.write([a_row(f"{number:04}") for number in range(1201)], [])
    catalog.write([], [f"{number:04}" for number in range(1200)])
    assert names(catalog) == ["1200.jpg"]


def test_a_write_happens_whole_or_not_at_all(build: Catalogs) -> None:
    catalog = build()
    catalog.write([a_row("a")], [])
    with pytest.raises(CatalogError):
        catalog.write([a_row("b"), a_row("c", id=None)], ["a"])
    assert names(catalog) == ["a.jpg"]


def test_its_id_stays_until_the_database_is_made_anew(build: Catalogs) -> None:
    known = build().catalog_id
    build().write([a_row("a")], [])
    assert build().catalog_id == known
    with build()._engine.begin() as connection:
        connection.execute(sa.text("update imaging_assets_catalog set version = 0"))
    assert build().catalog_id != known
    assert names(build()) == []


def test_a_catalogue_of_a_later_release_is_left_alone(build: Catalogs) -> None:
    build().write([a_row("a")], [])
    with build()._engine.begin() as connection:
        connection.execute(sa.text("update imaging_assets_catalog set version = 99"))
    with pytest.raises(CatalogError, match="Upgrade imaging-assets"):
        _ = build().catalog_id
    with pytest.raises(CatalogError, match="Upgrade imaging-assets"):
        build().write([a_row("b")], [])
    assert names(build()) == ["a.jpg"]


@pytest.mark.parametrize(
    "statement",
    [
        "delete from image_catalog",
        "update image_catalog set name = 'x'",
        "drop table image_catalog",
        "insert into image_catalog (id) values ('x')",
        "select 1; delete from image_catalog",
        "commit; delete from image_catalog; begin",
        "create table t (x integer)",
        "with gone as (delete from image_catalog returning id) select * from gone",
        "selekt",
        "",
    ],
)
def test_a_question_changes_nothing(build: Catalogs, statement: str) -> None:
    catalog = build()
    catalog.write([a_row("a")], [])
    with pytest.raises(QueryError):
        catalog.query(statement)
    assert names(catalog) == ["a.jpg"]


def test_percent_and_colon_in_a_question_are_taken_as_they_are(build: Catalogs) -> None:
    catalog = build()
    catalog.write([a_row("a", text="12:30")], [])
    assert catalog.query("select id from image_catalog where text like '%:30' and name like 'a%'").rows == (("a",),)


def test_the_view_has_imaginem_s_columns(build: Catalogs) -> None:
    catalog = build()
    output = {"generalclassification": {"tags": [{"name": "cat"}], "categories": [], "description": {"tags": ["cat"]}}}
    catalog.write([a_row("a", job_output=output, batch_id="b1"), a_row("bad", status="quarantined")], [])

    told = catalog.query("select * from pipeline_output")

    assert told.columns == (
        *("id", "processing_pipeline", "image_url", "image_parameters", "job_output", "timestamp", "batch_id"),
        *("categoriesJSON", "tagsJSON", "descriptionJSON"),
    )
    (row,) = (dict(zip(told.columns, found, strict=True)) for found in told.rows)
    assert (row["id"], row["image_url"], row["batch_id"]) == ("a", "landing/a.jpg", "b1")
    assert str(row["tagsJSON"]).replace("'", '"').replace(" ", "") == '[{"name":"cat"}]'
    assert str(row["descriptionJSON"]).replace("'", '"') == '["cat"]'


def test_a_database_that_cannot_be_reached_is_named_without_its_password() -> None:
    pytest.importorskip("psycopg", reason="install the extra postgres")
    catalog = SqlCatalog("postgresql+psycopg://someone:hunter2@127.0.0.1:1/nothing")
    with pytest.raises(CatalogError) as caught:
        _ = catalog.catalog_id
    assert "someone:***@127.0.0.1" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["nonsense", "oracle://host/name"])
def test_a_url_that_names_no_database_we_know_is_refused(url: str) -> None:
    with pytest.raises(CatalogError, match=r"catalog\.url"):
        SqlCatalog(url)
