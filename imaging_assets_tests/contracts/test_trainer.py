"""What every `Trainer` promises.

A further implementation joins with a builder in `TRAINERS`: it takes a store that holds the images and returns a trainer that
needs at least 5 images per tag.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from imaging_assets.embedded.blob_store import DirectoryBlobStore
from imaging_assets.embedded.torch_trainer import TorchTrainer
from imaging_assets.embedded.trainer import ScikitLearnTrainer
from imaging_assets.errors import ModelNotFoundError, TrainingError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.trainer import ReadImage, Trainer
from imaging_assets.records.models import TrainedModel, TrainingImage
from imaging_assets_tests.azure.custom_vision import backend_over
from imaging_assets_tests.embedded.pictures import Picture, halves, plain, training_images

TrainerBuilder = Callable[[BlobStore], Trainer]

with_torch = (pytest.mark.slow, pytest.mark.skipif(find_spec("torch") is None, reason="install the extra torch"))

TRAINERS = [
    pytest.param(lambda store: ScikitLearnTrainer(store, budget_seconds=0), id="scikit-learn"),
    pytest.param(lambda store: TorchTrainer(store, budget_seconds=0.1), id="torch", marks=with_torch),
    pytest.param(lambda store: backend_over(store)[0], id="custom vision"),
]

every_trainer = pytest.mark.parametrize("build", TRAINERS)


class World:
    """A store, a trainer over it, and the images it holds."""

    def __init__(self, build: TrainerBuilder, root: Path, pictures: Sequence[Picture]) -> None:
        self.store = DirectoryBlobStore(root)
        self.trainer = build(self.store)
        self.images = training_images(self.store, pictures)
        self.messages: list[str] = []
        self.blobs_read: list[str] = []

    def train(self, images: Sequence[TrainingImage] | None = None, *, read: ReadImage | None = None) -> TrainedModel:
        """Train `m1` on the given images, or on all."""
        return self.trainer.train("m1", self.images if images is None else images, read or self.read, self.messages.append)

    def read(self, blob: str) -> bytes:
        """The store's bytes, taking note of the path."""
        self.blobs_read.append(blob)
        return self.store.read(blob).data


@every_trainer
def test_a_trained_model_tells_its_kind_and_its_tags(build: TrainerBuilder, tmp_path: Path) -> None:
    model = World(build, tmp_path, plain(["red", "blue"], 6)).train()
    assert (model.model_id, model.kind, sorted(model.tags)) == ("m1", "multiclass", ["blue", "red"])
    assert model.seconds >= 0


@every_trainer
def test_images_with_several_tags_make_the_model_multilabel(build: TrainerBuilder, tmp_path: Path) -> None:
    model = World(build, tmp_path, halves(18)).train()
    assert (model.kind, sorted(model.tags)) == ("multilabel", ["red", "striped"])


@every_trainer
def test_training_again_under_the_same_id_adopts_the_finished_model(build: TrainerBuilder, tmp_path: Path) -> None:
    world = World(build, tmp_path, plain(["red", "blue"], 6))

    def read_nothing(blob: str) -> bytes:
        raise AssertionError(f"{blob} was read although the model exists")

    assert world.train() == world.train(read=read_nothing)


@every_trainer
def test_test_and_excluded_images_are_never_read(build: TrainerBuilder, tmp_path: Path) -> None:
    world = World(build, tmp_path, plain(["red", "blue"], 8))
    sides = ["train", "validation", "test", "excluded"] + ["train"] * 12
    images = [replace(image, split=side) for image, side in zip(world.images, sides, strict=True)]  # type: ignore[arg-type]
    world.train(images)
    assert set(world.blobs_read) == {image.blob for image in images if image.split in ("train", "validation")}


@every_trainer
def test_training_tells_what_it_is_doing(build: TrainerBuilder, tmp_path: Path) -> None:
    world = World(build, tmp_path, plain(["red", "blue"], 6))
    world.train()
    assert world.messages
    assert all(world.messages)


@every_trainer
def test_two_tags_with_enough_images_are_not_refused(build: TrainerBuilder, tmp_path: Path) -> None:
    world = World(build, tmp_path, plain(["red", "blue"], 5))
    assert world.trainer.refusal(world.images) == ""


@every_trainer
@pytest.mark.parametrize(
    ("pictures", "named"),
    [
        pytest.param([], "2", id="no image"),
        pytest.param(plain(["red"], 9), "red", id="one tag"),
        pytest.param([*plain(["red"], 9), *plain(["blue"], 3)], "blue has 3 of 5", id="too few of one tag"),
    ],
)
def test_a_refusal_is_a_sentence_that_names_what_is_missing(
    build: TrainerBuilder, tmp_path: Path, pictures: list[Picture], named: str
) -> None:
    world = World(build, tmp_path, pictures)
    refusal = world.trainer.refusal(world.images)
    assert named in refusal
    assert refusal.endswith(".")


@every_trainer
def test_test_images_do_not_count_towards_a_training(build: TrainerBuilder, tmp_path: Path) -> None:
    world = World(build, tmp_path, plain(["red", "blue"], 9))
    assert world.trainer.refusal([replace(image, split="test") for image in world.images])


@every_trainer
def test_training_what_is_refused_is_an_error_with_the_same_words(build: TrainerBuilder, tmp_path: Path) -> None:
    world = World(build, tmp_path, plain(["red"], 9))
    with pytest.raises(TrainingError) as caught:
        world.train()
    assert world.trainer.refusal(world.images) in str(caught.value)


@every_trainer
def test_a_finished_model_can_be_published_any_number_of_times(build: TrainerBuilder, tmp_path: Path) -> None:
    world = World(build, tmp_path, plain(["red", "blue"], 6))
    world.train()
    world.trainer.publish("m1")
    world.trainer.publish("m1")


@every_trainer
def test_publishing_an_unknown_model_is_an_error(build: TrainerBuilder, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="m1"):
        World(build, tmp_path, []).trainer.publish("m1")


@every_trainer
def test_a_deleted_model_is_gone_and_deleting_it_again_changes_nothing(build: TrainerBuilder, tmp_path: Path) -> None:
    world = World(build, tmp_path, plain(["red", "blue"], 6))
    world.train()
    world.trainer.delete("m1")
    world.trainer.delete("m1")
    with pytest.raises(ModelNotFoundError):
        world.trainer.publish("m1")


@every_trainer
def test_the_recipe_does_not_depend_on_the_instance(build: TrainerBuilder, tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    assert build(store).recipe == build(store).recipe != ""
