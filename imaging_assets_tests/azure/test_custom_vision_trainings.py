"""Iterations: trained when needed, adopted after a crash, waited for, pruned, published by the service's real rules."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from imaging_assets.errors import ModelNotFoundError, ServiceError, SettingsError, TrainingError
from imaging_assets.records.manifests import Region
from imaging_assets.records.models import TrainingImage
from imaging_assets_tests.azure.custom_vision import World
from imaging_assets_tests.azure.custom_vision_server import CustomVisionServer, Cut, NotNeeded, Throttled, Unavailable
from imaging_assets_tests.azure.custom_vision_server.service import published
from imaging_assets_tests.embedded.pictures import plain

COLOURS = ["red", "green", "blue"]


@pytest.fixture
def server() -> Iterator[CustomVisionServer]:
    with CustomVisionServer() as running:
        yield running


@pytest.fixture
def world(server: CustomVisionServer, tmp_path: Path) -> World:
    """Eighteen images of three colours, nothing trained."""
    return World(server, tmp_path, plain(COLOURS, 6))


def without(world: World, number: int) -> list[TrainingImage]:
    """The images but one, so that there is something to train."""
    return [image for place, image in enumerate(world.images) if place != number]


def names(world: World) -> list[str]:
    return [iteration.name for iteration in world.project.iterations.values()]


def test_an_iteration_is_named_after_its_model(world: World) -> None:
    model = world.train()
    assert names(world) == ["m1"]
    assert (model.kind, model.tags, model.details["precision"]) == ("multiclass", ("blue", "green", "red"), "1.000")


def test_when_nothing_changed_the_last_training_is_used_again(world: World) -> None:
    world.train()
    world.train(model_id="m2")
    assert names(world) == ["m1"]
    assert "nothing changed since 'm1'; it is used again" in world.messages
    world.trainer.publish("m2")
    assert published(world.project, "production") is not None


def test_an_older_iteration_is_not_taken_for_one_that_was_deleted_or_failed(world: World) -> None:
    world.train(without(world, 0))
    world.train(model_id="m2")
    newest = list(world.project.iterations.values())[-1]
    newest.status = "Failed"
    world.server.inject("train_project", NotNeeded())
    world.train(model_id="m3")
    del world.project.iterations[newest.id], world.project.iterations[list(world.project.iterations)[-1]]
    world.server.inject("train_project", NotNeeded())
    world.train(model_id="m4")
    assert names(world) == ["m1", "m4"]


def test_a_reused_iteration_belongs_to_the_model_it_is_named_after(world: World) -> None:
    world.train()
    world.train(model_id="m2")
    world.trainer.delete("m2")
    assert names(world) == ["m1"]
    world.trainer.delete("m1")
    assert names(world) == []


def test_the_same_images_are_trained_again_when_the_training_is_to_be_another(world: World) -> None:
    world.train()
    world.policy = world.policy.model_copy(update={"training_type": "advanced", "budget_hours": 3})
    world.open()
    world.train(model_id="m2")
    assert [(iteration.training_type, iteration.budget) for iteration in world.project.iterations.values()] == [
        ("Regular", 0),
        ("Advanced", 3),
    ]


@pytest.mark.parametrize("fault", [Cut(done=True), Unavailable(503, done=True)], ids=["cut", "503"])
def test_a_training_whose_answer_was_lost_is_found_and_not_begun_twice(world: World, fault: Cut | Unavailable) -> None:
    world.server.inject("train_project", fault)
    world.train()
    assert names(world) == ["m1"]
    assert world.server.calls["train_project"] == 1


class Killed(BaseException):
    """The process ends here."""


def test_a_run_that_was_killed_while_waiting_is_taken_up(world: World) -> None:
    world.server.service.polls = 50

    def kill_while_waiting(message: str) -> None:
        if "is training" in message:
            raise Killed

    with pytest.raises(Killed):
        world.trainer.train("m1", world.images, world.read, kill_while_waiting)
    world.open()
    world.reads.clear()
    world.train()
    assert (names(world), world.reads, world.server.calls["train_project"]) == (["m1"], [], 1)
    assert "adopting 'Iteration 1', which an earlier run began" in world.messages


def test_a_run_that_was_killed_before_it_heard_of_its_training_takes_it_up(world: World) -> None:
    for _ in range(10):
        world.server.inject("train_project", Cut(done=True))
    world.server.inject("get_iterations", *[Cut()] * 6)
    with pytest.raises(ServiceError):
        world.train()
    world.open()
    world.train()
    assert (names(world), world.server.calls["train_project"]) == (["m1"], 1)


def test_a_training_that_somebody_else_runs_is_waited_for(world: World) -> None:
    world.train()
    project = world.project
    world.server.service.train(project, "Regular", 0, force=True)
    world.train(without(world, 0), "m2")
    assert names(world) == ["m1", "Iteration 2", "m2"]
    assert any("runs already" in message for message in world.messages)


def test_a_training_of_others_that_never_ends_is_told(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 6), deadline_minutes=1)
    world.train()
    server.service.polls = 10**6
    server.service.train(world.project, "Regular", 0, force=True)
    with pytest.raises(TrainingError, match=r"does not end\. Look at it in the portal"):
        world.train(without(world, 0), "m2")


def test_a_failed_training_is_told_with_the_services_words_and_tried_anew(world: World) -> None:
    world.server.service.fail_training.append("out of GPUs")
    with pytest.raises(TrainingError, match=r"'Iteration 1'.*failed: out of GPUs\. Run again"):
        world.train()
    world.open()
    assert world.train().model_id == "m1"
    assert world.server.calls["train_project"] == 2


def test_a_training_that_takes_too_long_is_an_error_and_adopted_by_the_next_run(
    server: CustomVisionServer, tmp_path: Path
) -> None:
    world = World(server, tmp_path, plain(COLOURS, 6), deadline_minutes=1, poll_seconds=10)
    server.service.polls = 10
    with pytest.raises(TrainingError, match=r"not done after 1 minutes.*custom_vision.deadline_minutes"):
        world.train()
    assert world.time.slept.count(10) == 6
    world.open()
    world.train()
    assert (names(world), server.calls["train_project"]) == (["m1"], 1)


def test_the_oldest_iterations_make_room_but_never_the_published_one_or_the_one_before_it(world: World) -> None:
    for number in range(22):
        world.train(without(world, number % 18) if number % 3 else without(world, number % 17)[1:], f"m{number}")
        if number in (1, 2):
            world.trainer.publish(f"m{number}")
    assert len(world.project.iterations) == 19
    assert {"m1", "m2"} <= set(names(world))
    assert "m0" not in names(world)
    with pytest.raises(ModelNotFoundError):
        world.predictor.predict("m0", [plain(["red"], 1)[0].data])
    world.trainer.publish("m1")


def test_publishing_needs_the_prediction_resource_and_says_so_before_anything_is_uploaded(
    server: CustomVisionServer, tmp_path: Path
) -> None:
    world = World(server, tmp_path, plain(COLOURS, 6), prediction_resource_id="")
    with pytest.raises(SettingsError, match=r"custom_vision\.prediction_resource_id"):
        world.train()
    assert server.total == 0


def test_a_wrong_prediction_resource_is_named_when_publishing(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 6), prediction_resource_id="/subscriptions/other")
    world.train()
    with pytest.raises(ServiceError, match=r"custom_vision\.prediction_resource_id.*BadRequestInvalidPublishTarget"):
        world.trainer.publish("m1")


def test_the_newer_model_takes_over_the_name_and_the_older_one_gets_it_back(world: World) -> None:
    world.train()
    world.train(without(world, 0), "m2")
    for model_id in ("m1", "m2", "m2", "m1"):
        world.trainer.publish(model_id)
        found = published(world.project, "production")
        assert found is not None
        assert found.name == model_id
    assert world.server.calls["publish_iteration"] == 3


def test_an_iteration_published_by_hand_under_another_name_is_unpublished_first(world: World) -> None:
    world.train()
    iteration = next(iter(world.project.iterations.values()))
    iteration.publish_name, iteration.publish_target = "by hand", world.server.service.prediction_resource
    world.trainer.publish("m1")
    assert iteration.publish_name == "production"


def test_an_iteration_that_was_deleted_in_the_portal_cannot_be_published(world: World) -> None:
    world.train()
    world.project.iterations.clear()
    with pytest.raises(ModelNotFoundError, match="no longer in Custom Vision"):
        world.trainer.publish("m1")


def test_a_publication_whose_answer_was_lost_is_done(world: World) -> None:
    world.train()
    world.server.inject("publish_iteration", Cut(done=True))
    world.trainer.publish("m1")
    assert published(world.project, "production") is not None


def test_deleting_a_published_model_takes_its_iteration_with_it(world: World) -> None:
    world.train()
    world.trainer.publish("m1")
    world.trainer.delete("m1")
    assert names(world) == []


def boxes(world: World, number: int = 18) -> list[TrainingImage]:
    """The images with one box each, of the whole tag's stripes."""
    return [replace(image, regions=(Region(image.tags[0], 0.25, 0.25, 0.5, 0.5),)) for image in world.images[:number]]


def test_boxes_are_learnt_and_found(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(["red", "blue"], 16))
    model = world.train(boxes(world, 32))
    assert model.kind == "detection"
    (scored,) = world.predictor.predict("m1", [world.store.read(world.images[0].blob).data])
    best = scored.predictions[0]
    assert (best.tag, best.box is not None and best.box.width) == ("red", 0.5)
    world.trainer.publish("m1")
    assert world.predictor.predict("m1", [world.store.read(world.images[0].blob).data]) == [scored]
    assert server.calls["detect_image_with_no_store"] == 1


@pytest.mark.parametrize(
    "fault", [None, Cut(done=True), Unavailable(503, done=True), Throttled(1)], ids=["well", "cut", "503", "429"]
)
def test_a_moved_box_is_moved_and_none_is_doubled(
    server: CustomVisionServer, tmp_path: Path, fault: Cut | Unavailable | Throttled | None
) -> None:
    world = World(server, tmp_path, plain(["red", "blue"], 16))
    images = boxes(world, 32)
    world.train(images)
    images[0] = replace(images[0], regions=(Region("red", 0.1, 0.1, 0.5, 0.5), Region("red", 0.4, 0.4, 0.5, 0.5)))
    server.inject("create_image_regions", fault)
    world.train(images, "m2")
    held = next(image for image in world.project.images.values() if image.sha256 == images[0].sha256)
    assert sorted(round(region.box.left, 4) for region in held.regions) == [0.1, 0.4]
    assert sum(len(image.regions) for image in world.project.images.values()) == 33
