"""What is special about `ScikitLearnTrainer`: reproducible bytes, tags left out, one ONNX file, accuracy."""

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import polars as pl
import pytest

from imaging_assets.embedded.blob_store import DirectoryBlobStore
from imaging_assets.embedded.decoding import decode_pixels
from imaging_assets.embedded.predictor import OnnxPredictor
from imaging_assets.embedded.trainer import ScikitLearnTrainer
from imaging_assets.errors import TrainingError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.manifests import Region
from imaging_assets.records.models import TrainedModel, TrainingImage
from imaging_assets_tests.embedded.pictures import Picture, digits, halves, plain, scenes, shapes, textures, training_images


def train(store: BlobStore, images: Sequence[TrainingImage], model_id: str = "m1", *, budget: float = 0.0) -> TrainedModel:
    trainer = ScikitLearnTrainer(store, budget_seconds=budget)
    return trainer.train(model_id, images, lambda blob: store.read(blob).data, lambda _: None)


def accuracy(store: BlobStore, pictures: Sequence[Picture]) -> float:
    answers = OnnxPredictor(store).predict("m1", [picture.data for picture in pictures])
    return float(np.mean([scored.predictions[0].tag in picture.tags for scored, picture in zip(answers, pictures, strict=True)]))


@pytest.mark.slow
def test_equal_images_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    images = training_images(store, scenes(24, seed=1))
    first, second = train(store, images, "m1", budget=60), train(store, images[::-1], "m2", budget=60)
    assert store.read("models/m1/model.onnx").data == store.read("models/m2/model.onnx").data
    assert [(candidate.name, candidate.score) for candidate in first.candidates] == [
        (candidate.name, candidate.score) for candidate in second.candidates
    ]


def test_the_stored_model_takes_pixels_and_gives_probabilities_without_this_project(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    pictures = plain(["red", "green", "blue"], 5)
    train(store, training_images(store, pictures))
    session = onnxruntime.InferenceSession(store.read("models/m1/model.onnx").data, providers=["CPUExecutionProvider"])
    pixels = np.stack([decode_pixels(picture.data) for picture in pictures]).astype(np.float32)
    (probabilities,) = session.run(["probabilities"], {"pixels": pixels})
    assert (session.get_inputs()[0].shape, probabilities.shape) == (["images", 64, 64, 3], (15, 3))
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_labels_and_metrics_lie_beside_the_model(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    model = train(store, training_images(store, plain(["red", "blue"], 6)))
    labels = json.loads(store.read("models/m1/labels.json").data)
    metrics = pl.read_parquet(io.BytesIO(store.read("models/m1/metrics.parquet").data))
    assert (labels["model_id"], labels["kind"], labels["tags"], labels["seed"]) == ("m1", "multiclass", ["blue", "red"], 0)
    assert labels["images_per_tag"] == {"blue": 6, "red": 6}
    assert labels["recipe"] == ScikitLearnTrainer(store, budget_seconds=0).recipe
    assert metrics.columns == ["name", "score", "seconds"]
    assert metrics["name"].to_list() == [candidate.name for candidate in model.candidates]


@pytest.mark.slow
def test_a_spent_budget_still_compares_one_candidate_and_a_large_one_all(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    images = training_images(store, plain(["red", "blue"], 6))
    assert len(train(store, images, "m1", budget=0).candidates) == 1
    candidates = train(store, images, "m2", budget=60).candidates
    assert len(candidates) == 8
    assert [candidate.score for candidate in candidates] == sorted((candidate.score for candidate in candidates), reverse=True)


def test_tags_with_too_few_images_are_left_out_and_named(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    model = train(store, training_images(store, [*plain(["red", "blue"], 6), *plain(["green"], 2)]))
    assert (model.tags, model.details["left_out"], model.details["images"]) == (("blue", "red"), "green (2)", "12")


def test_a_set_of_boxes_is_refused_with_where_to_go_and_a_few_boxes_are_ignored(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    images = training_images(store, plain(["red", "blue"], 8))
    boxed = [replace(image, regions=(Region(image.tags[0], 0.1, 0.1, 0.5, 0.5),)) for image in images]
    refusal = ScikitLearnTrainer(store).refusal(boxed)
    assert refusal.startswith("16 of 16 images have boxes, and detection is trained on Custom Vision alone.")
    with pytest.raises(TrainingError, match="16 of 16 images have boxes"):
        train(store, boxed)
    mixed = [*boxed[:8], *images[8:]]
    assert ScikitLearnTrainer(store).refusal(mixed) == ""
    assert train(store, mixed).details["regions_ignored"] == "8"


def test_images_that_cannot_be_decoded_or_are_gone_are_skipped_and_counted(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    images = training_images(store, [*plain(["red", "blue"], 6), Picture(b"no image", ("red",)), Picture(b"gone", ("blue",))])
    store.delete(images[-1].blob)
    assert train(store, images).details["unreadable"] == "2"


def test_too_many_unreadable_images_are_an_error_that_says_so(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    broken = [Picture(f"broken {number}".encode(), ("blue",)) for number in range(6)]
    with pytest.raises(TrainingError, match="6 of 12 images could not be read"):
        train(store, training_images(store, [*plain(["red"], 6), *broken]))


def test_a_training_that_died_before_the_last_write_is_done_again(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    images = training_images(store, plain(["red", "blue"], 6))
    train(store, images)
    complete = store.read("models/m1/model.onnx").data
    store.write("models/m1/model.onnx", b"half")
    store.delete("models/m1/labels.json")
    train(store, images)
    assert store.read("models/m1/model.onnx").data == complete


def test_deleting_a_model_leaves_its_namesakes(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    for path in ("models/m1/labels.json", "models/m1/model.onnx", "models/m10/labels.json", "models/published.json"):
        store.write(path, b"{}")
    ScikitLearnTrainer(store).delete("m1")
    assert [blob.path for blob in store.list_blobs("models/")] == ["models/m10/labels.json", "models/published.json"]


def test_a_tag_on_every_image_is_learnt_as_nearly_certain(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    pictures = [Picture(picture.data, (*picture.tags, "photo")) for picture in plain(["red", "blue"], 6)]
    assert train(store, training_images(store, pictures)).kind == "multilabel"
    (scored,) = OnnxPredictor(store).predict("m1", [pictures[0].data])
    assert {prediction.tag: prediction.probability for prediction in scored.predictions}["photo"] > 0.99


def test_near_duplicates_in_one_group_do_not_flatter_the_comparison(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    pictures = plain(["red", "blue"], 10)
    labels = np.random.default_rng(1).permutation(["odd", "even"] * 5)
    # Ten groups of two copies with arbitrary tags: only copies on both sides of a fold could be told right.
    copies = [Picture(data, (str(labels[number % 10]),)) for number, (data, _) in enumerate(pictures)]
    twins = [Picture(picture.data + b"\0", picture.tags) for picture in copies[:10]]
    images = training_images(store, [*copies[:10], *twins], group_of=lambda number: str(number % 10))
    assert train(store, images, budget=60).candidates[-1].score < 0.8


@pytest.mark.slow
def test_a_few_hundred_pictures_of_many_kinds_are_told_apart(tmp_path: Path) -> None:
    for name, pictures, unseen, budget, goal in (
        ("scenes", scenes(60, seed=1), scenes(100, seed=2), 0, 0.9),
        ("shapes", shapes(200, seed=1), shapes(100, seed=2), 60, 0.9),
        ("digits", digits()[0][:300], digits()[1], 0, 0.95),
    ):
        store = DirectoryBlobStore.create(tmp_path / name)
        train(store, training_images(store, pictures), budget=budget)
        assert accuracy(store, unseen) > goal, name


def test_several_tags_per_image_are_told_apart(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    train(store, training_images(store, halves(36)))
    unseen = halves(60)[36:]
    answers = OnnxPredictor(store).predict("m1", [picture.data for picture in unseen])
    chosen = [{prediction.tag for prediction in scored.predictions if prediction.probability >= 0.5} for scored in answers]
    assert np.mean([tags == set(picture.tags) for tags, picture in zip(chosen, unseen, strict=True)]) > 0.9


@pytest.mark.slow
def test_all_digits_reach_the_goal(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path)
    known, unseen = digits()
    model = train(store, training_images(store, known), budget=20)
    assert accuracy(store, unseen) >= 0.98
    assert model.seconds < 40


@pytest.mark.slow
def test_most_textures_are_recognised_where_colour_light_and_scale_have_drifted(tmp_path: Path) -> None:
    reached = []
    for draw in (11, 12, 13):
        store = DirectoryBlobStore.create(tmp_path / str(draw))
        known, unseen = textures(40, draw)
        train(store, training_images(store, known), budget=60)
        reached.append(accuracy(store, unseen))
    assert min(reached) >= 0.86, reached
