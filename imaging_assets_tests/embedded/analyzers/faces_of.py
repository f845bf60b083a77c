"""Pictures with known faces, and tiny ONNX models for them.

Belongs here: what tests of faces, prints and matches share. Does not: expectations.
"""

import io
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

HOPPER = Path(__file__).parents[4] / "shared/corpus/pillow/hopper_gray.jpg"
"""A portrait of Grace Hopper, 128 x 128."""


def hopper() -> Image.Image:
    """The portrait; skips the test where the corpus is not there."""
    if not HOPPER.is_file():
        pytest.skip(f"no picture of a face here: {HOPPER} is missing")
    return Image.open(HOPPER).convert("RGB")


def jpeg(picture: Image.Image) -> bytes:
    """Encoded."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def two_faces() -> Image.Image:
    """A large face on the left, a smaller one, turned blue, on the right, 640 x 360."""
    canvas = Image.new("RGB", (640, 360), (90, 120, 90))
    canvas.paste(hopper().resize((300, 300)), (20, 30))
    small = np.asarray(hopper().resize((180, 180))).copy()
    small[:, :, 0] //= 3
    canvas.paste(Image.fromarray(small), (430, 120))
    return canvas


def a_print_model(folder: Path) -> Path:
    """A print of three numbers: the means of the colour channels."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["face"], ["print"], axes=[2, 3], keepdims=0)],
        "means",
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("print", TensorProto.FLOAT, [1, 3])],
    )
    path = folder / "print.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9), path)
    return path


def a_yunet(folder: Path, side: int = 64) -> Path:
    """A model of YuNet's outputs that, shown `side` x `side` pixels, sees one face in the cell (3, 2) of stride 8."""
    nodes, outputs, tensors = [], [], []
    for stride in (8, 16, 32):
        cells = (side // stride) ** 2
        for name, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            values = np.zeros((1, cells, width), np.float32)
            if stride == 8 and name in ("cls", "obj"):
                values[0, 2 * (side // stride) + 3] = 0.9
            if stride == 8 and name == "bbox":
                values[0, 2 * (side // stride) + 3] = (0.5, 0.5, np.log(2), np.log(2))
            label = f"{name}_{stride}"
            tensors.append(numpy_helper.from_array(values, f"{label}_values"))
            nodes.append(helper.make_node("Add", [f"{label}_values", "nothing"], [label]))
            outputs.append(helper.make_tensor_value_info(label, TensorProto.FLOAT, values.shape))
    nodes.insert(0, helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1, 2, 3], keepdims=0))
    nodes.insert(1, helper.make_node("Mul", ["mean", "zero"], ["flat"]))
    nodes.insert(2, helper.make_node("Reshape", ["flat", "shape"], ["nothing"]))
    tensors += [numpy_helper.from_array(np.zeros(1, np.float32), "zero"), numpy_helper.from_array(np.array([1, 1, 1]), "shape")]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, side, side])
    graph = helper.make_graph(nodes, "yunet", [pixels], outputs, tensors)
    path = folder / "yunet.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9), path)
    return path
