"""Images are asked about without being stored, small enough, by the right endpoint, and nothing that was paid for is lost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from imaging_assets.errors import AccessDeniedError, ModelNotFoundError, ServiceError
from imaging_assets_tests.azure.custom_vision import World
from imaging_assets_tests.azure.custom_vision_server import CustomVisionServer, Throttled, Unavailable
from imaging_assets_tests.embedded.pictures import encode, plain

COLOURS = ["red", "green", "blue"]


@pytest.fixture
def server() -> Iterator[CustomVisionServer]:
    with CustomVisionServer() as running:
        yield running


@pytest.fixture
def world(server: CustomVisionServer, tmp_path: Path) -> World:
    """One trained, unpublished model, `m1`."""
    made = World(server, tmp_path, plain(COLOURS, 6))
    made.train()
    return made


def pictures() -> list[bytes]:
    return [picture.data for picture in plain(COLOURS, 1)]


def noise(side: int) -> bytes:
    """A picture that hardly compresses."""
    return encode(np.random.default_rng(0).integers(0, 255, (side, side, 3)), "PNG")


def test_the_published_model_is_asked_by_the_prediction_resource_and_any_other_by_quick_test(world: World) -> None:
    challenger = world.predictor.predict("m1", pictures())
    assert world.server.calls["quick_test_image"] == 3
    world.trainer.publish("m1")
    assert world.predictor.predict("m1", pictures()) == challenger
    assert (world.server.calls["quick_test_image"], world.server.calls["classify_image_with_no_store"]) == (3, 3)
    assert world.project.stored_predictions == 0


def test_an_image_over_4_mb_is_asked_about_by_a_smaller_copy(world: World) -> None:
    data = noise(1300)
    assert len(data) > 4 * 1024 * 1024
    (scored,) = world.predictor.predict("m1", [data])
    assert scored.error == ""
    assert scored.predictions


def test_what_is_too_large_and_no_image_is_told_and_not_asked_about(world: World) -> None:
    before = world.server.total
    (scored,) = world.predictor.predict("m1", [bytes(4_000_001)])
    assert "no smaller copy could be made" in scored.error
    assert world.server.total == before


def test_an_outage_after_the_first_answers_keeps_them(world: World) -> None:
    world.server.inject("quick_test_image", None, *[Unavailable()] * 6)
    first, *others = world.predictor.predict("m1", pictures())
    assert first.predictions[0].tag == "red"
    assert all("Run again" in scored.error for scored in others)
    assert world.server.calls["quick_test_image"] == 7


def test_an_outage_from_the_start_is_an_error(world: World) -> None:
    world.server.inject("quick_test_image", *[Unavailable()] * 6)
    with pytest.raises(ServiceError, match="Run again in a few minutes"):
        world.predictor.predict("m1", pictures())


def test_a_short_outage_is_not_noticed(world: World) -> None:
    world.server.inject("quick_test_image", Unavailable(500), Throttled(2), Throttled(), Unavailable(408))
    assert [scored.predictions[0].tag for scored in world.predictor.predict("m1", pictures())] == COLOURS


def test_a_model_that_was_unpublished_in_the_portal_is_told(world: World) -> None:
    world.trainer.publish("m1")
    next(iter(world.project.iterations.values())).publish_name = None
    with pytest.raises(ModelNotFoundError, match=r"unpublished there.*imaging-assets rollback"):
        world.predictor.predict("m1", pictures())


def test_a_wrong_prediction_key_is_told(world: World) -> None:
    world.trainer.publish("m1")
    world.server.prediction_key = "renewed"
    with pytest.raises(AccessDeniedError, match=r"custom_vision\.prediction_key"):
        world.predictor.predict("m1", pictures())


def test_another_publish_name_counts_from_the_next_publication_on(world: World) -> None:
    world.trainer.publish("m1")
    world.policy = world.policy.model_copy(update={"publish_name": "blue"})
    world.open()
    assert world.predictor.predict("m1", pictures())[0].predictions
    world.trainer.publish("m1")
    assert world.predictor.predict("m1", pictures())[0].predictions
    assert [iteration.publish_name for iteration in world.project.iterations.values()] == ["blue"]


def test_several_threads_may_ask_at_once(world: World) -> None:
    world.trainer.publish("m1")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda data: world.predictor.predict("m1", [data])[0], pictures() * 8))
    assert [scored.predictions[0].tag for scored in answers] == COLOURS * 8
