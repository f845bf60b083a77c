"""What people tag in the portal becomes annotations of the bytes, and no image is downloaded twice."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from imaging_assets.azure.custom_vision.annotations import CustomVisionPortal
from imaging_assets.records.manifests import PortalView, Region
from imaging_assets_tests.azure.custom_vision import World
from imaging_assets_tests.azure.custom_vision_server import CustomVisionServer, Unavailable
from imaging_assets_tests.embedded.pictures import plain


@pytest.fixture
def server() -> Iterator[CustomVisionServer]:
    with CustomVisionServer() as running:
        yield running


@pytest.fixture
def world(server: CustomVisionServer, tmp_path: Path) -> World:
    """Trained on twelve images."""
    made = World(server, tmp_path, plain(["red", "blue"], 6))
    made.train()
    return made


def pull(world: World) -> PortalView:
    return CustomVisionPortal(world.store, world.connection, world.policy).look()


def tagged_in_the_portal(world: World, tag: str = "red") -> str:
    """Somebody uploads and tags a picture; returns the digest of its bytes."""
    data = plain(["grey"], 1)[0].data
    tag_id = next(known.id for known in world.project.tags.values() if known.name == tag)
    entry = {"name": "x", "contents": b64encode(data).decode(), "tagIds": [tag_id]}
    world.server.service.add_images(world.project, {"images": [entry]})
    return sha256(data).hexdigest()


def test_our_images_are_known_without_a_download_and_have_the_tags_people_gave_them(world: World) -> None:
    image = next(image for image in world.project.images.values() if image.sha256 == world.images[0].sha256)
    blue = next(tag.id for tag in world.project.tags.values() if tag.name == "blue")
    image.tags = {blue: image.created}
    told = {image.sha256: image.tags for image in pull(world).images}
    expected = {row.sha256: row.tags for row in world.images} | {world.images[0].sha256: ("blue",)}
    assert told == expected
    assert world.server.calls["get_blob"] == 0


def test_an_image_of_others_is_downloaded_once(world: World) -> None:
    digest = tagged_in_the_portal(world)
    for _ in range(2):
        (found,) = (image for image in pull(world).images if image.sha256 == digest)
        assert found.tags == ("red",)
    assert world.server.calls["get_blob"] == 1


def test_untagged_images_say_nothing(world: World) -> None:
    next(iter(world.project.images.values())).tags = {}
    assert len(pull(world).images) == len(world.images) - 1


def test_an_image_that_cannot_be_downloaded_is_told_without_its_signature_and_the_others_are_pulled(world: World) -> None:
    digest = tagged_in_the_portal(world)
    world.server.inject("get_blob", *[Unavailable(404)])
    pulled = pull(world)
    assert len(pulled.images) == len(world.images)
    (reason,) = pulled.unread.values()
    assert "download image" in reason
    assert "sig=" not in reason
    assert digest in {image.sha256 for image in pull(world).images}


def test_more_than_a_page_of_images_is_pulled(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(["red", "blue"], 130))
    world.train()
    assert {image.sha256 for image in pull(world).images} == {image.sha256 for image in world.images}
    assert server.calls["get_images"] == 2


def test_regions_come_with_their_tags(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(["red"], 15))
    box = Region("red", 0.25, 0.25, 0.5, 0.5)
    world.train([replace(image, regions=(box,)) for image in world.images])
    image = pull(world).images[0]
    assert (image.tags, image.regions) == (("red",), (box,))


def test_a_project_that_is_not_there_is_told(server: CustomVisionServer, tmp_path: Path) -> None:
    told = pull(World(server, tmp_path)).not_now
    assert "no project 'imaging-assets'" in told
    assert "custom_vision.project" in told
