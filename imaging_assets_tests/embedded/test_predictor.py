"""What is special about `OnnxPredictor`: its memory of loaded models, and how little it costs to import."""

import subprocess
import sys
from pathlib import Path

from imaging_assets.embedded.blob_store import DirectoryBlobStore
from imaging_assets.embedded.predictor import OnnxPredictor
from imaging_assets.embedded.trainer import ScikitLearnTrainer
from imaging_assets_tests.embedded.pictures import Picture, plain, training_images


def train(store: DirectoryBlobStore, model_id: str, pictures: list[Picture]) -> None:
    images = training_images(store, pictures)
    ScikitLearnTrainer(store, budget_seconds=0).train(model_id, images, lambda blob: store.read(blob).data, lambda _: None)


def test_a_model_trained_anew_under_the_same_id_is_loaded_anew(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    predictor, image = OnnxPredictor(store), plain(["red"], 1)[0].data
    train(store, "m1", plain(["red", "blue"], 5))
    before = predictor.predict("m1", [image])
    ScikitLearnTrainer(store).delete("m1")
    train(store, "m1", plain(["red", "green", "grey"], 5))
    after = predictor.predict("m1", [image])
    assert {prediction.tag for prediction in before[0].predictions} == {"red", "blue"}
    assert {prediction.tag for prediction in after[0].predictions} == {"red", "green", "grey"}


def test_more_models_than_are_kept_loaded_all_answer(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    train(store, "m0", plain(["red", "blue"], 5))
    for number in range(1, 6):
        for name in ("model.onnx", "metrics.parquet", "labels.json"):
            store.copy(f"models/m0/{name}", f"models/m{number}/{name}")
    predictor, image = OnnxPredictor(store), plain(["red"], 1)[0].data
    answers = [predictor.predict(f"m{number}", [image]) for number in (0, 1, 2, 3, 4, 5, 0)]
    assert all(answer == answers[0] for answer in answers)


def test_importing_the_backends_loads_neither_scikit_learn_nor_onnx() -> None:
    script = (
        "import sys, imaging_assets.embedded.trainer, imaging_assets.embedded.predictor, imaging_assets.embedded.analyzer;"
        "print([name for name in ('sklearn', 'skl2onnx', 'onnx', 'onnxruntime', 'scipy') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
