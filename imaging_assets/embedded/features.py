"""What is measured in an image before anything decides: pieces of an ONNX graph from pixels to numbers.

Belongs here: features, each a function that adds nodes to a graph and returns the name of float32 [images, n].
Does not: learning the filters (`filters.py`), deciding (`heads.py`), comparing (`model_search.py`).
Training and predicting run the very same nodes, so they cannot drift apart. Imported late (onnx).
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import onnx

from imaging_assets.embedded.decoding import SIDE
from imaging_assets.embedded.filters import CONTRAST_FLOOR, PATCH, Filters
from imaging_assets.embedded.onnx_graph import GraphWriter

Feature = Callable[[GraphWriter, str], str]
"""Takes the graph and the name of its colour planes (float32 [images, 3, SIDE, SIDE], 0-1)."""

_BORDER = (0, 0, 1, 1, 0, 0, 1, 1)
_RADII = (2, 4, 8)
_DIRECTIONS = 4
_COARSE_SIDE = SIDE // 2
_COARSE_ORIENTATIONS = 8
_FINE_ORIENTATIONS = 9
_THRESHOLD = 0.25


def write_features(features: Sequence[Feature]) -> onnx.ModelProto:
    """The graph `pixels` (float32 [images, SIDE, SIDE, 3], 0-255) to `features`, one feature after the other."""
    graph = GraphWriter("pixels", ("images", SIDE, SIDE, 3))
    planes = graph.add("Mul", graph.add("Transpose", graph.source, perm=[0, 3, 1, 2]), graph.floats(1 / 255))
    return graph.model(graph.add("Concat", *(feature(graph, planes) for feature in features), axis=1), "features")


def colour_layout(graph: GraphWriter, planes: str) -> str:
    """[images, 48]: mean colour of each of 4 x 4 cells."""
    return graph.add("Flatten", _mean_pool(graph, planes, SIDE // 4))


def fine_grid(graph: GraphWriter, planes: str) -> str:
    """[images, 576]: oriented gradients in 8 x 8 cells; see `_gradient_grid`."""
    return _gradient_grid(graph, planes, SIDE // 8)


def coarse_grid(graph: GraphWriter, planes: str) -> str:
    """[images, 144]: oriented gradients in 4 x 4 cells; see `_gradient_grid`."""
    return _gradient_grid(graph, planes, SIDE // 4)


def gradient_correlations(graph: GraphWriter, planes: str) -> str:
    """[images, 768]: how often gradients of two directions stand 2, 4 and 8 coarse pixels apart; blind to position.

    Curvature, corners and parallel edges, whatever the object's place or colour: T. Kobayashi, N. Otsu, "Image feature
    extraction using gradient local auto-correlations", ECCV 2008.
    """
    coarse = _mean_pool(graph, planes, SIDE // _COARSE_SIDE)
    smooth = graph.add("AveragePool", _widen(graph, coarse), kernel_shape=[3, 3], strides=[1, 1])
    maps = _orientations(graph, smooth, _COARSE_SIDE, _COARSE_ORIENTATIONS, full_turn=True)
    steps = [
        (round(radius * math.sin(angle)), round(radius * math.cos(angle)))
        for radius in _RADII
        for angle in np.arange(_DIRECTIONS) * math.pi / _DIRECTIONS
    ]
    counts = graph.add("Concat", *(_correlation(graph, maps, down, right) for down, right in steps), axis=1)
    total = graph.add("ReduceSum", counts, graph.integers(1), keepdims=1)
    return graph.add("Sqrt", graph.add("Div", counts, graph.add("Add", total, graph.floats(1e-4))))


def filter_statistics(filters: Filters) -> Feature:
    """The feature [images, 4 x filters]: answers to learnt filters, both signs, their average and maximum; blind to position.

    Contrast-normalised patches and soft threshold after A. Coates, H. Lee, A. Ng, "An analysis of single-layer networks in
    unsupervised feature learning", AISTATS 2011; their pooling over quarters only cost accuracy on every set measured here.
    """

    def feature(graph: GraphWriter, planes: str) -> str:
        answers = _filter_answers(graph, planes, filters)
        pooled = [graph.add("GlobalAveragePool", answers), graph.add("GlobalMaxPool", answers)]
        return graph.add("Concat", *(graph.add("Flatten", value) for value in pooled), axis=1)

    return feature


def _filter_answers(graph: GraphWriter, planes: str, filters: Filters) -> str:
    """What is left of the answers of both signs above the threshold."""
    answers = _normalised_answers(graph, planes, filters)
    signs = [
        graph.add("Relu", graph.add("Sub", answers, graph.floats(_THRESHOLD))),
        graph.add("Relu", graph.add("Sub", graph.add("Neg", answers), graph.floats(_THRESHOLD))),
    ]
    return graph.add("Concat", *signs, axis=1)


def _normalised_answers(graph: GraphWriter, planes: str, filters: Filters) -> str:
    """What each filter says about each patch, every second pixel, as if the patch had been normalised first."""
    stride = [2, 2]
    mean_kernel = graph.floats(np.full((1, 3, PATCH, PATCH), 1 / (3 * PATCH * PATCH)))
    mean = graph.add("Conv", planes, mean_kernel, strides=stride)
    mean_square = graph.add("Conv", graph.add("Mul", planes, planes), mean_kernel, strides=stride)
    variance = graph.add("Relu", graph.add("Sub", mean_square, graph.add("Mul", mean, mean)))
    contrast = graph.add("Sqrt", graph.add("Add", variance, graph.floats(CONTRAST_FLOOR)))
    # Each filter sums to zero, so the patch's mean drops out of the convolution by itself.
    answers = graph.add("Conv", planes, graph.floats(filters.kernels), strides=stride)
    return graph.add("Sub", graph.add("Div", answers, contrast), graph.floats(filters.offsets[:, None, None]))


def _gradient_grid(graph: GraphWriter, planes: str, cell: int) -> str:
    """Histograms of unsigned gradient orientation per cell, each divided by the strength around it.

    N. Dalal, B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005; cells are normalised by their
    3 x 3 neighbourhood rather than in overlapping blocks, which needs a quarter of the numbers.
    """
    maps = _orientations(graph, planes, SIDE, _FINE_ORIENTATIONS, full_turn=False)
    cells = _mean_pool(graph, maps, cell)
    energy = graph.add("ReduceSum", graph.add("Mul", cells, cells), graph.integers(1), keepdims=1)
    around = graph.add("AveragePool", energy, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=0)
    strength = graph.add("Sqrt", graph.add("Add", around, graph.floats(1e-4)))
    return graph.add("Flatten", graph.add("Div", cells, strength))


def _orientations(graph: GraphWriter, planes: str, side: int, count: int, *, full_turn: bool) -> str:
    """[images, count, side, side]: gradient strength per direction, of the colour that shows it best."""
    turn = 2 * math.pi if full_turn else math.pi
    slopes = graph.add("Conv", _widen(graph, planes), graph.floats(_slope_kernels()), group=3)
    angles = np.arange(count) * turn / count
    directions = np.tile(np.stack([np.cos(angles), np.sin(angles)], axis=1), (3, 1))[:, :, None, None]
    along = graph.add("Conv", slopes, graph.floats(directions), group=3)
    along = graph.add("Reshape", along if full_turn else graph.add("Abs", along), graph.integers(0, 3, count, side, side))
    per_colour = graph.add("Reshape", slopes, graph.integers(0, 3, 2, side, side))
    squares = graph.add("ReduceSum", graph.add("Mul", per_colour, per_colour), graph.integers(2), keepdims=1)
    # Falls to zero at the neighbouring direction: a gradient is shared by the two directions it lies between.
    edge = math.cos(turn / count)
    narrow = graph.add("Relu", graph.add("Sub", along, graph.add("Mul", graph.add("Sqrt", squares), graph.floats(edge))))
    return graph.add("Mul", graph.add("ReduceMax", narrow, axes=[1], keepdims=0), graph.floats(1 / (1 - edge)))


def _slope_kernels() -> npt.NDArray[np.float32]:
    """[6, 1, 3, 3]: central differences to the right and downwards for each colour."""
    kernels = np.zeros((6, 1, 3, 3), dtype=np.float32)
    kernels[0::2, 0, 1] = kernels[1::2, 0, :, 1] = (-0.5, 0, 0.5)
    return kernels


def _correlation(graph: GraphWriter, maps: str, down: int, right: int) -> str:
    """[images, 64]: sums over all positions of map i here times map j at the given step (`down`, `right`)."""
    height, width = _COARSE_SIDE - abs(down), _COARSE_SIDE - abs(right)
    sides = []
    for top, left in ((max(0, -down), max(0, -right)), (max(0, down), max(0, right))):
        bounds = (graph.integers(top, left), graph.integers(top + height, left + width), graph.integers(2, 3))
        window = graph.add("Slice", maps, *bounds)
        sides.append(graph.add("Reshape", window, graph.integers(0, _COARSE_ORIENTATIONS, height * width)))
    product = graph.add("MatMul", sides[0], graph.add("Transpose", sides[1], perm=[0, 2, 1]))
    return graph.add("Flatten", product)


def _widen(graph: GraphWriter, planes: str) -> str:
    return graph.add("Pad", planes, graph.integers(*_BORDER), mode="edge")


def _mean_pool(graph: GraphWriter, planes: str, cell: int) -> str:
    return graph.add("AveragePool", planes, kernel_shape=[cell, cell], strides=[cell, cell])
