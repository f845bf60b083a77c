"""The portal's tags as labels, over the service's own protocol: from a person's click to the next training, and never our own echo."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from imaging_assets.azure.custom_vision.annotations import CustomVisionPortal
from imaging_assets.azure.custom_vision.memory import Memory
from imaging_assets.stages.manifests.portal_labels import pull_labels
from imaging_assets.stages.models.registry import now_utc
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.azure.custom_vision import World
from imaging_assets_tests.azure.custom_vision_server import CustomVisionServer
from imaging_assets_tests.azure.custom_vision_server.service import StoredImage, now
from imaging_assets_tests.azure.test_custom_vision_days import a_day_of, over_custom_vision
from imaging_assets_tests.builders import a_pipeline, run_chain
from imaging_assets_tests.stages.manifests.days import gather
from imaging_assets_tests.stages.models.doubles import iterate_day


@pytest.fixture
def server() -> Iterator[CustomVisionServer]:
    with CustomVisionServer() as running:
        yield running


@pytest.fixture
def trained(server: CustomVisionServer, tmp_path: Path) -> tuple[Pipeline, World]:
    """A day of twenty red and twenty blue pictures that Custom Vision learnt from, its portal a source of labels."""
    pipeline, world = over_custom_vision(a_pipeline(tmp_path), tmp_path, server)
    pipeline = replace(pipeline, portal=CustomVisionPortal(world.store, world.connection, world.policy))
    a_day_of(pipeline, 20)
    iterate_day(pipeline)
    return pipeline, world


def click(world: World, image: StoredImage, *names: str) -> None:
    """Somebody gives an image these tags in the portal, in place of those it had."""
    ids = {tag.name: tag.id for tag in world.project.tags.values()}
    image.tags = {ids[name]: image.tags.get(ids[name], now() + timedelta(seconds=1)) for name in names}


def an_image(world: World, tag: str) -> StoredImage:
    """One of our images that has just this tag."""
    held = world.tags_held()
    return next(image for image in world.project.images.values() if held[image.sha256] == [tag])


def test_a_persons_click_becomes_the_label_that_the_next_training_learns(trained: tuple[Pipeline, World]) -> None:
    pipeline, world = trained
    assert pull_labels(pipeline, now_utc()).statements == 0
    image = an_image(world, "red")
    click(world, image, "blue")
    assert pull_labels(pipeline, now_utc()).new == 1
    run_chain(pipeline)
    gather(pipeline)
    iterate_day(pipeline)
    assert world.tags_held()[image.sha256] == ["blue"]
    report = pull_labels(pipeline, now_utc())
    assert (report.statements, report.new, report.changed, report.withdrawn) == (1, 0, 0, 0)


def test_a_click_is_not_lost_to_a_training_that_begins_before_the_next_look(trained: tuple[Pipeline, World]) -> None:
    pipeline, world = trained
    image = an_image(world, "red")
    click(world, image, "blue")
    a_day_of(pipeline, 22)  # more images, the old labels
    iterate_day(pipeline)
    run_chain(pipeline)
    gather(pipeline)
    iterate_day(pipeline)
    assert world.tags_held()[image.sha256] == ["blue"]


def test_a_project_that_a_trainer_is_changing_is_not_listened_to(trained: tuple[Pipeline, World]) -> None:
    pipeline, world = trained
    memory = Memory.load(world.store, "models", world.project.id)
    memory.begin()
    click(world, an_image(world, "red"), "blue")
    report = pull_labels(pipeline, now_utc())
    assert "bringing the Custom Vision project up to date" in report.not_now
    memory.end()
    assert pull_labels(pipeline, now_utc()).new == 1


def test_a_look_takes_a_call_for_each_page_of_images_and_one_for_the_project(
    trained: tuple[Pipeline, World], server: CustomVisionServer
) -> None:
    pipeline, _ = trained
    before = server.total
    pull_labels(pipeline, now_utc())
    assert server.total - before == 2
