"""A project of Custom Vision is kept equal to the training set: nothing lost, nothing doubled, no call too many."""

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imaging_assets.errors import ServiceError, SettingsError, TrainingError
from imaging_assets.records.models import TrainingImage
from imaging_assets_tests.azure.custom_vision import World
from imaging_assets_tests.azure.custom_vision_server import CustomVisionServer
from imaging_assets_tests.azure.custom_vision_server.service import DOMAINS, Tag
from imaging_assets_tests.doubles import FailingBlobStore
from imaging_assets_tests.embedded.pictures import Picture, encode, halves, plain, training_images

COLOURS = ["red", "green", "blue"]


@pytest.fixture
def server() -> Iterator[CustomVisionServer]:
    with CustomVisionServer() as running:
        yield running


def tagged(images: Sequence[TrainingImage], place: int, *tags: str) -> list[TrainingImage]:
    """The same images, one with other tags."""
    return [replace(image, tags=tags) if number == place else image for number, image in enumerate(images)]


def tiny(number: int) -> list[Picture]:
    """So many different 8 x 8 pictures of ten tags."""
    random = np.random.default_rng(1)
    return [
        Picture(encode(20 * (place % 10) + random.integers(0, 40, (8, 8, 3)), "PNG"), (f"t{place % 10}",))
        for place in range(number)
    ]


def test_a_first_upload_of_1000_images_makes_no_call_more_than_needed(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, tiny(1000))
    world.train()
    calls = server.calls
    assert len(world.project.images) == 1000
    # The least that any client needs: find that there is no project, make it, its tags, 16 uploads.
    upload = {"get_projects": 1, "create_project": 1, "create_tag": 10, "create_images_from_files": 16}
    training = {"train_project": 1, "get_iteration": 3, "update_iteration": 1, "get_iteration_performance": 1}
    assert dict(calls) == upload | training


def test_an_unchanged_run_makes_no_call_and_reads_no_image(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 6))
    model = world.train()
    before, world.reads = server.total, []
    world.open()
    assert (world.train(), server.total, world.reads) == (model, before, [])


def test_only_the_difference_is_uploaded_for_the_next_training(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 6))
    world.train()
    more = training_images(world.store, plain(["grey"], 6))
    world.reads.clear()
    world.train([*world.images, *more], "m2")
    assert sorted(world.reads) == sorted(image.blob for image in more)
    assert world.tags_held() == {image.sha256: [*image.tags] for image in [*world.images, *more]}
    assert server.calls["create_images_from_files"] == 2


def test_test_images_never_reach_the_service(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 8))
    images = [replace(image, split="test" if number < 6 else "train") for number, image in enumerate(world.images)]
    world.train(images)
    assert world.tags_held().keys() == {image.sha256 for image in images[6:]}


def test_an_image_that_becomes_a_test_image_or_vanishes_leaves_the_project(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 8))
    world.train()
    left = [replace(world.images[0], split="test"), *world.images[2:]]
    world.train(left, "m2")
    assert world.tags_held().keys() == {image.sha256 for image in left[1:]}
    assert server.calls["delete_images"] == 1


@pytest.mark.parametrize("pictures", [plain(COLOURS, 8), halves(36)], ids=["multiclass", "multilabel"])
def test_another_tag_is_another_tag_in_the_project(server: CustomVisionServer, tmp_path: Path, pictures: list[Picture]) -> None:
    world = World(server, tmp_path, pictures)
    world.train()
    changed = tagged(world.images, 0, world.images[1].tags[0])
    world.train(changed, "m2")
    assert world.tags_held() == {image.sha256: sorted(image.tags) for image in changed}
    assert server.calls["create_images_from_files"] == 1


def test_a_tag_that_nobody_has_any_more_is_deleted(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 8))
    world.train()
    renamed = [replace(image, tags=("navy",)) if image.tags == ("blue",) else image for image in world.images]
    world.train(renamed, "m2")
    assert sorted(tag.name for tag in world.project.tags.values()) == ["green", "navy", "red"]
    assert world.tags_held() == {image.sha256: [*image.tags] for image in renamed}


def test_tags_get_their_description_and_the_negative_tag_its_type(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 6), negative_tag="blue", tag_descriptions={"red": "as a fox"})
    world.train()
    assert {tag.name: (tag.type, tag.description) for tag in world.project.tags.values()} == {
        "red": ("Regular", "as a fox"),
        "green": ("Regular", None),
        "blue": ("Negative", None),
    }
    world.policy = world.policy.model_copy(update={"tag_descriptions": {"red": "as a brick"}})
    world.open()
    world.train(world.images[:-1], "m2")
    assert {tag.description for tag in world.project.tags.values()} == {"as a brick", None}


def test_what_is_remembered_can_be_lost(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 6))
    world.train()
    for blob in list(world.store.list_blobs("models/")):
        world.store.delete(blob.path)
    world.open()
    changed = tagged(world.images[1:], 0, "red")
    world.train(changed, "m2")
    assert world.tags_held() == {image.sha256: [*image.tags] for image in changed}
    assert len(world.project.images) == len(changed)


def test_two_rows_of_equal_resized_bytes_share_an_image_and_it_stays_until_both_left(
    server: CustomVisionServer, tmp_path: Path
) -> None:
    world = World(server, tmp_path, plain(COLOURS, 6))
    twin = replace(world.images[0], sha256="f" * 64)
    world.train([*world.images, twin])
    assert len(world.project.images) == len(world.images)
    world.train([*world.images[1:], twin], "m2")
    assert world.images[0].sha256 in world.tags_held()
    world.train(world.images[1:], "m3")
    assert world.images[0].sha256 not in world.tags_held()


def test_equal_resized_bytes_of_two_tags_are_told_and_the_first_tag_holds(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 6))
    first = world.images[0]
    twin = replace(first, sha256="f" * 64, tags=("blue",))
    world.train([*world.images, twin])
    assert world.tags_held()[first.sha256] == ["red"]
    record = json.loads(world.store.read("models/m1/custom_vision.json").data)
    assert record["rejected"] == {twin.sha256: f"its resized bytes equal those of {first.sha256}, which has another tag"}


def test_what_others_did_to_our_images_is_set_right(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 8))
    world.train()
    project = world.project
    images, tags = list(project.images.values()), {tag.name: tag.id for tag in project.tags.values()}
    del project.images[images[0].id]
    images[1].tags = dict.fromkeys([tags["red"]], images[1].created)
    images[2].tags = {}
    world.open()
    world.train(tagged(world.images, 5, "red"), "m2")
    assert world.tags_held() == {image.sha256: [*image.tags] for image in tagged(world.images, 5, "red")}


def test_images_and_tags_of_others_are_counted_and_left_alone(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 6))
    world.train()
    theirs = Tag("theirs", None, "Regular")
    world.project.tags[theirs.id] = theirs
    for picture in plain(["grey"], 6):
        entry = {"name": "x", "contents": b64encode(picture.data).decode(), "tagIds": [theirs.id]}
        server.service.add_images(world.project, {"images": [entry]})
    world.open()
    model = world.train(world.images[1:], "m2")
    assert model.details["images_of_others"] == "6"
    assert len(world.project.images) == len(world.images) - 1 + 6
    assert "theirs" in {tag.name for tag in world.project.tags.values()}
    listed = server.calls["get_images"]
    world.train(world.images[2:], "m3")
    assert server.calls["get_images"] == listed


def test_a_project_that_learns_something_else_is_told_with_both_ways_out(server: CustomVisionServer, tmp_path: Path) -> None:
    server.service.create_project("imaging-assets", "", "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31", "Multilabel")
    world = World(server, tmp_path, plain(COLOURS, 6))
    with pytest.raises(
        TrainingError, match=r"learns multilabel.*multiclass.*custom_vision.project\b.*custom_vision.project_type"
    ):
        world.train()
    assert not world.project.images


def test_what_happens_is_told(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 6))
    world.train()
    told = "\n".join(world.messages)
    assert "making project 'imaging-assets'. Custom Vision ends on 2028-09-25" in told
    assert "18 images uploaded, 0 there already, 0 retagged, 0 deleted" in told
    world.train(world.images[1:], "m2")
    assert "\n".join(world.messages).count("2028-09-25") == 1


def test_a_run_killed_between_any_two_writes_is_taken_up_without_loss_or_double(
    server: CustomVisionServer, tmp_path: Path
) -> None:
    for changes in range(9):
        world = World(server, tmp_path / str(changes), plain(COLOURS, 6), project=f"killed after {changes} writes")
        whole, world.store = world.store, FailingBlobStore(world.store, changes)  # type: ignore[assignment]
        world.open()
        killed = False
        try:
            world.train()
        except RuntimeError:
            killed = True
        world.store = whole
        world.open()
        world.train()
        (project,) = (found for found in server.service.projects.values() if found.name.endswith(f"{changes} writes"))
        assert {image.sha256 for image in project.images.values()} == {image.sha256 for image in world.images}
        assert len(project.images) == len(world.images)
        assert [iteration.name for iteration in project.iterations.values()] == ["m1"]
        assert killed == (changes < 8)


def test_a_project_is_made_of_the_domain_that_is_named(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 6), domain="General (compact)")
    world.train()
    assert DOMAINS[world.project.domain] == ("General (compact)", "Classification", True)


def test_an_unknown_domain_is_told_with_those_there_are(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 6), domain="Cats")
    with pytest.raises(SettingsError, match=r"custom_vision.domain 'Cats'.*Take one of: Food, General, General \(compact\)\."):
        world.train()
    assert not server.service.projects


def test_outcomes_are_matched_by_order_when_the_service_tells_no_names(server: CustomVisionServer, tmp_path: Path) -> None:
    server.service.tells_names = False
    world = World(server, tmp_path, plain(COLOURS, 6))
    server.service.image_statuses = {world.images[3].sha256: ["ErrorImageFormat"]}
    world.train()
    held = {image.sha256 for image in world.images if image is not world.images[3]}
    assert world.tags_held().keys() == held
    world.train(world.images[:-1], "m2")
    assert world.tags_held().keys() == held - {world.images[-1].sha256}


def test_two_tags_that_differ_in_case_alone_are_told(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(["red", "blue"], 6))
    images = [replace(image, tags=("Red",)) if image.tags == ("blue",) else image for image in world.images]
    with pytest.raises(ServiceError, match=r"make tag 'red'.*BadRequestTagNameNotUnique"):
        world.train(images)
