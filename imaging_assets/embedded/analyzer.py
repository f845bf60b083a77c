"""Image embedder that needs no model: fixed measurements of gradients and colours.

Belongs here: which measurements make a vector. Does not: the measurements (`features.py`), searching among vectors.

It finds look-alikes, not meanings. Nothing is learnt, so vectors exist before any model and change only when `embedding_id`
does; `imaging_assets_tests/embedded/test_analyzer.py` keeps a few and fails when they move.
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from imaging_assets.embedded.decoding import decode_all
from imaging_assets.errors import UnreadableImageError
from imaging_assets.ports.analyzer import ImageEmbedder

if TYPE_CHECKING:
    from imaging_assets.embedded.onnx_session import PixelSession

Vectors = npt.NDArray[np.float32]

_DIMENSIONS = 128
_PROJECTION_SEED = 20_240_229
_GRID, _CORRELATIONS, _COLOURS = 144, 768, 48
_COLOUR_WEIGHT = 0.3
_FAINT = 0.05


class GradientEmbedder(ImageEmbedder):
    """128 numbers from where gradients are, how they stand to each other, and the coarse layout of colours.

    Dalal & Triggs 2005 and Kobayashi & Otsu 2008 (see `features.py`), brought to 128 by random signs: D. Achlioptas,
    "Database-friendly random projections", PODS 2001. Safe to share between threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._measure: PixelSession | None = None
        self._signs = _random_signs(_GRID + _CORRELATIONS + _COLOURS, _DIMENSIONS)

    @property
    @override
    def embedding_id(self) -> str:
        return "gradient-1"

    @property
    @override
    def dimensions(self) -> int:
        return _DIMENSIONS

    @override
    def embed(self, images: Sequence[bytes]) -> Vectors:
        vectors = np.zeros((len(images), _DIMENSIONS), dtype=np.float32)
        decoded = list(decode_all(images))
        squares = {place: pixels for place, pixels in enumerate(decoded) if not isinstance(pixels, UnreadableImageError)}
        if squares:
            balanced = _balance(self._session().run(np.stack(list(squares.values()))))
            # Not `@`: BLAS adds up differently for different numbers of rows, and equal bytes must give equal vectors.
            vectors[list(squares)] = _to_unit(np.einsum("ij,jk->ik", balanced, self._signs))
        return vectors

    def _session(self) -> "PixelSession":
        with self._lock:
            if self._measure is None:
                from imaging_assets.embedded.features import (  # noqa: PLC0415  (slow to import)
                    coarse_grid,
                    colour_layout,
                    gradient_correlations,
                    write_features,
                )
                from imaging_assets.embedded.onnx_graph import to_bytes  # noqa: PLC0415
                from imaging_assets.embedded.onnx_session import PixelSession  # noqa: PLC0415

                graph = write_features([coarse_grid, gradient_correlations, colour_layout])
                self._measure = PixelSession(to_bytes(graph))
            return self._measure


def _balance(measured: Vectors) -> Vectors:
    """Give the three kinds of measurement comparable weight, and each a mean of zero so that cosines spread out."""
    grid, correlations, colours = np.split(measured, [_GRID, _GRID + _CORRELATIONS], axis=1)
    # Colours keep their strength: 0.5 is mid-grey, which no 8-bit image equals, so that even a blank image has a direction.
    weighted = (colours - np.float32(0.5)) * np.float32(_COLOUR_WEIGHT)
    return np.concatenate([_centre(grid), _centre(correlations), weighted], axis=1)


def _centre(block: Vectors) -> Vectors:
    centred = block - block.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    # Images without edges have only rounding errors here: leave them small.
    balanced: Vectors = centred / np.maximum(lengths, np.float32(_FAINT))
    return balanced


def _to_unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _random_signs(rows: int, columns: int) -> Vectors:
    """+1 and -1 from the raw bits of PCG64, which numpy promises not to change, unlike its distributions."""
    bits = np.random.PCG64(_PROJECTION_SEED).random_raw(rows * columns) >> np.uint64(63)
    return np.where(bits == 1, np.float32(1), np.float32(-1)).reshape(rows, columns)
