"""`demo`: the whole job over made-up days; every number it prints is proved here."""

import json
from pathlib import Path

import pytest

from imaging_assets.cli.demo import play
from imaging_assets.cli.output import Session
from imaging_assets.demo.story import EXPECTATIONS, days
from imaging_assets_tests.builders import a_pipeline
from imaging_assets_tests.cli.command_line import call_cli, landed_files, run_cli


def test_a_day_of_the_story_is_played_once(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path / ".imaging")
    first = days()[0]
    play(Session(as_json=True), pipeline, first)
    landed = landed_files(tmp_path)
    assert set(landed) == {file.path for file in first.arrivals}
    removed = next(iter(landed))
    pipeline.store.delete(f"landing/{removed}")
    play(Session(as_json=True), pipeline, first)
    assert set(landed_files(tmp_path)) == set(landed) - {removed}
    assert json.loads(pipeline.store.read("manifests/_demo.json").data) == [first.day.isoformat()]


@pytest.mark.slow
def test_the_demo_ends_as_its_story_says_and_does_nothing_the_second_time(tmp_path: Path) -> None:
    done = run_cli(tmp_path, "demo")
    assert (done.code, done.err) == (0, "")
    assert f"{EXPECTATIONS.images} documents, {EXPECTATIONS.quarantined} quarantined, {EXPECTATIONS.deleted} removed" in done.out
    assert "Look further:" in done.out
    landed = landed_files(tmp_path)
    assert len(landed) == EXPECTATIONS.landed

    again = run_cli(tmp_path, "demo", "--json")
    assert again.code == 0
    assert again.value["days_up_to_date"] == [day.day.isoformat() for day in days()]
    assert again.value["documents"] == EXPECTATIONS.images
    assert again.value["duplicates"] == EXPECTATIONS.exact_duplicates + EXPECTATIONS.near_duplicates
    assert again.value["accuracy"] >= 0.8
    assert landed_files(tmp_path) == landed

    for look in (("why", "IMG_0043.jpg"), ("search", "--where", "predicted=meadow", "--facet", "predicted")):
        assert call_cli(tmp_path, *look).code == 0
    assert call_cli(tmp_path, "search", "--where", "predicted=meadow", "--json").value["count"] > 10


@pytest.mark.slow
def test_the_digits_have_a_state_folder_of_their_own(tmp_path: Path) -> None:
    done = run_cli(tmp_path, "demo", "--digits", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.value["accuracy"] > 0.9
    assert (tmp_path / ".imaging" / "digits" / "store").is_dir()
    assert not (tmp_path / ".imaging" / "store").exists()
    assert run_cli(tmp_path, "search", "3", IMAGING_HOME=".imaging/digits").code == 0
