"""Rows of `doctor` about this machine: each says what it found and, where that will not do, what to do."""

import sqlite3
from contextlib import closing

import pytest

from imaging_assets.stages.doctor import dagster, disk, full_text, python

RELEASE = {"dagster": "1.13.27", "dagster-webserver": "1.13.27", "dagster-azure": "0.29.27"}


@pytest.mark.parametrize(("free", "state"), [(2_000_000_000, "ok"), (1_999_999_999, "warn"), (0, "warn")])
def test_a_disk_with_too_little_room_for_a_day_is_warned_of(free: int, state: str) -> None:
    row = disk(free)
    assert (row.state, row.detail) == (state, f"{free / 1e9:.1f} GB free")
    assert row.remedy == ("" if state == "ok" else "Free space: 2 GB are wanted for a day under way.")


@pytest.mark.parametrize(("release", "state"), [((3, 11, 0), "ok"), ((3, 14, 1), "ok"), ((3, 10, 14), "fail")])
def test_a_python_that_is_too_old_fails(release: tuple[int, ...], state: str) -> None:
    row = python(release)
    assert row.state == state
    assert row.detail.startswith(".".join(map(str, release)))


def test_packages_of_dagster_of_one_release_are_well() -> None:
    row = dagster(RELEASE)
    assert (row.state, row.detail) == ("ok", "dagster 1.13.27, dagster-webserver 1.13.27, dagster-azure 0.29.27")


@pytest.mark.parametrize("other", [{"dagster-webserver": "1.13.26"}, {"dagster-azure": "0.29.26"}, {"dagster": "1.12.27"}])
def test_packages_of_dagster_of_two_releases_fail_with_the_command_that_mends_it(other: dict[str, str]) -> None:
    row = dagster(RELEASE | other)
    assert row.state == "fail"
    assert "pip install -c constraints.txt imaging-assets" in row.remedy


def test_a_sqlite_without_full_text_search_fails() -> None:
    def refuse(action: int, *_: str | None) -> int:
        return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_CREATE_VTABLE else sqlite3.SQLITE_OK

    with closing(sqlite3.connect(":memory:")) as database:
        assert full_text(database).state == "ok"
        database.set_authorizer(refuse)
        row = full_text(database)
    assert (row.state, row.remedy) == ("fail", "Use a Python whose SQLite has FTS5 (python.org's).")
