"""Images land in several folders: days unite them, each image tells its source, and one source is as it always was."""

import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from imaging_assets.errors import MassDeletionError, SettingsError, StoreUnavailableError
from imaging_assets.records.search import SearchQuery
from imaging_assets.settings import load_settings
from imaging_assets.stages.days import Days, check_vanished
from imaging_assets.stages.digests import digest, rows_digest, sha256_of
from imaging_assets.stages.images.landing import (
    MARKER,
    Landing,
    below_day,
    short_path,
    source_of,
    whole_path,
)
from imaging_assets.stages.images.raw import check_marker, take_inventory
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import ALL
from imaging_assets.stages.tables import LABEL_RECORDS, RAW_IMAGES, RESIZED_IMAGES, TAGGED_MANIFESTS
from imaging_assets.stages.trace import tell
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain, state_labels

BELOW = DAY.replace("-", "/")
TWO: dict[str, Any] = {"landing": {"sources": [{"name": "factory", "folder": "line/one"}]}}


def two(home: Path, **settings: Any) -> Pipeline:
    return a_pipeline(home, **(TWO | settings))


def produce(pipeline: Pipeline, pictures: dict[str, bytes], day: str = DAY) -> None:
    """Write pictures into the factory's folder of a day."""
    for name, data in pictures.items():
        pipeline.store.write(f"line/one/{day.replace('-', '/')}/{name}", data)


def inventory(pipeline: Pipeline, day: str = DAY, **consent: bool) -> pl.DataFrame:
    pipeline.manifests.commit(take_inventory(pipeline, day, **consent)[0])
    return pipeline.manifests.read(pipeline.manifests.find("raw_images", day), RAW_IMAGES)


def test_a_day_holds_the_images_of_all_sources_and_each_tells_its_own(tmp_path: Path) -> None:
    pipeline = two(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1)})
    produce(pipeline, {"a.jpg": a_picture(2)})
    produce(pipeline, {"b.jpg": a_picture(3)}, "2026-03-05")
    assert Landing(pipeline).days() == [DAY, "2026-03-05"]
    assert dict(inventory(pipeline).select("path", "source").iter_rows()) == {
        f"landing/{BELOW}/a.jpg": "",
        f"line/one/{BELOW}/a.jpg": "factory",
    }


def test_the_source_is_in_every_place_that_speaks_of_an_image(tmp_path: Path) -> None:
    pipeline = two(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1)})
    produce(pipeline, {"b.jpg": a_picture(2)})
    run_chain(pipeline)
    resized = pipeline.manifests.read(pipeline.manifests.find("resized_images", DAY), RESIZED_IMAGES)
    assert resized["source"].to_list() == ["", "factory"]
    answer = pipeline.index.query(SearchQuery(facets=("source",)))
    assert {str(hit.document["name"]): hit.document["source"] for hit in answer.hits} == {"a.jpg": None, "b.jpg": "factory"}
    assert answer.facets["source"] == (("factory", 1),)
    rows = pipeline.catalog.query("select name, source from image_catalog order by name").rows
    assert rows == (("a.jpg", None), ("b.jpg", "factory"))
    assert tell(pipeline, f"line/one/{BELOW}/b.jpg").image.row["source"] == "factory"


def test_what_stood_before_sources_were_named_is_read_and_not_worked_again(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1)})
    run_chain(pipeline)
    for table, version in ((RAW_IMAGES, 1), (RESIZED_IMAGES, 2)):
        stands = pipeline.manifests.find(table.asset, DAY)
        older = pipeline.manifests.read(stands, table).drop("source")
        assert rows_digest(older, table.timeless) == stands.rows  # as the release before named it
        data = io.BytesIO()
        older.write_parquet(data, metadata={"imaging_assets.version": str(version), "imaging_assets.sha256": "0" * 64})
        pipeline.store.write(stands.blob.path, _sealed(data.getvalue()))
        assert pipeline.manifests.read(stands, table)["source"].to_list() == [""]
    assert Days(pipeline).behind(DAY) is None
    produce(two(tmp_path), {"b.jpg": a_picture(2)}, "2026-03-05")
    assert Days(two(tmp_path)).behind(DAY) is None


def _sealed(data: bytes) -> bytes:
    """With the checksum that a manifest carries."""
    place = data.rfind(b"0" * 64)
    return data[:place] + sha256_of(data).encode() + data[place + 64 :]


def test_a_listing_of_one_unnamed_source_has_the_digest_it_always_had(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {"a.jpg": b"x"})
    blobs = Landing(pipeline).of_day(DAY)
    assert take_inventory(pipeline, DAY)[0].inputs == digest("raw-1", [(blob.path, blob.etag, blob.size) for blob in blobs])


def test_naming_the_source_that_was_there_reads_no_image_again(tmp_path: Path) -> None:
    land(a_pipeline(tmp_path), {"a.jpg": a_picture(1)})
    run_chain(a_pipeline(tmp_path))
    named = a_pipeline(tmp_path, landing={"sources": [{"name": "office", "folder": "landing"}]})
    reports = run_chain(named)
    assert (reports["resized_images"].read, reports["search_documents"].sent) == (0, 1)
    assert tell(named, "a.jpg").image.row["source"] == "office"


def test_strays_and_arrivals_are_found_in_every_source(tmp_path: Path) -> None:
    pipeline = two(tmp_path)
    pipeline.store.write("line/one/loose.jpg", b"x")
    pipeline.store.write("line/one/2026/99/99/never.jpg", b"x")
    pipeline.store.write(f"line/one/{MARKER}", b"{}")
    assert [blob.path for blob in Landing(pipeline).strays()] == ["line/one/loose.jpg", "line/one/2026/99/99/never.jpg"]
    by_arrival = two(tmp_path, partitions={"undated": "arrival"})
    (day,) = Landing(by_arrival).days()
    assert [blob.path for blob in Landing(by_arrival).of_day(day)] == [
        "line/one/2026/99/99/never.jpg",
        "line/one/loose.jpg",
    ]
    assert Landing(by_arrival).day_of("line/one/loose.jpg") == day


def test_a_small_source_that_vanishes_beside_a_large_one_stops_the_day(tmp_path: Path) -> None:
    pipeline = two(tmp_path)
    land(pipeline, {f"{number}.jpg": b"x" for number in range(100)})
    produce(pipeline, {f"{number}.jpg": b"yy" for number in range(25)})
    inventory(pipeline)
    for blob in list(pipeline.store.list_blobs("line/")):
        pipeline.store.delete(blob.path)
    land(pipeline, {f"new-{number}.jpg": b"x" for number in range(30)})
    with pytest.raises(MassDeletionError, match=r"25 of 25 images of 2026-03-02 are gone from the landing source line/one"):
        take_inventory(pipeline, DAY)
    assert inventory(pipeline, accept_deletions=True).height == 130


def test_images_that_move_from_one_source_to_another_are_not_lost(tmp_path: Path) -> None:
    pipeline = two(tmp_path)
    land(pipeline, {"still.jpg": b"x"})
    produce(pipeline, {f"{number}.jpg": b"yy" for number in range(25)})
    inventory(pipeline)
    for blob in list(pipeline.store.list_blobs("line/")):
        pipeline.store.delete(blob.path)
    land(pipeline, {f"{number}.jpg": b"yy" for number in range(25)})
    assert inventory(pipeline).height == 26


def test_a_source_that_vanishes_from_three_days_at_once_stops_everything(tmp_path: Path) -> None:
    pipeline = two(tmp_path)
    days = [DAY, "2026-03-03", "2026-03-04"]
    for day in days:
        land(pipeline, {"a.jpg": b"x"}, day)
        produce(pipeline, {"a.jpg": b"y"}, day)
        inventory(pipeline, day)
    assert Days(pipeline).vanished(days) == []
    for blob in list(pipeline.store.list_blobs("line/")):
        pipeline.store.delete(blob.path)
    assert Days(pipeline).vanished(days) == days
    with pytest.raises(MassDeletionError, match="3 days lost all their images"):
        check_vanished(Days(pipeline), days)


def test_the_marker_that_somebody_put_into_a_source_must_stay_and_none_is_written_there(tmp_path: Path) -> None:
    pipeline = two(tmp_path)
    produce(pipeline, {"a.jpg": b"x"})
    inventory(pipeline)
    assert pipeline.store.find(f"line/one/{MARKER}") is None
    pipeline.store.write(f"line/one/{MARKER}", b"{}")
    check_marker(pipeline)
    pipeline.store.delete(f"line/one/{MARKER}")
    with pytest.raises(StoreUnavailableError, match=r"line/one/_imaging_assets\.json is gone"):
        check_marker(pipeline)


def test_label_files_find_images_of_every_source(tmp_path: Path) -> None:
    pipeline = two(tmp_path, labels={"sources": [{"name": "qa", "folder": "labels/qa", "images": "line/one"}]})
    land(pipeline, {"a.jpg": a_picture(1), "c.jpg": a_picture(5)})
    produce(pipeline, {"a.jpg": a_picture(2), "b.jpg": a_picture(3)})
    state_labels(
        pipeline, {f"{BELOW}/b.jpg": "by day", f"line/one/{BELOW}/a.jpg": "whole", "c.jpg": "name", f"{BELOW}/a.jpg": "two"}
    )
    state_labels(pipeline, {f"{BELOW}/b.jpg": "qa", "c.jpg": "not of the factory"}, "qa/labels.csv")
    run_chain(pipeline)
    records = pipeline.manifests.read(pipeline.manifests.find("label_records", ALL), LABEL_RECORDS)
    told = {row["tags"][0]: (row["status"], row["path"]) for row in records.iter_rows(named=True)}
    assert told == {
        "by day": ("bound", f"line/one/{BELOW}/b.jpg"),
        "whole": ("bound", f"line/one/{BELOW}/a.jpg"),
        "name": ("bound", f"landing/{BELOW}/c.jpg"),
        "two": ("ambiguous", ""),
        "qa": ("bound", f"line/one/{BELOW}/b.jpg"),
        "not of the factory": ("unmatched", ""),
    }


def test_folders_below_the_day_are_labels_in_every_source(tmp_path: Path) -> None:
    pipeline = two(tmp_path, labels={"from_folders": True})
    land(pipeline, {"rose/a.jpg": a_picture(1)})
    produce(pipeline, {"scratch/a.jpg": a_picture(2)})
    run_chain(pipeline)
    tagged = pipeline.manifests.read(pipeline.manifests.find("tagged_manifests", DAY), TAGGED_MANIFESTS)
    assert tagged["tags"].to_list() == [["rose"], ["scratch"]]


@pytest.mark.parametrize(
    ("path", "short"),
    [
        (f"landing/{BELOW}/a.jpg", f"{BELOW}/a.jpg"),
        (f"line/one/{BELOW}/a.jpg", f"line/one/{BELOW}/a.jpg"),
        ("landing/line/one/a.jpg", "landing/line/one/a.jpg"),  # its end looks like a path of the other source
    ],
)
def test_the_path_that_people_see_leads_back(tmp_path: Path, path: str, short: str) -> None:
    pipeline = two(tmp_path)
    assert short_path(pipeline, path) == short
    assert whole_path(pipeline, short) == path


def test_paths_tell_their_source(tmp_path: Path) -> None:
    pipeline = two(tmp_path)
    assert source_of(pipeline, "line/one/x.jpg") == "factory"
    assert source_of(pipeline, "landing/line/one/x.jpg") == ""
    assert below_day(pipeline, f"line/one/{BELOW}/cam/a.jpg") == "cam/a.jpg"


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ('{name = "a", folder = "manifests/in"}', "lies inside 'manifests'"),
        ('{name = "a", folder = "landing/in"}', "lies inside 'landing'"),
        ('{name = "a", folder = "x"}, {name = "b", folder = "x/y"}', "holds 'x/y'"),
        ('{name = "a", folder = "x"}, {name = "a", folder = "y"}', "two sources have the name 'a'"),
    ],
)
def test_sources_that_would_read_what_we_write_are_a_wrong_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toml: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("imaging.toml").write_text(f"[landing]\nsources = [{toml}]\n")
    with pytest.raises(SettingsError, match=told):
        load_settings()
