"""What a release wrote, the code of now reads, understands and continues."""

from pathlib import Path

import pytest

from imaging_assets.backends import build
from imaging_assets.records.search import SearchQuery
from imaging_assets.stages.days import Days
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.tables import RESIZED_IMAGES, TAGGED_MANIFESTS
from imaging_assets_tests.builders import a_picture, land, run_chain
from imaging_assets_tests.chaos.releases import STATES, unpack
from imaging_assets_tests.chaos.story import FIRST, settings_at
from imaging_assets_tests.doubles import CountingBlobStore, over

REWORKED: dict[str, set[str]] = {"0.1.0": {"search_documents", "image_catalog"}}
"""By release, the steps that a later one does again on purpose (its recipe was raised); everything else must stand."""


def test_every_kept_state_is_tested() -> None:
    assert {path.name.removesuffix(".tar.xz") for path in STATES.iterdir()} == REWORKED.keys()


@pytest.mark.parametrize("release", REWORKED)
def test_a_state_of_a_release_is_read_and_continued_without_doing_anything_again(release: str, tmp_path: Path) -> None:
    pipeline = build(settings_at(unpack(release, tmp_path)))
    days = Days(pipeline)
    behind = days.behind(FIRST)
    assert {*(behind.steps if behind else ())} <= REWORKED[release]
    assert not days.labels_behind()
    assert REWORKED[release] or not (days.training_set_behind() or days.iteration_behind())
    tagged = pipeline.manifests.read(pipeline.manifests.find("tagged_manifests", FIRST), TAGGED_MANIFESTS)
    assert tagged.filter(tagged["tags"].list.len() > 0).height == 13
    resized = pipeline.manifests.read(pipeline.manifests.find("resized_images", FIRST), RESIZED_IMAGES)
    assert sorted(resized["status"]).count("quarantined") == 1
    assert pipeline.index.query(SearchQuery()).count == 13
    rewritten = "image_catalog" in REWORKED[release]  # its columns changed: made anew, and filled from the tables
    assert pipeline.catalog.query("select count(*) from image_catalog").rows == ((0 if rewritten else 14,),)
    published = Registry(pipeline.store).published()
    assert published is not None

    land(pipeline, {"late.jpg": a_picture(99, (64, 48))}, FIRST)
    counting = CountingBlobStore(pipeline.store)
    reports = run_chain(over(pipeline, counting), FIRST)

    assert counting.reads_below("landing/") == ["landing/2026/03/02/late.jpg"]
    assert [path for path in counting.writes if path.startswith("models/") and path.count("/scores/") == 0] == []
    assert reports["predictions"].model_id == published.model_id
    assert pipeline.index.query(SearchQuery()).count == 14
    assert pipeline.catalog.query("select count(*) from image_catalog").rows == ((15,),)
    assert Days(pipeline).behind(FIRST) is None
