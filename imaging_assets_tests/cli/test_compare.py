"""`compare` shows the embedded trainer beside Custom Vision on the same test images, and spends nothing unasked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.azure.custom_vision_server import CustomVisionServer
from imaging_assets_tests.builders import a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.cli.command_line import call_cli
from imaging_assets_tests.embedded.pictures import plain
from imaging_assets_tests.stages.manifests.days import gather
from imaging_assets_tests.stages.models.doubles import iterate_day


@pytest.fixture
def server() -> Iterator[CustomVisionServer]:
    with CustomVisionServer() as running:
        yield running


def a_training_set(folder: Path) -> Pipeline:
    """Forty pictures of two colours, in the folder's store."""
    pipeline = a_pipeline(folder / ".imaging", training={"budget_seconds": 0.01})
    pictures = {f"{number}.jpg": picture for number, picture in enumerate(plain(["red", "blue"], 20))}
    land(pipeline, {name: picture.data for name, picture in pictures.items()})
    state_labels(pipeline, {name: picture.tags[0] for name, picture in pictures.items()})
    run_chain(pipeline)
    gather(pipeline)
    return pipeline


def name_custom_vision(folder: Path, server: CustomVisionServer) -> None:
    (folder / "imaging.toml").write_text(
        f"""
[training]
budget_seconds = 0.01
[custom_vision]
endpoint = "{server.endpoint}"
training_key = "{server.training_key}"
prediction_key = "{server.prediction_key}"
prediction_resource_id = "{server.service.prediction_resource}"
poll_seconds = 0.01
"""
    )


def test_both_are_scored_on_the_same_images_and_nothing_serves_that_did_not(server: CustomVisionServer, tmp_path: Path) -> None:
    pipeline = a_training_set(tmp_path)
    name_custom_vision(tmp_path, server)
    done = call_cli(tmp_path, "compare", "--train", "--json")
    assert (done.code, done.err) == (0, "")
    ours, theirs = done.value["results"]
    assert (ours["name"], theirs["name"]) == ("embedded", "custom vision")
    assert ours["evaluation"]["images"] == theirs["evaluation"]["images"] == done.value["test_images"] > 0
    assert ours["evaluation"]["accuracy"] == theirs["evaluation"]["accuracy"] == 1.0
    assert Registry(pipeline.store).published() is None

    before = server.total
    again = call_cli(tmp_path, "compare")
    assert (again.code, server.total) == (0, before)
    assert again.out.count("2028-09-25") == 1
    assert "custom vision  accuracy 1.000" in again.out
    assert "embedded recall 1.00   custom vision recall 1.00" in again.out


def test_a_billed_training_is_not_begun_without_consent(server: CustomVisionServer, tmp_path: Path) -> None:
    a_training_set(tmp_path)
    name_custom_vision(tmp_path, server)
    done = call_cli(tmp_path, "compare")
    assert (done.code, server.total) == (3, 0)
    assert "that is billed. Give --train to let it." in done.out
    assert "embedded       accuracy 1.000" in done.out


def test_without_custom_vision_the_embedded_trainer_stands_alone(tmp_path: Path) -> None:
    a_training_set(tmp_path)
    (tmp_path / "imaging.toml").write_text("[training]\nbudget_seconds = 0.01\n")
    done = call_cli(tmp_path, "compare")
    assert done.code == 0
    assert "custom_vision.endpoint" in done.out


def test_without_a_training_set_there_is_nothing_to_compare_on(tmp_path: Path) -> None:
    a_pipeline(tmp_path / ".imaging")
    done = call_cli(tmp_path, "compare")
    assert (done.code, done.complaint) == (
        2,
        "There is no training set to compare on. Label images and give `imaging-assets run`.",
    )


def test_a_model_that_was_trained_by_the_day_is_compared_and_not_trained_again(tmp_path: Path) -> None:
    pipeline = a_training_set(tmp_path)
    report = iterate_day(pipeline)
    (tmp_path / "imaging.toml").write_text("[training]\nbudget_seconds = 0.01\n")
    (result,) = call_cli(tmp_path, "compare", "--json").value["results"]
    assert (result["model_id"], result["evaluation"]["accuracy"]) == (report.model_id, report.accuracy)
