"""Faces in images: where they are, each cut out into a private place.

Belongs here: detectors, and the crops they lead to. Does not: whose faces they are (`face_prints.py`, `face_matches.py`), when crops go
(`stages/garbage.py`).

Without a model, OpenCV 4's own cascade looks for frontal faces (P. Viola and M. Jones, "Rapid object detection using a boosted
cascade of simple features", CVPR 2001); with a YuNet ONNX file of the user's (W. Wu et al., "YuNet: a tiny millisecond-level face
detector", 2023) that does.
"""

import hashlib
import io
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from typing_extensions import override

from imaging_assets.embedded.analyzers.onnx_file import OnnxFile
from imaging_assets.embedded.analyzers.picture import WHOLE, Pixels, open_picture
from imaging_assets.errors import AnalysisError, SettingsError
from imaging_assets.ports.analyzer import ImageAnalyzer
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.insights import FACES, Columns, ImageToAnalyze, Output

_VERSION = "faces-1"
_LONGEST = 1280
"""Pixels a detector looks at; faces are at least a thirtieth of that."""
_SMALLEST = 32
_PADDING = 0.25
_QUALITY = 90


@dataclass(frozen=True, slots=True)
class FoundFace:
    """A face: fractions of the upright image, origin top-left; `confidence` 0-1."""

    left: float
    top: float
    width: float
    height: float
    confidence: float


class FaceDetector(ABC):
    """Finds faces in pixels; every thread has its own engine, for OpenCV's are not made to be shared."""

    detector_id: str

    def __init__(self) -> None:
        self._local = threading.local()

    def find(self, pixels: Pixels) -> list[FoundFace]:
        """Faces, largest first, then from the left."""
        if not hasattr(self._local, "engine"):
            self._local.engine = self.load()
        height, width = pixels.shape[:2]
        faces = []
        for left, top, across, down, confidence in self.boxes(self._local.engine, pixels):
            x, y = max(0.0, left / width), max(0.0, top / height)
            face = FoundFace(x, y, min(1.0, (left + across) / width) - x, min(1.0, (top + down) / height) - y, confidence)
            if face.width > 0 and face.height > 0:
                faces.append(face)
        return sorted(faces, key=lambda face: (-face.width * face.height, face.left, face.top))

    @abstractmethod
    def load(self) -> Any:
        """An engine for one thread."""

    @abstractmethod
    def boxes(self, engine: Any, pixels: Pixels) -> list[tuple[float, float, float, float, float]]:
        """Left, top, width, height in pixels, and confidence."""


class CascadeDetector(FaceDetector):
    """OpenCV's frontal cascade; `neighbours` is how many overlapping finds make a face."""

    def __init__(self, neighbours: int = 6) -> None:
        super().__init__()
        self._neighbours = int(neighbours)
        self.detector_id = f"cascade-{_opencv_version()}-{self._neighbours}"

    @override
    def load(self) -> Any:
        import cv2  # noqa: PLC0415 - an extra, and slow to import

        cascade = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
        if not cascade.is_file():
            raise SettingsError(
                "This OpenCV has no cascade. Install opencv-python-headless<5, or name a YuNet model in insights.steps.image_faces.options."
            )
        return cv2.CascadeClassifier(str(cascade))

    @override
    def boxes(self, engine: Any, pixels: Pixels) -> list[tuple[float, float, float, float, float]]:
        import cv2  # noqa: PLC0415

        grey = cv2.equalizeHist(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
        found, _, weights = engine.detectMultiScale3(
            grey, 1.1, self._neighbours, minSize=(_SMALLEST, _SMALLEST), outputRejectLevels=True
        )
        # The cascade's weight has no upper end; this brings it to 0-1 without changing which face is surer.
        sure = [float(weight) / (1 + abs(float(weight))) for weight in weights]
        return [(float(x), float(y), float(w), float(h), share) for (x, y, w, h), share in zip(found, sure, strict=True)]


class YuNetDetector(FaceDetector):
    """A user's YuNet ONNX file; faces with a smaller confidence than `minimum` are left out."""

    def __init__(self, model: Path, minimum: float = 0.7) -> None:
        super().__init__()
        self._file, self._minimum = OnnxFile(model), float(minimum)
        self.detector_id = f"yunet-{self._file.digest}-{self._minimum:g}"

    @override
    def load(self) -> Any:
        import cv2  # noqa: PLC0415

        try:
            return cv2.FaceDetectorYN.create(str(self._file.path), "", (320, 320), self._minimum)
        except cv2.error as error:
            raise AnalysisError(f"{self._file.path} is no YuNet model that OpenCV takes ({error.err}). Name another.") from error

    @override
    def boxes(self, engine: Any, pixels: Pixels) -> list[tuple[float, float, float, float, float]]:
        engine.setInputSize((pixels.shape[1], pixels.shape[0]))
        _, found = engine.detect(np.ascontiguousarray(pixels[:, :, ::-1]))
        rows = [] if found is None else found.tolist()
        return [(row[0], row[1], row[2], row[3], row[-1]) for row in rows]


class FaceAnalyzer(ImageAnalyzer):
    """`faces`: how many; `boxes`: each with `index`, `left`, `top`, `width`, `height` (0-1), `confidence`; `crops`: their paths.

    A crop is called after image, index and detector, so doing it again writes the same names.

    Args:
        detector: Who finds them.
        store: Where crops go; None for an analyser that is only told, or must leave no crops.
        folder: Place of the crops.
    """

    def __init__(self, detector: FaceDetector, store: BlobStore | None, folder: str) -> None:
        self.detector = detector
        self._store, self._folder = store, folder

    @property
    @override
    def analyzer_id(self) -> str:
        return f"{_VERSION}+{self.detector.detector_id}"

    @property
    @override
    def columns(self) -> Columns:
        return FACES

    @override
    def analyze(self, image: ImageToAnalyze) -> Output:
        picture = open_picture(image.data, _LONGEST)
        faces = self.detector.find(np.asarray(picture))
        boxes = [
            {"index": index, **{name: round(getattr(face, name), 5) for name in FoundFace.__slots__}}
            for index, face in enumerate(faces)
        ]
        crops = self._cut_out(image, faces) if self._store and faces else []
        return {"faces": len(faces), "boxes": boxes, "crops": crops}

    def _cut_out(self, image: ImageToAnalyze, faces: Sequence[FoundFace]) -> list[str]:
        assert self._store is not None
        whole = open_picture(image.data, WHOLE)
        detector = hashlib.sha256(self.analyzer_id.encode()).hexdigest()[:8]
        paths = []
        for index, face in enumerate(faces):
            path = f"{self._folder}/{image.sha256[:2]}/{image.sha256}-{index}-{detector}.jpg"
            buffer = io.BytesIO()
            cut_out(whole, face, _PADDING).save(buffer, "JPEG", quality=_QUALITY)
            self._store.write(path, buffer.getvalue())
            paths.append(path)
        return paths


def cut_out(picture: Image.Image, face: FoundFace, padding: float) -> Image.Image:
    """The face with so much of its size around it, as far as the picture goes."""
    across, down = face.width * padding, face.height * padding
    sides = (
        max(0.0, face.left - across) * picture.width,
        max(0.0, face.top - down) * picture.height,
        min(1.0, face.left + face.width + across) * picture.width,
        min(1.0, face.top + face.height + down) * picture.height,
    )
    left, top, right, bottom = (round(side) for side in sides)
    return picture.crop((left, top, max(right, left + 1), max(bottom, top + 1)))


def _opencv_version() -> str:
    """Without importing it."""
    for package in ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python"):
        with suppress(PackageNotFoundError):
            return version(package)
    return "4"
