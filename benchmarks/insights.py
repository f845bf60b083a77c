"""What the step machine costs: images a second through each step of a day, against its bare engine over the same bytes.

Belongs here: the machine's overhead (rows, digests, storing crops). Does not: how good the engines are.

The peer is the engine alone, as its own documentation calls it, in one thread; ours is the whole step: reading blobs, asking, writing the
manifest. Steps whose extra is not installed are left out.
"""

import io
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imaging_assets.demo.pictures import Shot, photograph
from imaging_assets.embedded.analyzer import GradientEmbedder
from imaging_assets.embedded.analyzers.tags import TagAnalyzer
from imaging_assets.records.insights import ImageToAnalyze
from imaging_assets.stages.images.raw import take_inventory
from imaging_assets.stages.images.resized import resize_day
from imaging_assets.stages.insights.steps import analyze_day
from imaging_assets.stages.insights.vectors import embed_day
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RESIZED_IMAGES
from imaging_assets_tests.builders import DAY, a_pipeline, land

Row = dict[str, object]

_IMAGES = 24
_COPIES = 48
"""Of each image on the day that the quick engines are measured on: a run costs some milliseconds, however many its images."""
_LARGE_DAY = "2026-03-03"
_QUICK = ("image_vectors", "image_tags")
_MOST = 1.15
_WALL = "wall time"
"""The goal is about it; CPU time tells what a second core is used for."""
_ROUNDS, _MANY_ROUNDS = 3, 15
"""On a machine that others use as well, a round of a second differs by half as much again by the wall, whatever is run; the best of
many is what the machine does undisturbed."""


def rows() -> list[Row]:
    """Two rows per step, by wall and by CPU time: images a second, ours and the bare engine's; the ratio is of times."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline = _a_day(Path(folder))
        return [row for name, engine in _engines().items() for row in _measured(pipeline, name, engine)]


def _a_day(home: Path) -> Pipeline:
    """Demo photographs with a printed lot number."""
    extras = {"image_texts": "rapidocr", "image_faces": "cv2"}
    on = {name: {"enabled": True} for name, module in extras.items() if find_spec(module)}
    pipeline = a_pipeline(home, insights={"steps": on})
    pictures = {}
    for number in range(_IMAGES):
        buffer = io.BytesIO()
        photograph(Shot(number, "harbour", (640, 480), number)).save(buffer, "JPEG", quality=88)
        pictures[f"{number}.jpg"] = buffer.getvalue()
    land(pipeline, pictures)
    # Bytes after the end of a JPEG change its digest and nothing else.
    copies = {f"{copy}-{name}": data + bytes([copy]) for name, data in pictures.items() for copy in range(_COPIES)}
    land(pipeline, copies, _LARGE_DAY)
    for day in (DAY, _LARGE_DAY):
        pipeline.manifests.commit(take_inventory(pipeline, day)[0])
        pipeline.manifests.commit(resize_day(pipeline, pipeline.manifests.find("raw_images", day))[0])
    return pipeline


def _engines() -> Mapping[str, tuple[str, Callable[[], Callable[[bytes], object]]]]:
    """By step: the bytes its engine sees, and the bare engine."""
    found: dict[str, tuple[str, Callable[[], Callable[[bytes], object]]]] = {
        "image_vectors": ("thumbnail", _bare_embedder),
        "image_tags": ("thumbnail", _bare_tags),
    }
    if find_spec("rapidocr"):
        found["image_texts"] = ("resized", _bare_ocr)
    if find_spec("cv2"):
        found["image_faces"] = ("resized", _bare_cascade)
    return found


def _bare_embedder() -> Callable[[bytes], object]:
    embedder = GradientEmbedder()
    return lambda data: embedder.embed([data])


def _bare_tags() -> Callable[[bytes], object]:
    """No engine but our own: decoding and the same arithmetic."""
    analyzer = TagAnalyzer()
    return lambda data: analyzer.analyze(ImageToAnalyze("", data, 640, 480))


def _bare_ocr() -> Callable[[bytes], object]:
    from rapidocr import RapidOCR  # noqa: PLC0415 - an extra

    engine: Any = RapidOCR(params={"Global.log_level": "critical", "EngineConfig.onnxruntime.intra_op_num_threads": 2})
    return lambda data: engine(data, return_word_box=True)


def _bare_cascade() -> Callable[[bytes], object]:
    import cv2  # noqa: PLC0415 - an extra

    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data/haarcascade_frontalface_default.xml"))

    def find(data: bytes) -> object:
        grey = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
        return cascade.detectMultiScale3(cv2.equalizeHist(grey), 1.1, 6, minSize=(32, 32), outputRejectLevels=True)

    return find


def _measured(pipeline: Pipeline, name: str, engine: tuple[str, Callable[[], Callable[[bytes], object]]]) -> list[Row]:
    """Best of some rounds each, in turn; engines are loaded before."""
    column, load = engine
    day = _LARGE_DAY if name in _QUICK else DAY
    resized = pipeline.manifests.find("resized_images", day)
    bytes_of = [pipeline.store.read(path).data for path in pipeline.manifests.read(resized, RESIZED_IMAGES)[column]]
    bare = load()
    bare(bytes_of[0])
    _step(pipeline, name, day)
    peers, ours = [], []
    for _ in range(_MANY_ROUNDS if name in _QUICK else _ROUNDS):
        peers.append(_timed(lambda: [bare(data) for data in bytes_of]))
        ours.append(_timed(lambda: _step(pipeline, name, day)))
    return [
        _row(f"{name}, {clock}", len(bytes_of), min(took), min(wanted), is_goal=clock == _WALL)
        for clock, took, wanted in zip((_WALL, "CPU time"), zip(*ours, strict=True), zip(*peers, strict=True), strict=True)
    ]


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the wall, and of all processors."""
    started, spent = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - spent


def _row(name: str, images: int, ours: float, peer: float, *, is_goal: bool) -> Row:
    ratio = ours / peer
    return {
        "name": name,
        "ours": images / ours,
        "peer": images / peer,
        "unit": "images/s",
        "ratio": ratio,
        "goal": f"<= {_MOST:g} x its time" if is_goal else "",
        "holds": ratio <= _MOST if is_goal else None,
    }


def _step(pipeline: Pipeline, name: str, day: str) -> None:
    """The whole step, as if the day were new."""
    for manifest in pipeline.manifests.standing(name).get(day, []):
        pipeline.store.delete(manifest.blob.path)
    resized = pipeline.manifests.find("resized_images", day)
    if name == "image_vectors":
        pipeline.manifests.commit(embed_day(pipeline, resized)[0])
    else:
        pipeline.manifests.commit(analyze_day(pipeline, pipeline.insights.steps[name], resized)[0])
