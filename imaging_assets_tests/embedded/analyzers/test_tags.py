"""Words for pictures whose colours, light and shape are known, and a classifier of the user's own."""

import io
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageFilter

from imaging_assets.embedded.analyzers.classifier import OnnxClassifier
from imaging_assets.embedded.analyzers.colours import NAMES, shares
from imaging_assets.embedded.analyzers.tags import TagAnalyzer
from imaging_assets.errors import AnalysisError, SettingsError
from imaging_assets.records.insights import ImageToAnalyze
from imaging_assets_tests.builders import a_picture

PLAIN = {
    "black": (10, 8, 12),
    "white": (250, 250, 245),
    "grey": (128, 128, 130),
    "red": (220, 20, 30),
    "orange": (255, 140, 0),
    "brown": (110, 65, 25),
    "yellow": (250, 230, 30),
    "green": (30, 140, 50),
    "blue": (30, 60, 200),
    "purple": (120, 30, 160),
    "pink": (255, 150, 190),
}


def shown(picture: Image.Image, size: tuple[int, int] | None = None) -> ImageToAnalyze:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    width, height = size or picture.size
    return ImageToAnalyze("0" * 64, buffer.getvalue(), width, height)


def noise(spread: float = 60.0, mean: float = 128.0) -> Image.Image:
    values = np.random.default_rng(1).normal(mean, spread, (192, 256, 3)).clip(0, 255).astype(np.uint8)
    return Image.fromarray(values)


def tags(picture: Image.Image, size: tuple[int, int] | None = None) -> list[str]:
    return list(TagAnalyzer().analyze(shown(picture, size))["tags"])


def test_every_basic_colour_has_its_name() -> None:
    assert tuple(sorted(PLAIN)) == tuple(sorted(NAMES))
    named = {name: next(iter(shares(np.full((4, 4, 3), colour, np.uint8)))) for name, colour in PLAIN.items()}
    assert named == {name: name for name in PLAIN}


def test_dominant_colours_come_first_with_their_share_and_rare_ones_are_left_out() -> None:
    picture = Image.new("RGB", (100, 100), PLAIN["blue"])
    picture.paste(PLAIN["red"], (0, 0, 30, 100))
    picture.paste(PLAIN["green"], (0, 0, 5, 100))

    said = TagAnalyzer().analyze(shown(picture))

    assert said["colours"] == {"blue": 0.7, "red": 0.25}
    assert said["tags"][:2] == ["blue", "red"]


def test_quality_is_said_in_words() -> None:
    assert "blurred" not in tags(noise())
    blocks = noise().resize((8, 6), Image.Resampling.NEAREST).resize((256, 192), Image.Resampling.NEAREST)
    assert "blurred" not in tags(blocks)
    assert "blurred" in tags(blocks.filter(ImageFilter.GaussianBlur(6)))
    assert {"dark"} <= set(tags(noise(20, 20)))
    assert {"bright"} <= set(tags(noise(20, 240)))
    assert {"low contrast"} <= set(tags(Image.new("RGB", (64, 64), "teal")))
    assert "black and white" in tags(noise().convert("L").convert("RGB"))
    assert "black and white" not in tags(noise())


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((400, 300), {"landscape"}),
        ((300, 400), {"portrait"}),
        ((400, 400), {"square"}),
        ((1200, 400), {"landscape", "panorama"}),
        ((200, 150), {"landscape", "small"}),
    ],
)
def test_the_shape_of_the_landed_image_is_said(size: tuple[int, int], words: set[str]) -> None:
    shapes = {"landscape", "portrait", "square", "panorama", "small"}
    assert shapes & set(tags(noise(), size)) == words


def test_an_unreadable_thumbnail_is_an_error_that_may_pass() -> None:
    with pytest.raises(AnalysisError, match="Delete it and run the day again") as caught:
        TagAnalyzer().analyze(ImageToAnalyze("0" * 64, b"\xff\xd8", 10, 10))
    assert caught.value.may_pass


def a_classifier(folder: Path, *, outputs: int = 2, channels_first: bool = True) -> tuple[Path, Path]:
    """A graph that answers with the mean of the red and of the blue channel; its model and labels."""
    shape = [1, 3, 8, 8] if channels_first else [1, 8, 8, 3]
    weights = np.zeros((3, outputs), np.float32)
    weights[0, 0] = weights[2, 1] = 1
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["pixels"], ["means"], axes=[2, 3] if channels_first else [1, 2], keepdims=0),
            helper.make_node("MatMul", ["means", "weights"], ["scores"]),
        ],
        "colours",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, outputs])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = folder / "colours.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9), model)
    (folder / "labels.json").write_text(json.dumps(["warm", "cold"]))
    (folder / "labels.txt").write_text("warm\ncold\n")
    return model, folder / "labels.json"


@pytest.mark.parametrize("channels_first", [True, False])
def test_a_classifier_of_the_user_s_own_is_asked_and_its_labels_come_first(tmp_path: Path, *, channels_first: bool) -> None:
    model, labels = a_classifier(tmp_path, channels_first=channels_first)
    analyzer = TagAnalyzer(OnnxClassifier(model, labels, minimum=0.5))

    said = analyzer.analyze(shown(Image.new("RGB", (40, 30), (255, 0, 51))))

    assert said["scores"] == {"warm": 1.0}
    assert said["tags"][0] == "warm"


def test_scores_that_are_no_probabilities_become_some(tmp_path: Path) -> None:
    model, _ = a_classifier(tmp_path)
    classifier = OnnxClassifier(model, tmp_path / "labels.txt", minimum=0, std=(25.5, 25.5, 25.5))

    scores = classifier.classify(Image.new("RGB", (8, 8), (255, 0, 204)))

    assert list(scores) == ["warm", "cold"]
    assert sum(scores.values()) == pytest.approx(1, abs=1e-3)
    assert scores["warm"] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-3)


def test_the_id_names_model_labels_and_options(tmp_path: Path) -> None:
    model, labels = a_classifier(tmp_path)
    ids = {TagAnalyzer(OnnxClassifier(model, labels, minimum=minimum)).analyzer_id for minimum in (0.1, 0.2)}
    ids.add(TagAnalyzer().analyzer_id)
    labels.write_text('["hot", "cold"]')
    ids.add(TagAnalyzer(OnnxClassifier(model, labels, minimum=0.1)).analyzer_id)
    assert len(ids) == 4


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    model, labels = a_classifier(tmp_path, outputs=3)
    with pytest.raises(AnalysisError, match="answers with 3 scores and 2 labels"):
        OnnxClassifier(model, labels).classify(Image.new("RGB", (8, 8)))
    with pytest.raises(SettingsError, match="Name an ONNX file that is there"):
        OnnxClassifier(tmp_path / "no.onnx", labels)
    (tmp_path / "empty.txt").touch()
    with pytest.raises(SettingsError, match="holds no list of labels"):
        OnnxClassifier(model, tmp_path / "empty.txt")
    (tmp_path / "text.onnx").write_text("text")
    with pytest.raises(SettingsError, match="is no model that onnxruntime takes"):
        OnnxClassifier(tmp_path / "text.onnx", labels).classify(Image.new("RGB", (8, 8)))


def test_a_photo_like_picture_has_tags_and_the_same_ones_every_time() -> None:
    image = ImageToAnalyze("0" * 64, a_picture(3), 320, 240)
    assert TagAnalyzer().analyze(image) == TagAnalyzer().analyze(image)
    assert len(TagAnalyzer().analyze(image)["tags"]) >= 2
