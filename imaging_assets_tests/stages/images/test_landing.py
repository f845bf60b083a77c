"""Which day a landed blob belongs to: its folder, or its arrival, or nobody's."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from imaging_assets.errors import SettingsError
from imaging_assets.settings import load_settings
from imaging_assets.stages.images.landing import Landing, below_day, day_folder
from imaging_assets.stages.images.raw import take_inventory
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RAW_IMAGES
from imaging_assets_tests.builders import a_picture, a_pipeline, run_chain

BY_ARRIVAL: dict[str, Any] = {"undated": "arrival"}


def arrive(pipeline: Pipeline, home: Path, name: str, when: str, data: bytes = b"x") -> None:
    path = f"landing/{name}"
    pipeline.store.write(path, data)
    seconds = datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp()
    os.utime(home / "store" / path, (seconds, seconds))


def paths(pipeline: Pipeline, day: str) -> list[str]:
    return [blob.path for blob in Landing(pipeline).of_day(day)]


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("{yyyy}/{mm}/{dd}", "landing/2026/03/02/a/b.jpg"),
        ("{yyyy}-{mm}-{dd}", "landing/2026-03-02/a/b.jpg"),
        ("cam.1/{dd}.{mm}.{yyyy}/in", "landing/cam.1/02.03.2026/in/a/b.jpg"),
        ("/in/{yyyy}{mm}{dd}/", "landing/in/20260302/a/b.jpg"),
    ],
)
def test_folders_of_days_are_named_as_the_settings_say(tmp_path: Path, folder: str, path: str) -> None:
    pipeline = a_pipeline(tmp_path, partitions={"folder": folder})
    pipeline.store.write(path, b"x")
    landing = Landing(pipeline)
    assert (landing.days(), landing.day_of(path), below_day(pipeline, path)) == (["2026-03-02"], "2026-03-02", "a/b.jpg")
    assert path.startswith(day_folder(pipeline, "2026-03-02"))
    assert paths(pipeline, "2026-03-02") == [path]
    assert list(landing.strays()) == []


@pytest.mark.parametrize("folder", ["days", "{yyyy}/{mm}", "{yyyy}/{mm}/{dd}/{dd}", "{yyyy}//{mm}/{dd}"])
def test_a_folder_that_does_not_tell_the_day_is_a_wrong_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGING_PARTITIONS__FOLDER", folder)
    with pytest.raises(SettingsError, match=r"partitions\.folder.*once each"):
        load_settings()


def test_what_lies_in_no_folder_of_a_day_is_listed_and_left_alone(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    for name in (
        "2026/03/02/a.jpg", "loose.jpg", "inbox/a.jpg", "2026/notes.txt", "2026/03/loose.jpg", "2026/02/30/a.jpg", "2026/3/2/a.jpg",
        ".hidden.jpg", "2026/.x/a.jpg",
    ):  # fmt: skip
        pipeline.store.write(f"landing/{name}", b"x")
    landing = Landing(pipeline)
    assert landing.days() == ["2026-03-02"]
    assert sorted(blob.path.removeprefix("landing/") for blob in landing.strays()) == [
        "2026/02/30/a.jpg", "2026/03/loose.jpg", "2026/3/2/a.jpg", "2026/notes.txt", "inbox/a.jpg", "loose.jpg",
    ]  # fmt: skip
    assert landing.day_of("landing/loose.jpg") is None


def test_by_arrival_a_loose_blob_belongs_to_the_day_it_came_in_the_timezone_of_the_days(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path, partitions=BY_ARRIVAL | {"timezone": "Europe/Berlin"})
    arrive(pipeline, tmp_path, "a.jpg", "2026-03-02T12:00")
    arrive(pipeline, tmp_path, "dock/b.jpg", "2026-03-02T23:30")
    arrive(pipeline, tmp_path, "2026/03/02/c.jpg", "2020-01-01T00:00")
    landing = Landing(pipeline)
    assert landing.days() == ["2026-03-02", "2026-03-03"]
    assert paths(pipeline, "2026-03-02") == ["landing/2026/03/02/c.jpg", "landing/a.jpg"]
    assert paths(pipeline, "2026-03-03") == ["landing/dock/b.jpg"]
    assert landing.day_of("landing/dock/b.jpg") == Landing(pipeline).day_of("landing/dock/b.jpg") == "2026-03-03"


def test_a_loose_blob_that_changes_later_stays_on_its_day(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path, partitions=BY_ARRIVAL)
    arrive(pipeline, tmp_path, "a.jpg", "2026-03-02T12:00")
    assert Landing(pipeline).days() == ["2026-03-02"]
    arrive(pipeline, tmp_path, "a.jpg", "2026-03-09T12:00", b"changed")
    arrive(pipeline, tmp_path, "b.jpg", "2026-03-09T12:00")
    assert paths(pipeline, "2026-03-02") == ["landing/a.jpg"]
    assert paths(pipeline, "2026-03-09") == ["landing/b.jpg"]
    pipeline.store.delete("landing/a.jpg")
    assert Landing(pipeline).days() == ["2026-03-09"]


def test_looking_again_writes_nothing(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path, partitions=BY_ARRIVAL)
    arrive(pipeline, tmp_path, "a.jpg", "2026-03-02T12:00")
    assert Landing(pipeline).days() == ["2026-03-02"]
    before = list(pipeline.store.list_blobs("manifests/"))
    assert Landing(pipeline).days() == ["2026-03-02"]
    assert list(pipeline.store.list_blobs("manifests/")) == before


def test_days_of_arrival_run_like_any_other_day(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path, partitions=BY_ARRIVAL, labels={"from_folders": True})
    arrive(pipeline, tmp_path, "cat/a.jpg", "2026-03-02T12:00", a_picture(1))
    arrive(pipeline, tmp_path, "b.jpg", "2026-03-02T13:00", a_picture(2))
    run_chain(pipeline, "2026-03-02")
    draft, report = take_inventory(pipeline, "2026-03-02")
    assert (draft.frame, report.images) == (None, 2)
    rows = pipeline.manifests.read(pipeline.manifests.find(RAW_IMAGES.asset, "2026-03-02"), RAW_IMAGES)
    assert rows["path"].to_list() == ["landing/b.jpg", "landing/cat/a.jpg"]
    documents = [pipeline.index.get(key) for key in pipeline.index.ids()]
    assert sorted((document["path"], document["day"], document["tags"]) for document in documents if document) == [
        ("landing/b.jpg", "2026-03-02", []),
        ("landing/cat/a.jpg", "2026-03-02", ["cat"]),
    ]
