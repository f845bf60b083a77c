"""Trainers without an account or a download: scikit-learn on features learnt from the images, or torch, served as ONNX.

Belongs here: what is trained on, when it is refused, the order of the steps. Does not: which candidates there are and how they
are compared (`model_search.py`), the network of the extra `torch` (`small_network.py`), where the result lies (`model_folder.py`).

Trained from zero on the user's pictures: seconds instead of money, and with few images less sure than a service that has
seen millions. Object detection is not trained here: where most images have regions the training is refused, where few have, their tags
are learnt and the regions ignored.
"""

import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from imaging_assets.embedded.decoding import DECODERS, SIDE, Pixels, decode_pixels
from imaging_assets.embedded.model_folder import ModelFolder
from imaging_assets.errors import BlobNotFoundError, TrainingError, UnreadableImageError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.trainer import Heartbeat, ReadImage, Trainer
from imaging_assets.records.models import Candidate, ClassificationKind, TrainedModel, TrainingImage

if TYPE_CHECKING:
    from imaging_assets.embedded.rows import Rows

_CHUNK = 200
_NAMED_TAGS = 5
_LEARNT_FROM = ("train", "validation")


class PixelTrainer(Trainer):
    """Trains in this process and stores under `<folder>/<model_id>/`; subclasses say how rows of pixels become a model.

    Attributes:
        budget_seconds: Time for learning, as the subclass says; reading comes on top.
        seed: Of everything random.
        min_images_per_tag: Tags with fewer train and validation images are left out of the model.
    """

    def __init__(
        self,
        store: BlobStore,
        *,
        folder: str = "models",
        budget_seconds: float = 20.0,
        seed: int = 0,
        min_images_per_tag: int = 5,
    ) -> None:
        self._models = ModelFolder(store, folder)
        self.budget_seconds = budget_seconds
        self.seed = seed
        self.min_images_per_tag = min_images_per_tag

    @property
    @override
    def recipe(self) -> str:
        return f"{self._version};budget={self.budget_seconds:g};seed={self.seed};min={self.min_images_per_tag}"

    @property
    @abstractmethod
    def _version(self) -> str:
        """Names the way of learning; raised when equal rows give another model."""

    @abstractmethod
    def _learn(self, rows: "Rows", kind: ClassificationKind, heartbeat: Heartbeat) -> tuple[tuple[Candidate, ...], bytes]:
        """Candidates, the winner first, and its ONNX from pixels to probabilities.

        Raises:
            ArithmeticError: onnxruntime does not say what was learnt.
        """

    @override
    def refusal(self, images: Sequence[TrainingImage]) -> str:
        boxed = sum(bool(image.regions) for image in _learnable(images))
        if 2 * boxed > len(_learnable(images)):
            return (
                f"{boxed} of {len(_learnable(images))} images have boxes, and detection is trained on Custom Vision alone. The training "
                "set is kept: train it there, or export it."
            )
        counts = _images_per_tag(_learnable(images))
        short = sorted(tag for tag, have in counts.items() if have < self.min_images_per_tag)
        if len(counts) - len(short) >= 2:
            return ""
        need = f"2 tags with at least {self.min_images_per_tag} images each are needed"
        if len(counts) < 2:
            only = "".join(f": {tag} ({have} images)" for tag, have in counts.items())
            return f"{need}, there {'is 1' if counts else 'are 0'}{only}. Label images of another tag."
        lacking = ", ".join(f"{tag} has {counts[tag]} of {self.min_images_per_tag}" for tag in short[:_NAMED_TAGS])
        more = f" and {len(short) - _NAMED_TAGS} more tags have too few" if len(short) > _NAMED_TAGS else ""
        return f"{need}: {lacking}{more}. Label more images of them."

    @override
    def train(self, model_id: str, images: Sequence[TrainingImage], read: ReadImage, heartbeat: Heartbeat) -> TrainedModel:
        """As the port says; `read` is called from several threads at once."""
        finished = self._models.find(model_id)
        if finished is not None:
            return finished
        started = time.monotonic()
        self._raise_refusal(images)
        # The order is part of the outcome, so it must not depend on the order of the days.
        wanted = sorted(_learnable(images), key=lambda image: image.sha256)
        readable, pixels = _read_pixels(wanted, read, heartbeat)
        unreadable = len(wanted) - len(readable)
        self._raise_refusal(readable, f"{unreadable} of {len(wanted)} images could not be read. ")
        counts = _images_per_tag(readable)
        tags = tuple(sorted(tag for tag, have in counts.items() if have >= self.min_images_per_tag))
        rows, kind = _rows(readable, pixels, tags), _kind(images)
        try:
            candidates, onnx = self._learn(rows, kind, heartbeat)
        except ArithmeticError as error:
            raise TrainingError(f"The exported model is wrong: {error}. Train with another seed and report this.") from error
        details = {
            "winner": candidates[0].name,
            "images": str(len(rows.groups)),
            "unreadable": str(unreadable),
            "regions_ignored": str(sum(len(image.regions) for image in readable)),
            "left_out": ", ".join(f"{tag} ({counts[tag]})" for tag in sorted(counts.keys() - set(tags))),
        }
        model = TrainedModel(model_id, kind, tags, candidates, time.monotonic() - started, details)
        self._models.write(model, onnx, self._facts({tag: counts[tag] for tag in tags}))
        return model

    @override
    def publish(self, model_id: str) -> None:
        self._models.read_labels(model_id)

    @override
    def delete(self, model_id: str) -> None:
        self._models.delete(model_id)

    def _raise_refusal(self, images: Sequence[TrainingImage], because: str = "") -> None:
        refusal = self.refusal(images)
        if refusal:
            raise TrainingError(because + refusal)

    def _facts(self, images_per_tag: dict[str, int]) -> dict[str, object]:
        """What a program that runs `model.onnx` on its own has to know, and what the model came from."""
        return {
            "input": {"name": "pixels", "shape": ["images", SIDE, SIDE, 3], "range": [0, 255]},
            "recipe": self.recipe,
            "seed": self.seed,
            "images_per_tag": images_per_tag,
        }


class ScikitLearnTrainer(PixelTrainer):
    """Compares features and classifiers: no further candidate is started once the budget is spent, and the final fit comes on top."""

    @property
    @override
    def _version(self) -> str:
        return "sklearn-2"

    @override
    def _learn(self, rows: "Rows", kind: ClassificationKind, heartbeat: Heartbeat) -> tuple[tuple[Candidate, ...], bytes]:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415  (comes with scikit-learn)

        from imaging_assets.embedded.model_search import ModelSearch  # noqa: PLC0415  (a second of imports)

        # Sums over several threads differ in the last bit from run to run; equal input must give equal bytes.
        with threadpool_limits(1):
            search = ModelSearch(rows, kind, self.seed)
            candidates = search.compare(self.budget_seconds, heartbeat)
            heartbeat(f"fitting {candidates[0].name} to {len(rows.groups)} images")
            return tuple(candidates), search.fit(candidates[0].name)


def _learnable(images: Sequence[TrainingImage]) -> list[TrainingImage]:
    return [image for image in images if image.split in _LEARNT_FROM]


def _kind(images: Sequence[TrainingImage]) -> ClassificationKind:
    """A property of the whole set, so that test images can be judged."""
    several = any(len(image.tags) > 1 for image in images if image.split != "excluded")
    return "multilabel" if several else "multiclass"


def _images_per_tag(images: Sequence[TrainingImage]) -> Counter[str]:
    return Counter(tag for image in images for tag in set(image.tags))


def _read_pixels(
    images: Sequence[TrainingImage], read: ReadImage, heartbeat: Heartbeat
) -> tuple[list[TrainingImage], list[Pixels]]:
    """The images that could be read, and their pixels."""

    def pixels_of(image: TrainingImage) -> Pixels | None:
        try:
            return decode_pixels(read(image.blob))
        except (UnreadableImageError, BlobNotFoundError):
            return None

    def in_order() -> Iterator[tuple[TrainingImage, Pixels | None]]:
        with ThreadPoolExecutor(DECODERS, thread_name_prefix="decode") as pool:
            for start in range(0, len(images), _CHUNK):
                heartbeat(f"reading images, {start} of {len(images)}")
                chunk = images[start : start + _CHUNK]
                yield from zip(chunk, pool.map(pixels_of, chunk), strict=True)

    pairs = [(image, pixels) for image, pixels in in_order() if pixels is not None]
    return [image for image, _ in pairs], [pixels for _, pixels in pairs]


def _rows(images: Sequence[TrainingImage], pixels: Sequence[Pixels], tags: tuple[str, ...]) -> "Rows":
    """What is learnt from; images none of whose tags is learnt are dropped."""
    from imaging_assets.embedded.rows import Rows  # noqa: PLC0415  (a second of imports)

    kept = [(image, square) for image, square in zip(images, pixels, strict=True) if not set(tags).isdisjoint(image.tags)]
    return Rows(
        pixels=np.stack([square for _, square in kept]),
        targets=np.array([[tag in image.tags for tag in tags] for image, _ in kept]),
        groups=tuple(image.group for image, _ in kept),
    )
