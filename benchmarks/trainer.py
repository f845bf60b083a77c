"""How well and how fast the embedded trainer, predictor and embedder are, on generated pictures and scikit-learn's digits.

The peer is what one would try first: a 16 x 16 thumbnail and the better of logistic regression and extra trees, measured here on
the same pictures (for neighbours: the thumbnail itself). Textures and shapes are our stand-ins for sets that need other packages.
"""

import io
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression

from imaging_assets.embedded.analyzer import GradientEmbedder
from imaging_assets.embedded.blob_store import DirectoryBlobStore
from imaging_assets.embedded.predictor import OnnxPredictor
from imaging_assets.embedded.torch_trainer import TorchTrainer
from imaging_assets.embedded.trainer import PixelTrainer, ScikitLearnTrainer
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.models import TrainedModel
from imaging_assets_tests.embedded.pictures import Picture, digits, encode, scenes, shapes, textures, training_images

Row = dict[str, object]


def rows() -> list[Row]:
    """One row per figure: {name, ours, peer, unit, ratio, goal, holds}."""
    _warm_up()
    sets = {
        "digits": (*digits(), 0.99),
        **{f"textures, draw {draw}": (*textures(40, draw), 0.86) for draw in (5, 11, 12, 13)},
        "shapes": (shapes(400, seed=1), shapes(200, seed=2), 0.90),
        "scenes": (scenes(200, seed=1), scenes(200, seed=2), 0.90),
    }
    table = []
    for name, (known, unseen, goal) in sets.items():
        accuracy, seconds, milliseconds = _learn(known, unseen)
        what = f"{name}, {len(known):,} images"
        table += [_at_least(f"{what}: accuracy on {len(unseen)} others", accuracy, _thumbnail_accuracy(known, unseen), "", goal)]
        table += [
            _at_most(f"{what}: training", seconds, "s", 30.0),
            _at_most(f"{what}: prediction", milliseconds, "ms/image", 5.0),
        ]
    for count, goal in ((100, 5.0), (1_000, 30.0)):
        table.append(_at_most(f"training on {count:,} photos of 1024 x 768", _learn(_large(count), [])[1], "s", goal))
    if find_spec("torch"):
        table += _by_torch()
    else:
        print("torch is not installed (extra torch): its trainer is not measured")
    return table + _neighbours(sets["digits"][0], sets["textures, draw 5"][0])


def _by_torch() -> list[Row]:
    """The extra's trainer, given the time it wants; the peer is the trainer that needs no extra."""
    textured = {f"textures, draw {draw}": textures(40, draw) for draw in (11, 12, 13)}
    sets = {"digits": (digits(), 0.99), "shapes": ((shapes(400, seed=1), shapes(200, seed=2)), 0.98)}
    sets |= {name: (pictures, 0.88) for name, pictures in textured.items()}
    table = []
    for name, ((known, unseen), goal) in sets.items():
        accuracy, seconds, milliseconds = _learn(known, unseen, lambda store: TorchTrainer(store, budget_seconds=600))
        what, peer = f"torch: {name}, {len(known):,} images", _learn(known, unseen)[0]
        table += [
            _at_least(f"{what}: accuracy on {len(unseen)} others", accuracy, peer, "", goal),
            _at_most(f"{what}: training", seconds, "s", 180.0),
            _at_most(f"{what}: prediction", milliseconds, "ms/image", 5.0),
        ]
    return table


def _warm_up() -> None:
    """Imports and first calls are not what is measured."""
    _learn(scenes(20, seed=9), scenes(4, seed=8))


def _learn(
    known: Sequence[Picture], unseen: Sequence[Picture], build: Callable[[BlobStore], PixelTrainer] = ScikitLearnTrainer
) -> tuple[float, float, float]:
    """Accuracy on the unseen, seconds to train, milliseconds to predict one."""
    with tempfile.TemporaryDirectory() as folder:
        store = DirectoryBlobStore(Path(folder))
        images = training_images(store, known)
        model: TrainedModel = build(store).train("m1", images, lambda blob: store.read(blob).data, lambda _: None)
        if not unseen:
            return 0.0, model.seconds, 0.0
        predictor = OnnxPredictor(store)
        predictor.predict("m1", [unseen[0].data])
        started = time.perf_counter()
        answers = predictor.predict("m1", [picture.data for picture in unseen])
        milliseconds = (time.perf_counter() - started) * 1000 / len(unseen)
    right = [scored.predictions[0].tag in picture.tags for scored, picture in zip(answers, unseen, strict=True)]
    return float(np.mean(right)), model.seconds, milliseconds


def _neighbours(*sets: Sequence[Picture]) -> list[Row]:
    table, images, seconds = [], 0, 0.0
    for name, pictures, goal in zip(("digits", "textures"), sets, (0.90, 0.60), strict=True):
        started = time.perf_counter()
        vectors = GradientEmbedder().embed([picture.data for picture in pictures])
        seconds, images = seconds + time.perf_counter() - started, images + len(pictures)
        ours, peer = _precision(vectors, pictures), _precision(_thumbnails(pictures), pictures)
        table.append(_at_least(f"{name}: same tag among 10 neighbours", ours, peer, "", goal))
    return [*table, _at_most("embedding", seconds * 1000 / images, "ms/image", 2.0)]


def _precision(vectors: npt.NDArray[np.float32], pictures: Sequence[Picture]) -> float:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -1)
    tags = np.array([picture.tags[0] for picture in pictures])
    return float((tags[np.argsort(-likeness, axis=1)[:, :10]] == tags[:, None]).mean())


def _thumbnail_accuracy(known: Sequence[Picture], unseen: Sequence[Picture]) -> float:
    heads = (LogisticRegression(C=0.1, max_iter=5_000), ExtraTreesClassifier(200, random_state=0, n_jobs=2))
    tags = [picture.tags[0] for picture in known]
    truth = [picture.tags[0] for picture in unseen]
    return max(float(head.fit(_thumbnails(known), tags).score(_thumbnails(unseen), truth)) for head in heads)


def _thumbnails(pictures: Sequence[Picture]) -> npt.NDArray[np.float32]:
    small = [np.asarray(Image.open(io.BytesIO(picture.data)).convert("RGB").resize((16, 16))).ravel() for picture in pictures]
    return np.stack(small).astype(np.float32) / np.float32(255)


def _large(count: int) -> list[Picture]:
    """Scenes at the size of ordinary photos."""
    sources = [(Image.open(io.BytesIO(picture.data)), picture.tags) for picture in scenes(count, seed=6)]
    return [Picture(encode(image.resize((1024, 768)), quality=85), tags) for image, tags in sources]


def _at_least(name: str, ours: float, peer: float, unit: str, goal: float) -> Row:
    return _row(name, ours, peer, unit, goal, holds=ours >= goal)


def _at_most(name: str, ours: float, unit: str, goal: float) -> Row:
    return _row(name, ours, None, unit, goal, holds=ours <= goal)


def _row(name: str, ours: float, peer: float | None, unit: str, goal: float, *, holds: bool) -> Row:
    ratio = round(ours / peer, 2) if peer else None
    shown = None if peer is None else round(peer, 3)
    return {"name": name, "ours": round(ours, 3), "peer": shown, "unit": unit, "ratio": ratio, "goal": goal, "holds": holds}


if __name__ == "__main__":
    for row in rows():
        print(row)
