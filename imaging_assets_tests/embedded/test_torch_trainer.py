"""What is special about `TorchTrainer`: it may be missing, it agrees with its ONNX, and it learns what the other one finds hard."""

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from imaging_assets.backends import trainers
from imaging_assets.embedded.blob_store import DirectoryBlobStore
from imaging_assets.embedded.decoding import SIDE
from imaging_assets.embedded.onnx_graph import to_bytes
from imaging_assets.embedded.onnx_session import PixelSession
from imaging_assets.embedded.predictor import OnnxPredictor
from imaging_assets.embedded.torch_trainer import TorchTrainer
from imaging_assets.embedded.trainer import ScikitLearnTrainer
from imaging_assets.errors import SettingsError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.models import ClassificationKind, TrainedModel
from imaging_assets.settings import Settings
from imaging_assets_tests.embedded.pictures import Picture, plain, shapes, training_images

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="install the extra torch")


def train(store: BlobStore, pictures: Sequence[Picture], model_id: str = "m1", *, budget: float = 0.1) -> TrainedModel:
    trainer = TorchTrainer(store, budget_seconds=budget)
    return trainer.train(model_id, training_images(store, pictures), lambda blob: store.read(blob).data, lambda _: None)


@pytest.mark.parametrize(("name", "kind"), [("scikit-learn", ScikitLearnTrainer), ("torch", TorchTrainer)])
def test_a_setting_says_who_trains(tmp_path: Path, name: str, kind: type) -> None:
    settings = Settings(home=tmp_path, training={"trainer": name})
    trainer, predictor = trainers(settings, DirectoryBlobStore(tmp_path))["embedded"]
    assert (type(trainer), type(predictor)) == (kind, OnnxPredictor)


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed")
def test_without_torch_the_error_names_the_extra(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"pip install 'imaging-assets\[torch\]'"):
        train(DirectoryBlobStore(tmp_path), plain(["red", "blue"], 6))


@needs_torch
@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
def test_the_onnx_file_says_what_torch_says(kind: ClassificationKind) -> None:
    import torch

    from imaging_assets.embedded.small_network import SmallNetwork, export

    torch.manual_seed(5)
    network = SmallNetwork(4)
    with torch.no_grad():
        network.head.weight *= 100  # as sure as one that has learnt
    random = np.random.default_rng(5)
    pixels = (random.random((12, SIDE, SIDE, 3)) * random.uniform(20, 255, (12, 1, 1, 3))).astype(np.uint8)
    planes = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    network(planes)  # so that the norms have seen something
    network.eval()
    with torch.no_grad():
        numbers = network(planes)
    wanted = (numbers.softmax(1) if kind == "multiclass" else numbers.sigmoid()).numpy()
    answers = PixelSession(to_bytes(export(network, kind))).run(pixels)
    assert np.ptp(wanted, axis=0).max() > 0.01  # pictures are told apart at all
    assert np.abs(answers - wanted).max() < 1e-4


@needs_torch
@pytest.mark.slow
def test_views_are_candidates_and_labels_lie_beside_the_model(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    model = train(store, plain(["red", "blue"], 6))
    labels = json.loads(store.read("models/m1/labels.json").data)
    assert {candidate.name for candidate in model.candidates} == {"small network, as they are", "small network, any way up"}
    assert labels["recipe"].startswith("torch-")
    assert labels["images_per_tag"] == {"blue": 6, "red": 6}


@needs_torch
@pytest.mark.slow
def test_equal_images_give_the_same_bytes_and_shapes_are_learnt(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    known, unseen = shapes(400, seed=1), shapes(200, seed=2)
    for model_id in ("m1", "m2"):
        train(store, known, model_id, budget=900)
    assert store.read("models/m1/model.onnx").data == store.read("models/m2/model.onnx").data
    answers = OnnxPredictor(store).predict("m1", [picture.data for picture in unseen])
    right = [scored.predictions[0].tag in picture.tags for scored, picture in zip(answers, unseen, strict=True)]
    assert np.mean(right) >= 0.95
