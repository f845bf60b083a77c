"""Perceptual hashes of one image and groups of near-duplicates among many.

Belongs here: 64-bit DCT hashes and distances between them. Does not: decoding (`encode`), days.

Source of the hash: the DCT "pHash" of C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

_EDGE = 32
_KEPT = 8


def perceptual_hash(picture: Image.Image) -> str:
    """64-bit hash of an upright picture as 16 hex digits; look-alikes differ in few bits."""
    grey = np.asarray(picture.convert("L").resize((_EDGE, _EDGE), Image.Resampling.BILINEAR), dtype=np.float64)
    frequencies = _dct() @ grey @ _dct().T
    # Of an even picture all that is left is rounding noise; it must not make a hash.
    kept = np.where(np.abs(frequencies) < 1e-6, 0.0, frequencies)[:_KEPT, :_KEPT].ravel()
    bits = kept > np.median(kept[1:])
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"


def as_bits(hashes: Sequence[str]) -> npt.NDArray[np.uint64]:
    """uint64 [n] of hex hashes."""
    return np.array([int(value, 16) for value in hashes], dtype=np.uint64)


def distances(one: np.uint64, others: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """Number of differing bits, uint8 [n]."""
    return np.bitwise_count(np.bitwise_xor(others, one))


@cache
def _dct() -> npt.NDArray[np.float64]:
    """Orthonormal DCT-II matrix, float64 [32, 32]."""
    row = np.arange(_EDGE)[:, None]
    column = np.arange(_EDGE)[None, :]
    matrix: npt.NDArray[np.float64] = np.sqrt(2 / _EDGE) * np.cos(np.pi * (2 * column + 1) * row / (2 * _EDGE))
    matrix[0] /= np.sqrt(2)
    return matrix
