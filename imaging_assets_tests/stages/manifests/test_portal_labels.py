"""What people tag in the portal is a label file: no echo of our own tags, times that stay, withdrawals."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from imaging_assets.errors import LabelFileError
from imaging_assets.ports.portal import Portal
from imaging_assets.records.manifests import PortalImage, PortalView, Region
from imaging_assets.stages.days import Days
from imaging_assets.stages.manifests.portal_labels import PullReport, portal_file, pull_labels
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import ALL
from imaging_assets.stages.tables import LABEL_RECORDS, RESIZED_IMAGES, TAGGED_MANIFESTS
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.doubles import CountingBlobStore, over

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Tagged(Portal):
    """A project that holds what it is told."""

    def __init__(self, images: Iterable[PortalImage] = (), known: Iterable[str] = (), not_now: str = "") -> None:
        self.view = PortalView((), not_now=not_now)
        if not not_now:
            self.show(images, known)

    def show(self, images: Iterable[PortalImage], known: Iterable[str] = ()) -> None:
        """Hold these images; the digests that are `known` besides have no tags."""
        images = tuple(images)
        self.view = PortalView(images, frozenset({*known, *(image.sha256 for image in images)}))

    @override
    def look(self) -> PortalView:
        return self.view


def a_day(home: Path, **settings: Any) -> tuple[Pipeline, dict[str, str]]:
    """Two red images; returns the pipeline with an empty portal, and sha256 by name."""
    pipeline = replace(a_pipeline(home, **settings), portal=Tagged())
    land(pipeline, {"a.jpg": a_picture(1), "b.jpg": a_picture(2)})
    state_labels(pipeline, {"a.jpg": "red", "b.jpg": "red"})
    run_chain(pipeline)
    rows = pipeline.manifests.read(pipeline.manifests.find("resized_images", DAY), RESIZED_IMAGES)
    return pipeline, {path.rpartition("/")[2]: sha256 for path, sha256 in rows.select("path", "sha256").iter_rows()}


def show(pipeline: Pipeline, *images: PortalImage, known: Iterable[str] = (), at: datetime = NOON) -> PullReport:
    """Let the portal hold this, and pull."""
    assert isinstance(pipeline.portal, Tagged)
    pipeline.portal.show(images, known)
    return pull_labels(pipeline, at)


def tags(pipeline: Pipeline) -> dict[str, list[str]]:
    """By name, after a run."""
    run_chain(pipeline)
    rows = pipeline.manifests.read(pipeline.manifests.find("tagged_manifests", DAY), TAGGED_MANIFESTS)
    return {path.rpartition("/")[2]: found for path, found in rows.select("path", "tags").iter_rows()}


def test_what_the_trainer_gave_an_image_is_no_statement(tmp_path: Path) -> None:
    pipeline, digests = a_day(tmp_path)
    report = show(pipeline, *(PortalImage(sha256, ("red",), ours=True) for sha256 in digests.values()))
    assert report == PullReport()
    assert pipeline.store.find(portal_file(pipeline)) is None
    state_labels(pipeline, {"b.jpg": "red"})  # the label of a.jpg is withdrawn, and no echo holds it
    assert tags(pipeline) == {"a.jpg": [], "b.jpg": ["red"]}


def test_a_tag_of_the_portal_is_noticed_and_wins_as_the_newest_statement(tmp_path: Path) -> None:
    pipeline, digests = a_day(tmp_path)
    assert not Days(pipeline).labels_behind()
    report = show(pipeline, PortalImage(digests["a.jpg"], ("blue",), when=NOON))
    assert (report.statements, report.new) == (1, 1)
    assert Days(pipeline).labels_behind()
    assert tags(pipeline) == {"a.jpg": ["blue"], "b.jpg": ["red"]}
    records = pipeline.manifests.read(pipeline.manifests.find("label_records", ALL), LABEL_RECORDS)
    (row,) = [row for row in records.iter_rows(named=True) if row["tags"] == ["blue"]]
    assert (row["status"], row["who"], row["stated_at"]) == ("bound", "Custom Vision", NOON)


def test_a_label_file_that_is_newer_than_the_tag_of_the_portal_wins(tmp_path: Path) -> None:
    pipeline, digests = a_day(tmp_path)
    show(pipeline, PortalImage(digests["a.jpg"], ("blue",), when=datetime(2020, 1, 1, tzinfo=UTC)))
    assert tags(pipeline)["a.jpg"] == ["red"]


def test_an_unchanged_portal_changes_no_byte_and_adds_no_statement(tmp_path: Path) -> None:
    pipeline, digests = a_day(tmp_path)
    image = PortalImage(digests["a.jpg"], ("blue",))
    show(pipeline, image)
    run_chain(pipeline)
    counted = over(pipeline, CountingBlobStore(pipeline.store))
    report = show(counted, image, at=NOON + timedelta(hours=1))
    assert (report.new, report.changed, report.withdrawn) == (0, 0, 0)
    assert isinstance(counted.store, CountingBlobStore)
    assert counted.store.writes == []
    assert not Days(pipeline).labels_behind()


def test_a_statement_outlives_the_trainer_that_writes_it_back(tmp_path: Path) -> None:
    """Else the label would fall back to what was said before, be written to the project, and so on for ever."""
    pipeline, digests = a_day(tmp_path)
    show(pipeline, PortalImage(digests["a.jpg"], ("blue",), when=NOON))
    show(pipeline, PortalImage(digests["a.jpg"], ("blue",), ours=True))
    assert tags(pipeline)["a.jpg"] == ["blue"]


def test_a_statement_outlives_an_image_that_the_trainer_took_out(tmp_path: Path) -> None:
    pipeline, digests = a_day(tmp_path)
    show(pipeline, PortalImage(digests["a.jpg"], ("a tag of one image",), when=NOON))
    show(pipeline)
    assert tags(pipeline)["a.jpg"] == ["a tag of one image"]


def test_a_tag_that_goes_in_the_portal_is_withdrawn(tmp_path: Path) -> None:
    pipeline, digests = a_day(tmp_path)
    show(pipeline, PortalImage(digests["a.jpg"], ("blue",), when=NOON))
    assert tags(pipeline)["a.jpg"] == ["blue"]
    report = show(pipeline, known=[digests["a.jpg"]])
    assert (report.withdrawn, report.file) == (1, "")
    assert tags(pipeline)["a.jpg"] == ["red"]
    records = pipeline.manifests.read(pipeline.manifests.find("label_records", ALL), LABEL_RECORDS)
    (row,) = [row for row in records.iter_rows(named=True) if row["tags"] == ["blue"]]
    assert row["retracted_at"] is not None


def test_another_tag_is_another_statement_with_its_own_time(tmp_path: Path) -> None:
    pipeline, digests = a_day(tmp_path)
    show(pipeline, PortalImage(digests["a.jpg"], ("blue", "green"), when=NOON))
    report = show(pipeline, PortalImage(digests["a.jpg"], ("green",)), at=NOON + timedelta(hours=2))
    assert report.changed == 1
    assert tags(pipeline)["a.jpg"] == ["green"]


def test_boxes_and_tags_with_any_character_come_back_whole(tmp_path: Path) -> None:
    pipeline, digests = a_day(tmp_path)
    box = Region('=1+1|", 🌹', 0.25, 0.125, 0.5, 0.75)
    show(pipeline, PortalImage(digests["a.jpg"], (box.tag, "whole | image"), (box,), when=NOON))
    run_chain(pipeline)
    rows = pipeline.manifests.read(pipeline.manifests.find("tagged_manifests", DAY), TAGGED_MANIFESTS)
    (row,) = rows.filter(rows["sha256"] == digests["a.jpg"]).iter_rows(named=True)
    assert row["tags"] == [box.tag, "whole | image"]
    assert row["regions"] == [{"tag": box.tag, "left": 0.25, "top": 0.125, "width": 0.5, "height": 0.75}]


def test_a_portal_that_cannot_tell_leaves_the_file_alone(tmp_path: Path) -> None:
    pipeline, digests = a_day(tmp_path)
    show(pipeline, PortalImage(digests["a.jpg"], ("blue",), when=NOON))
    busy = replace(pipeline, portal=Tagged(not_now="busy"))
    assert pull_labels(busy, NOON).not_now == "busy"
    assert pipeline.store.find(portal_file(pipeline))
    assert "custom_vision.pull_labels" in pull_labels(replace(pipeline, portal=None), NOON).not_now


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"data": {}}]', '{"a": 1}'])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, text: str) -> None:
    pipeline, digests = a_day(tmp_path) if not text else (replace(a_pipeline(tmp_path), portal=Tagged()), {"a.jpg": "0" * 64})
    pipeline.store.write(portal_file(pipeline), text.encode())
    with pytest.raises(LabelFileError, match=r"portal\.json is not what was written there\. Delete it"):
        show(pipeline, PortalImage(digests["a.jpg"], ("blue",), when=NOON))
