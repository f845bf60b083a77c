"""A vector per face by a user's own ONNX model, and whose face it is by reference pictures. Both are off unless switched on.

Belongs here: prints and comparing them. Does not: finding faces (`faces.py`).
"""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from typing_extensions import override

from imaging_assets.embedded.analyzers.faces import FaceDetector, FoundFace, cut_out
from imaging_assets.embedded.analyzers.onnx_file import OnnxFile
from imaging_assets.embedded.analyzers.picture import WHOLE, open_picture
from imaging_assets.errors import AnalysisError
from imaging_assets.ports.analyzer import ImageAnalyzer
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.insights import FACE_MATCHES, FACE_PRINTS, Columns, ImageBytes, ImageToAnalyze, Output

_SIDE = 112

Vector = npt.NDArray[np.float32]


class FacePrinter:
    """Prints of faces: vectors of length 1, alike for equal faces.

    Args:
        model: ONNX file: one RGB face in (NCHW, float32), one vector out.
        mean, std: The model is shown (pixel - mean) / std.
        padding: Share of the face's size kept around it; the face is not turned upright.
    """

    def __init__(self, model: Path, *, mean: float = 127.5, std: float = 127.5, padding: float = 0.1) -> None:
        self._file = OnnxFile(model)
        self._mean, self._std, self._padding = float(mean), float(std), float(padding)
        self.printer_id = f"{self._file.digest}-{self._mean:g}-{self._std:g}-{self._padding:g}"
        self._lock = threading.Lock()

    def print_of(self, picture: Image.Image, face: FoundFace) -> Vector:
        """float32 [dimensions], of length 1.

        Raises:
            AnalysisError: The model answers with nothing to compare.
        """
        with self._lock:  # loading once is enough
            session = self._session
        place = session.get_inputs()[0]
        height, width = (side if isinstance(side, int) else _SIDE for side in place.shape[2:4])
        shown = cut_out(picture, face, self._padding).resize((width, height), Image.Resampling.BILINEAR)
        pixels = (np.asarray(shown, np.float32).transpose(2, 0, 1)[None] - self._mean) / self._std
        vector = np.asarray(session.run(None, {place.name: np.ascontiguousarray(pixels)})[0], np.float32).ravel()
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0:
            raise AnalysisError(f"{self._file.path.name} gave a face no print. Check the model's mean and std.")
        found: Vector = vector / np.float32(length)
        return found

    @cached_property
    def _session(self) -> Any:
        return self._file.load()


class FacePrintAnalyzer(ImageAnalyzer):
    """`prints`: one `{index, print}` per face of `image_faces`."""

    requires = ("image_faces",)

    def __init__(self, printer: FacePrinter) -> None:
        self._printer = printer

    @property
    @override
    def analyzer_id(self) -> str:
        return f"face-prints-1+{self._printer.printer_id}"

    @property
    @override
    def columns(self) -> Columns:
        return FACE_PRINTS

    @override
    def analyze(self, image: ImageToAnalyze) -> Output:
        boxes = image.insights["image_faces"]["boxes"] or []
        if not boxes:
            return {"prints": []}
        picture = open_picture(image.data, WHOLE)
        return {
            "prints": [
                {
                    "index": box["index"],
                    "print": [round(float(value), 6) for value in self._printer.print_of(picture, _face(box))],
                }
                for box in boxes
            ]
        }


@dataclass(frozen=True, slots=True)
class _Reference:
    person: str
    vector: Vector


class FaceMatchAnalyzer(ImageAnalyzer):
    """`matches`: for each face that is like a reference picture `{index, person, similarity}`; `persons`: their names.

    A person is a folder of pictures in a private place; the largest face of each picture counts. Nothing is learnt and nothing added
    while matching, so matching again gives the same, and a person whose pictures are gone is nobody.

    Args:
        minimum: Smallest cosine similarity of a match.
    """

    requires = ("face_prints",)
    reads: ImageBytes = "none"

    def __init__(
        self, store: BlobStore | None, folder: str, detector: FaceDetector, printer: FacePrinter, *, minimum: float = 0.5
    ) -> None:
        self._store, self._folder = store, folder
        self._detector, self._printer, self._minimum = detector, printer, float(minimum)
        self._lock = threading.Lock()

    @cached_property
    def _listing(self) -> list[tuple[str, str]]:
        """Path and etag of every reference picture, as of when the analyser was made."""
        return [(blob.path, blob.etag) for blob in self._store.list_blobs(f"{self._folder}/")] if self._store else []

    @property
    @override
    def analyzer_id(self) -> str:
        known = hashlib.sha256(repr(self._listing).encode()).hexdigest()[:12]
        return f"face-matches-1+{self._detector.detector_id}+{self._printer.printer_id}+{known}-{self._minimum:g}"

    @property
    @override
    def columns(self) -> Columns:
        return FACE_MATCHES

    @override
    def analyze(self, image: ImageToAnalyze) -> Output:
        with self._lock:
            references = self._references
        matches = [
            {"index": item["index"], "person": best[0], "similarity": round(best[1], 4)}
            for item in image.insights["face_prints"]["prints"] or []
            if (best := self._best(references, np.asarray(item["print"], np.float32)))
        ]
        return {"matches": matches, "persons": sorted({str(match["person"]) for match in matches})}

    def _best(self, references: Sequence[_Reference], vector: Vector) -> tuple[str, float] | None:
        likeness = [(float(reference.vector @ vector), reference.person) for reference in references]
        best, person = max(likeness, default=(0.0, ""))
        return (person, best) if best >= self._minimum else None

    @cached_property
    def _references(self) -> list[_Reference]:
        assert self._store is not None
        found = []
        for path, _ in self._listing:
            picture = open_picture(self._store.read(path).data, WHOLE)
            faces = self._detector.find(np.asarray(picture))
            if not faces:
                raise AnalysisError(f"the reference picture {path} shows no face. Replace or delete it.")
            person = path.removeprefix(f"{self._folder}/").partition("/")[0]
            found.append(_Reference(person, self._printer.print_of(picture, faces[0])))
        return found


def _face(box: dict[str, Any]) -> FoundFace:
    return FoundFace(**{name: box[name] for name in FoundFace.__slots__})
