"""Faces are found, cut out under names that stay, printed and matched by models of the user's own."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imaging_assets.analyzers import plan
from imaging_assets.embedded.analyzers.face_prints import FaceMatchAnalyzer, FacePrintAnalyzer, FacePrinter
from imaging_assets.embedded.analyzers.faces import CascadeDetector, FaceAnalyzer, YuNetDetector
from imaging_assets.errors import AnalysisError, SettingsError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.insights import ImageToAnalyze, Output
from imaging_assets.settings import Settings
from imaging_assets_tests.builders import a_pipeline
from imaging_assets_tests.embedded.analyzers.faces_of import a_print_model, a_yunet, hopper, jpeg, two_faces

pytest.importorskip("cv2", reason="install the extra faces")

SHA = "ab" * 32


def shown(picture: Image.Image, **insights: Output) -> ImageToAnalyze:
    return ImageToAnalyze(SHA, jpeg(picture), picture.width, picture.height, insights)


def a_store(folder: Path) -> BlobStore:
    return a_pipeline(folder).store


def test_faces_are_found_largest_first_as_fractions_of_the_image(tmp_path: Path) -> None:
    said = FaceAnalyzer(CascadeDetector(), a_store(tmp_path), "crops").analyze(shown(two_faces()))

    assert said["faces"] == 2
    large, small = said["boxes"]
    assert (large["index"], small["index"]) == (0, 1)
    assert 0.1 < large["left"] + large["width"] / 2 < 0.45
    assert 0.7 < small["left"] + small["width"] / 2 < 0.95
    assert 0 < small["confidence"] < 1


def test_crops_are_private_pictures_of_the_faces_under_names_that_stay(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    analyzer = FaceAnalyzer(CascadeDetector(), store, "crops")

    first, again = (analyzer.analyze(shown(two_faces())) for _ in range(2))

    assert first == again
    assert [blob.path for blob in store.list_blobs("crops/")] == sorted(first["crops"])
    assert all(path.startswith(f"crops/ab/{SHA}-{index}-") for index, path in enumerate(first["crops"]))
    path = tmp_path / "crop.jpg"
    path.write_bytes(store.read(first["crops"][0]).data)
    with Image.open(path) as crop:
        box = first["boxes"][0]
        assert crop.width == pytest.approx(box["width"] * 640 * 1.5, abs=2)
        assert CascadeDetector().find(np.asarray(crop.convert("RGB")))


def test_a_picture_without_faces_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    said = FaceAnalyzer(CascadeDetector(), store, "crops").analyze(shown(Image.new("RGB", (300, 200), "teal")))
    assert said == {"faces": 0, "boxes": [], "crops": []}
    assert list(store.list_blobs("crops/")) == []


def test_a_yunet_model_of_the_user_s_own_finds_them_instead(tmp_path: Path) -> None:
    detector = YuNetDetector(a_yunet(tmp_path), 0.6)
    (face,) = detector.find(np.zeros((64, 64, 3), np.uint8))
    # Cell (3, 2) of stride 8, its middle half a cell further, twice a cell wide.
    assert (face.left * 64, face.top * 64, face.width * 64, face.height * 64) == pytest.approx((20, 12, 16, 16), abs=0.1)
    assert face.confidence == pytest.approx(0.9, abs=0.01)
    assert YuNetDetector(a_yunet(tmp_path), 0.95).find(np.zeros((64, 64, 3), np.uint8)) == []


def prints_of(picture: Image.Image, printer: FacePrinter) -> ImageToAnalyze:
    """An image as the matcher is shown it."""
    faces = FaceAnalyzer(CascadeDetector(), None, "").analyze(shown(picture))
    prints = FacePrintAnalyzer(printer).analyze(shown(picture, image_faces=faces))
    return shown(picture, image_faces=faces, face_prints=json.loads(json.dumps(prints)))


def test_prints_are_unit_vectors_one_per_face(tmp_path: Path) -> None:
    image = prints_of(two_faces(), FacePrinter(a_print_model(tmp_path), mean=0, std=255))
    prints = image.insights["face_prints"]["prints"]
    assert [item["index"] for item in prints] == [0, 1]
    assert [np.linalg.norm(item["print"]) for item in prints] == pytest.approx([1, 1], abs=1e-4)
    grey, blue = (item["print"] for item in prints)
    assert np.ptp(grey) < 0.05
    assert blue[0] < blue[2] / 2


def test_faces_are_matched_with_reference_pictures_and_with_nobody_once_those_are_gone(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.write("persons/grace/1.jpg", jpeg(hopper()))
    printer = FacePrinter(a_print_model(tmp_path), mean=0, std=255)

    def matcher() -> FaceMatchAnalyzer:
        return FaceMatchAnalyzer(store, "persons", CascadeDetector(), printer, minimum=0.99)

    image = prints_of(two_faces(), printer)
    said = matcher().analyze(image)
    assert said["persons"] == ["grace"]
    assert [(match["index"], match["person"]) for match in said["matches"]] == [(0, "grace")]
    assert matcher().analyze(image) == said
    known = matcher().analyzer_id

    store.delete("persons/grace/1.jpg")
    assert matcher().analyze(image) == {"matches": [], "persons": []}
    assert matcher().analyzer_id != known


def test_a_reference_picture_without_a_face_is_named(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.write("persons/nobody/1.jpg", jpeg(Image.new("RGB", (64, 64))))
    printer = FacePrinter(a_print_model(tmp_path), mean=0, std=255)
    with pytest.raises(AnalysisError, match=r"persons/nobody/1\.jpg shows no face\. Replace or delete it"):
        FaceMatchAnalyzer(store, "persons", CascadeDetector(), printer).analyze(prints_of(two_faces(), printer))


def test_prints_and_matches_are_off_and_need_a_model(tmp_path: Path) -> None:
    on = {"image_faces": {"enabled": True}, "face_prints": {"enabled": True}}
    assert not {"image_faces", "face_prints", "face_matches"} & {*plan(Settings()).order}
    with pytest.raises(SettingsError, match="need an ONNX model of your own"):
        plan(Settings(insights={"steps": on}))
    steps = on | {
        "face_prints": {"enabled": True, "options": {"model": str(a_print_model(tmp_path))}},
        "face_matches": {"enabled": True},
    }
    assert plan(Settings(insights={"steps": steps})).order[-3:] == ("image_faces", "face_prints", "face_matches")
