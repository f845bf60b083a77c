"""Questions in SQL: to the catalogue in its own dialect, to manifests through polars; nothing can be changed."""

from pathlib import Path

import pytest

from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.cli.command_line import call_cli

NEXT = "2026-03-03"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two days of images."""
    folder = tmp_path_factory.mktemp("project")
    pipeline = a_pipeline(folder / ".imaging")
    land(pipeline, {"a.jpg": a_picture(1), "b.jpg": a_picture(2), "bad.jpg": b"text"})
    land(pipeline, {"c.jpg": a_picture(3)}, NEXT)
    state_labels(pipeline, {"a.jpg": "cat"})
    run_chain(pipeline)
    run_chain(pipeline, NEXT)
    return folder


def test_the_catalogue_answers_for_all_days(project: Path) -> None:
    done = call_cli(project, "sql", "select day, count(*) as images from image_catalog group by day order by day")
    assert done.out.splitlines() == ["day         images", f"{DAY}  3", f"{NEXT}  1", "2 rows"]


def test_scripts_get_json(project: Path) -> None:
    value = call_cli(project, "sql", "select name, faces from image_catalog where name = 'a.jpg'", "--json").value
    assert value == {"columns": ["name", "faces"], "rows": [["a.jpg", None]]}


def test_a_statement_that_names_an_asset_is_answered_from_its_manifests(project: Path) -> None:
    statement = "select day, status, count(*) as n from resized_images group by day, status order by day, status"
    assert call_cli(project, "sql", statement, "--json").value["rows"] == [
        [DAY, "passed", 2],
        [DAY, "quarantined", 1],
        [NEXT, "passed", 1],
    ]


def test_manifests_and_catalogue_can_be_joined(project: Path) -> None:
    statement = (
        "select c.name, array_length(t.tags) as words from image_catalog c join image_tags t on c.sha256 = t.sha256"
        " where t.error = '' order by c.name"
    )
    rows = call_cli(project, "sql", statement, "--json").value["rows"]
    assert [name for name, _ in rows] == ["a.jpg", "b.jpg", "c.jpg"]
    assert all(words >= 1 for _, words in rows)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("delete from image_catalog", "Only questions are answered"),
        ("drop table raw_images", "Only questions are answered"),
        ("select * from no_such", "The catalogue does not understand that: no such table: no_such"),
        ("select nothing from raw_images", "Polars does not understand that"),
        ("select 1; delete from image_catalog", "The catalogue does not understand that"),
        ("with x as (select 1) delete from image_catalog", "The catalogue does not understand that: attempt to write a readonly"),
    ],
)
def test_what_is_no_question_is_refused_with_the_remedy(project: Path, statement: str, said: str) -> None:
    done = call_cli(project, "sql", statement)
    assert done.code == 2
    assert done.complaint.startswith(said)
    assert call_cli(project, "sql", "select count(*) from image_catalog", "--json").value["rows"] == [[4]]
