"""The steps of a day over Custom Vision: trained, judged by quick-test, published, predicted, rolled back, changed over."""

import logging
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from imaging_assets.azure.custom_vision.annotations import CustomVisionPortal
from imaging_assets.records.models import TrainingImage
from imaging_assets.stages.models.iterations import training_images
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import TRAINING_SETS
from imaging_assets_tests.azure.custom_vision import World
from imaging_assets_tests.azure.custom_vision_server import CustomVisionServer
from imaging_assets_tests.azure.custom_vision_server.service import published
from imaging_assets_tests.builders import DAY, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.embedded.pictures import plain
from imaging_assets_tests.stages.manifests.days import gather
from imaging_assets_tests.stages.models.doubles import iterate_day, scored_images


@pytest.fixture
def server() -> Iterator[CustomVisionServer]:
    with CustomVisionServer() as running:
        yield running


def a_day_of(pipeline: Pipeline, number: int) -> None:
    """So many pictures of either colour, labelled and gathered."""
    pictures = {f"{place}.jpg": picture for place, picture in enumerate(plain(["red", "blue"], number))}
    land(pipeline, {name: picture.data for name, picture in pictures.items()})
    state_labels(pipeline, {name: picture.tags[0] for name, picture in pictures.items()})
    run_chain(pipeline)
    gather(pipeline)


def over_custom_vision(pipeline: Pipeline, home: Path, server: CustomVisionServer) -> tuple[Pipeline, World]:
    world = World(server, home)
    world.store = pipeline.store  # type: ignore[assignment]
    world.open()
    return replace(pipeline, trainer=world.trainer, predictor=world.predictor), world


def gathered(pipeline: Pipeline) -> list[TrainingImage]:
    """The day's training set."""
    return training_images(pipeline.manifests.read(pipeline.manifests.find(TRAINING_SETS.asset, DAY), TRAINING_SETS))


def test_a_day_is_trained_published_and_predicted_and_its_repetition_calls_nobody(
    server: CustomVisionServer, tmp_path: Path
) -> None:
    pipeline, world = over_custom_vision(a_pipeline(tmp_path), tmp_path, server)
    a_day_of(pipeline, 20)
    report = iterate_day(pipeline)
    assert (report.verdict, report.accuracy) == ("published", 1.0)
    tested = scored_images(pipeline)
    assert server.calls["quick_test_image"] == len(tested)
    assert tested.keys() & world.tags_held().keys() == set()
    predicted = run_chain(pipeline)["predictions"]
    assert predicted.tags == {"blue": 20, "red": 20}
    # Test images were scored while the model was judged.
    assert server.calls["classify_image_with_no_store"] == 40 - len(tested)
    assert world.project.stored_predictions == 0

    before = server.total
    iterate_day(pipeline)
    run_chain(pipeline)
    assert server.total == before


def test_no_key_and_no_signature_is_left_anywhere(
    server: CustomVisionServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    pipeline, world = over_custom_vision(a_pipeline(tmp_path), tmp_path, server)
    a_day_of(pipeline, 20)
    iterate_day(pipeline)
    run_chain(pipeline)
    world.store.delete(f"models/custom_vision/{world.project.id}/images.jsonl")
    assert CustomVisionPortal(world.store, world.connection, world.policy).look().images
    assert server.calls["get_blob"] > 0
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    told = f"{kept!r}{caplog.text}{world.messages}{world.connection!r}{world.policy!r}{vars(world.trainer)}"
    assert "imaging-assets" in told
    for secret in (server.training_key, server.prediction_key, "c2lnbmVk"):
        for form in (secret, quote(secret), b64encode(secret.encode()).decode()):
            assert form not in told


def test_the_model_before_gets_the_name_back_when_rolled_back(server: CustomVisionServer, tmp_path: Path) -> None:
    pipeline, world = over_custom_vision(a_pipeline(tmp_path, training={"margin": 0.0}), tmp_path, server)
    a_day_of(pipeline, 20)
    first = iterate_day(pipeline)
    registry = Registry(pipeline.store)
    second = world.trainer.train("second", gathered(pipeline)[1:], world.read, world.messages.append)
    world.trainer.publish(second.model_id)
    registry.publish(second.model_id, "by hand")
    world.trainer.publish(first.model_id)
    assert registry.rollback().model_id == first.model_id
    serving = published(world.project, "production")
    assert serving is not None
    assert serving.name == first.model_id


def test_a_store_that_changes_from_the_embedded_trainer_to_custom_vision_goes_on(
    server: CustomVisionServer, tmp_path: Path
) -> None:
    embedded = a_pipeline(tmp_path, training={"budget_seconds": 0.01})
    a_day_of(embedded, 20)
    before = iterate_day(embedded)
    pipeline, _ = over_custom_vision(embedded, tmp_path, server)
    report = iterate_day(pipeline)
    assert (report.verdict, report.reason) == ("published", f"Model {before.model_id}, which serves, cannot be asked any more.")
    assert run_chain(pipeline)["predictions"].model_id == report.model_id
