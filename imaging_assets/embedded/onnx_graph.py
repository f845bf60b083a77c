"""Writing ONNX graphs: one writer that names nodes and keeps constants, and the joining of two graphs.

Belongs here: what any graph needs. Does not: which features there are (`features.py`), running a graph (`onnx_session.py`).
Imported late: onnx takes a third of a second.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

OPSETS = {"": 17, "ai.onnx.ml": 3}
"""Old enough for every onnxruntime of the last years, new enough for every operator used here."""

_IR_VERSION = 8

Attribute = int | str | Sequence[int]


class GraphWriter:
    """Collects nodes; every method returns the name of the value it adds, to be handed to the next."""

    def __init__(self, source: str, shape: Sequence[str | int]) -> None:
        self.source = source
        self._shape = tuple(shape)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, **attributes: Attribute) -> str:
        """A node with one output."""
        name = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], None, None, None, None, **attributes))
        return name

    def floats(self, values: npt.ArrayLike) -> str:
        """A float32 constant of any shape."""
        return self._constant(np.ascontiguousarray(values, dtype=np.float32))

    def integers(self, *values: int) -> str:
        """A one-dimensional int64 constant: axes, shapes, bounds."""
        return self._constant(np.asarray(values, dtype=np.int64))

    def model(self, value: str, output: str) -> onnx.ModelProto:
        """The graph from `source` to `value`, which leaves it as float32 [images, n] under the name `output`."""
        self._nodes.append(helper.make_node("Identity", [value], [output]))
        entry = helper.make_tensor_value_info(self.source, TensorProto.FLOAT, list(self._shape))
        leave = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["images", None])
        graph = helper.make_graph(self._nodes, output, [entry], [leave], self._constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSETS[""])], ir_version=_IR_VERSION)

    def _constant(self, values: npt.NDArray[np.float32] | npt.NDArray[np.int64]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(values, name))
        return name


def join(first: onnx.ModelProto, second: onnx.ModelProto, output: str) -> onnx.ModelProto:
    """`second` fed by `first`, each with one input and one output, the last one named `output`; checked by onnx's own checker."""
    second.ir_version = first.ir_version
    link = (first.graph.output[0].name, second.graph.input[0].name)
    joined = compose.merge_models(first, second, io_map=[link], prefix2="head_")
    joined.graph.node.append(helper.make_node("Identity", [joined.graph.output[0].name], [output]))
    joined.graph.output[0].name = output
    onnx.checker.check_model(joined, full_check=True)
    return joined


def to_bytes(model: onnx.ModelProto) -> bytes:
    """Equal models give equal bytes."""
    data: bytes = model.SerializeToString(deterministic=True)
    return data
