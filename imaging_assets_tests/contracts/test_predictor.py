"""What every `Predictor` promises over the models of its own backend's `Trainer`.

A further implementation joins with a builder in `BACKENDS`: it takes a store and returns a trainer and a predictor.
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from imaging_assets.embedded.blob_store import DirectoryBlobStore
from imaging_assets.embedded.predictor import OnnxPredictor
from imaging_assets.embedded.torch_trainer import TorchTrainer
from imaging_assets.embedded.trainer import ScikitLearnTrainer
from imaging_assets.errors import ModelNotFoundError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.predictor import Predictor
from imaging_assets.ports.trainer import Trainer
from imaging_assets_tests.azure.custom_vision import backend_over
from imaging_assets_tests.embedded.pictures import Picture, halves, plain, training_images

BackendBuilder = Callable[[BlobStore], tuple[Trainer, Predictor]]


class _FewSteps(TorchTrainer):
    """Learns easy pictures, however busy the machine is."""

    steps = 120


BACKENDS = [
    pytest.param(lambda store: (ScikitLearnTrainer(store, budget_seconds=0), OnnxPredictor(store)), id="scikit-learn and onnx"),
    pytest.param(
        lambda store: (_FewSteps(store, budget_seconds=600), OnnxPredictor(store)),
        id="torch and onnx",
        marks=(pytest.mark.slow, pytest.mark.skipif(find_spec("torch") is None, reason="install the extra torch")),
    ),
    pytest.param(backend_over, id="custom vision"),
]

every_backend = pytest.mark.parametrize("build", BACKENDS)

COLOURS = ["red", "green", "blue"]


def trained(build: BackendBuilder, root: Path, pictures: Sequence[Picture]) -> tuple[Trainer, Predictor]:
    """A backend with one unpublished model, `m1`."""
    store = DirectoryBlobStore(root)
    trainer, predictor = build(store)
    trainer.train("m1", training_images(store, pictures), lambda blob: store.read(blob).data, lambda _: None)
    return trainer, predictor


@every_backend
def test_an_unpublished_model_answers_with_every_tag_by_falling_probability(build: BackendBuilder, tmp_path: Path) -> None:
    _, predictor = trained(build, tmp_path, plain(COLOURS, 6))
    (scored,) = predictor.predict("m1", [plain(["green"], 1)[0].data])
    probabilities = [prediction.probability for prediction in scored.predictions]
    assert scored.error == ""
    assert scored.predictions[0].tag == "green"
    assert sorted(prediction.tag for prediction in scored.predictions) == sorted(COLOURS)
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(0 <= probability <= 1 for probability in probabilities)
    assert sum(probabilities) == pytest.approx(1, abs=0.01)
    assert all(prediction.box is None for prediction in scored.predictions)


@every_backend
def test_a_multilabel_model_can_be_sure_of_two_tags_at_once(build: BackendBuilder, tmp_path: Path) -> None:
    _, predictor = trained(build, tmp_path, halves(36))
    red, striped, both = (
        {prediction.tag for prediction in scored.predictions if prediction.probability >= 0.5}
        for scored in predictor.predict("m1", [picture.data for picture in halves(3)])
    )
    assert (red, striped, both) == ({"red"}, {"striped"}, {"red", "striped"})


@every_backend
def test_answers_come_in_the_order_given_and_a_bad_image_does_not_disturb_the_others(
    build: BackendBuilder, tmp_path: Path
) -> None:
    _, predictor = trained(build, tmp_path, plain(COLOURS, 6))
    images = [picture.data for picture in plain(COLOURS, 1)]
    answers = predictor.predict("m1", [images[0], b"not an image", images[1], b"", images[2]])
    assert [scored.predictions[0].tag if scored.predictions else "" for scored in answers] == ["red", "", "green", "", "blue"]
    assert [bool(scored.error) for scored in answers] == [False, True, False, True, False]


@every_backend
def test_an_image_gets_the_same_answer_alone_and_among_others(build: BackendBuilder, tmp_path: Path) -> None:
    _, predictor = trained(build, tmp_path, plain(COLOURS, 6))
    images = [picture.data for picture in plain(COLOURS, 3)]
    assert predictor.predict("m1", images) == [predictor.predict("m1", [image])[0] for image in images]


@every_backend
def test_no_image_gets_no_answer(build: BackendBuilder, tmp_path: Path) -> None:
    _, predictor = trained(build, tmp_path, plain(COLOURS, 6))
    assert predictor.predict("m1", []) == []


@every_backend
def test_asking_an_unknown_model_is_an_error(build: BackendBuilder, tmp_path: Path) -> None:
    _, predictor = build(DirectoryBlobStore(tmp_path))
    with pytest.raises(ModelNotFoundError, match="m9"):
        predictor.predict("m9", [plain(["red"], 1)[0].data])


@every_backend
def test_a_model_that_was_deleted_meanwhile_is_no_longer_answered_from_memory(build: BackendBuilder, tmp_path: Path) -> None:
    trainer, predictor = trained(build, tmp_path, plain(COLOURS, 6))
    image = plain(["red"], 1)[0].data
    predictor.predict("m1", [image])
    trainer.delete("m1")
    with pytest.raises(ModelNotFoundError):
        predictor.predict("m1", [image])
