"""A small convolutional network over pixels: learnt by torch, written as ONNX without torch.

Belongs here: the network, how it is shown the pictures, its ONNX form. Does not: when torch is used (`torch_trainer.py`).
Imported late (extra `torch`).
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn
from torch.nn import functional

from imaging_assets.embedded.decoding import SIDE, Pixels
from imaging_assets.embedded.onnx_graph import GraphWriter, to_bytes
from imaging_assets.embedded.rows import (
    SEARCH_ROWS,
    Probabilities,
    Rows,
    assign_folds,
    change_light,
    check_agreement,
    score,
)
from imaging_assets.records.models import Candidate, ClassificationKind

VIEWS = ("small network, as they are", "small network, any way up")
"""How pictures are shown: a little moved, turned, larger or smaller; or mirrored and turned by quarters as well, which suits textures
and views from above, and confuses digits."""

_THREADS = 2
_BATCH = 32
_PASSES = 4
"""A set so large that the steps would show it less often gets more of them."""

_COMPARED = 0.25
"""Share of those steps after which two views are compared."""

_ROUND = 10
"""Steps between two looks at the clock."""

_RATE, _DECAY, _SMOOTHING = 3e-3, 0.02, 0.05
_TURN, _ZOOM, _MOVE = math.radians(12), 0.15, 0.12
_CHANNELS = (32, 48, 64, 96, 128)
_POOLED = (1, 3)
"""Convolutions after which four pixels become one."""


class SmallNetwork(nn.Module):  # type: ignore[misc]  # torch is not type-checked
    """float32 [images, 3, SIDE, SIDE], 0-1, to a number per tag: five convolutions, then average and maximum over what is left."""

    def __init__(self, tags: int) -> None:
        super().__init__()
        widths = (3, *_CHANNELS)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, kernel, stride=2 if kernel == 5 else 1, padding=kernel // 2, bias=False)
            for before, after, kernel in zip(widths, _CHANNELS, (5, 3, 3, 3, 3), strict=False)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in _CHANNELS)
        self.head = nn.Linear(2 * _CHANNELS[-1], tags)

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """Numbers before softmax or sigmoid."""
        for place, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            planes = functional.relu(norm(convolution(planes)))
            if place in _POOLED:
                planes = functional.max_pool2d(planes, 2)
        pooled = torch.cat([planes.mean((2, 3)), planes.amax((2, 3))], 1)
        return self.head(functional.dropout(pooled, 0.2, self.training))


class Learning:
    """Compares views of `rows` and learns from all of them by the better one."""

    def __init__(self, rows: Rows, kind: ClassificationKind, seed: int, steps: int, heartbeat: Callable[[str], None]) -> None:
        self._rows = rows
        self._kind = kind
        self._seed = seed
        self._heartbeat = heartbeat
        self._steps = max(steps, math.ceil(_PASSES * len(rows.groups) / _BATCH))

    def compare(self, seconds: float) -> tuple[Candidate, ...]:
        """Views by falling score on a third of the sample, whose near-duplicates were not shown either."""
        sample = self._rows.first(SEARCH_ROWS)
        held_out = assign_folds(sample.targets, sample.groups) == 0
        if held_out.all():
            held_out[:] = False
        results = []
        for view in VIEWS:
            started = time.monotonic()
            judged = sample.only(held_out if held_out.any() else ~held_out)
            network = self._learnt(view, sample.only(~held_out), int(self._steps * _COMPARED), seconds / len(VIEWS))
            reached = score(_probabilities(network, judged.pixels, self._kind), judged.targets, self._kind)
            results.append(Candidate(view, reached, time.monotonic() - started))
        return tuple(sorted(results, key=lambda result: -result.score))

    def fit(self, view: str, seconds: float) -> bytes:
        """ONNX of a network that learnt from all rows, from pixels to probabilities.

        Raises:
            ArithmeticError: onnxruntime and torch disagree; the model must not be used.
        """
        network = self._learnt(view, self._rows, self._steps, seconds)
        model = to_bytes(export(network, self._kind))
        some = self._rows.pixels[:SEARCH_ROWS]
        check_agreement(model, some, _probabilities(network, some, self._kind))
        return model

    def _learnt(self, view: str, rows: Rows, wanted_steps: int, seconds: float) -> SmallNetwork:
        with _seeded(self._seed):
            network = SmallNetwork(rows.targets.shape[1])
            network.to(memory_format=torch.channels_last)
            optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
            batches = _batches(rows, self._seed, turned=view == VIEWS[1])
            started, done, steps = time.monotonic(), 0, wanted_steps
            while done < steps:
                for group in optimizer.param_groups:
                    group["lr"] = _rate(done / steps)
                planes, wanted = next(batches)
                optimizer.zero_grad()
                _loss(network(planes), wanted, self._kind).backward()
                optimizer.step()
                done += 1
                if done % _ROUND == 0:
                    spent = time.monotonic() - started
                    # As many as still fit: the rate falls to nothing with the last one, however many there are.
                    steps = min(wanted_steps, done + max(0, int((seconds - spent) * done / spent)))
                    self._heartbeat(f"learning by {view}, step {done} of {steps}")
            network.eval()
            return network


def export(network: SmallNetwork, kind: ClassificationKind) -> onnx.ModelProto:
    """The network as a graph `pixels` (float32 [images, SIDE, SIDE, 3], 0-255) to `probabilities`; norms become part of convolutions."""
    graph = GraphWriter("pixels", ("images", SIDE, SIDE, 3))
    planes = graph.add("Mul", graph.add("Transpose", graph.source, perm=[0, 3, 1, 2]), graph.floats(1 / 255))
    for place, (convolution, norm) in enumerate(zip(network.convolutions, network.norms, strict=True)):
        gain = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach().double()
        kernel = (convolution.weight.double() * gain[:, None, None, None]).detach().numpy()
        bias = (norm.bias - norm.running_mean * gain).detach().numpy()
        edge, stride = convolution.padding[0], convolution.stride[0]
        planes = graph.add("Conv", planes, graph.floats(kernel), graph.floats(bias), strides=[stride] * 2, pads=[edge] * 4)
        planes = graph.add("Relu", planes)
        if place in _POOLED:
            planes = graph.add("MaxPool", planes, kernel_shape=[2, 2], strides=[2, 2])
    pooled = [graph.add("Flatten", graph.add(pool, planes)) for pool in ("GlobalAveragePool", "GlobalMaxPool")]
    weights, biases = (value.detach().numpy() for value in (network.head.weight.T, network.head.bias))
    scores = graph.add("Gemm", graph.add("Concat", *pooled, axis=1), graph.floats(weights), graph.floats(biases))
    answer = graph.add("Softmax", scores, axis=1) if kind == "multiclass" else graph.add("Sigmoid", scores)
    model = graph.model(answer, "probabilities")
    onnx.checker.check_model(model, full_check=True)
    return model


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Everything random from the seed, sums in one order; what others in this process set is put back."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(_THREADS)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def _rate(progress: float) -> float:
    """Rises for the first tenth, then falls as a cosine."""
    return _RATE * min(1.0, progress / 0.1 + 0.05) * (1 + math.cos(math.pi * progress)) / 2


def _loss(numbers: torch.Tensor, wanted: torch.Tensor, kind: ClassificationKind) -> torch.Tensor:
    if kind == "multiclass":
        return functional.cross_entropy(numbers, wanted, label_smoothing=_SMOOTHING)
    return functional.binary_cross_entropy_with_logits(numbers, wanted)


def _batches(rows: Rows, seed: int, *, turned: bool) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Planes and targets without end, every row once before any comes again, each time another view of it."""
    random = np.random.default_rng(seed)
    left = np.zeros(0, dtype=np.intp)
    for number in range(2**62):
        while len(left) < _BATCH:
            left = np.concatenate([left, random.permutation(len(rows.groups))])
        chosen, left = left[:_BATCH], left[_BATCH:]
        lit = change_light(rows.pixels[chosen], seed + number)
        yield _moved(_planes(lit), random, turned=turned), torch.from_numpy(rows.targets[chosen].astype(np.float32))


def _planes(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255


def _moved(planes: torch.Tensor, random: np.random.Generator, *, turned: bool) -> torch.Tensor:
    """Each picture a little turned, zoomed and moved; mirrored and turned by quarters too, if so asked."""
    count = len(planes)
    angle = random.uniform(-_TURN, _TURN, count)
    if turned:
        angle += random.integers(0, 4, count) * math.pi / 2
    zoom = np.exp(random.uniform(-_ZOOM, _ZOOM, (2, count)))
    mirror = random.choice([-1.0, 1.0], count) if turned else np.ones(count)
    move = random.uniform(-_MOVE, _MOVE, (2, count)) * 2
    across = np.stack([np.cos(angle) * zoom[0] * mirror, -np.sin(angle) * zoom[1], move[0]], axis=1)
    down = np.stack([np.sin(angle) * zoom[0] * mirror, np.cos(angle) * zoom[1], move[1]], axis=1)
    where = torch.from_numpy(np.stack([across, down], axis=1).astype(np.float32))
    grid = functional.affine_grid(where, list(planes.shape), align_corners=False)
    return functional.grid_sample(planes, grid, padding_mode="reflection", align_corners=False)


def _probabilities(network: SmallNetwork, pixels: Pixels, kind: ClassificationKind) -> Probabilities:
    """What torch itself answers, float64 [images, tags]."""
    with torch.inference_mode():
        numbers = torch.cat([network(_planes(chunk)) for chunk in np.array_split(pixels, math.ceil(len(pixels) / 256))]).double()
        chances: npt.NDArray[np.float64] = (numbers.softmax(1) if kind == "multiclass" else numbers.sigmoid()).numpy()
    return chances
