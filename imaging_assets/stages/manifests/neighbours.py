"""Look-alikes of one picture among very many, by perceptual hash.

Belongs here: finding hashes within a few bits. Does not: what a hash is (`stages/images/hashing.py`), what follows from likeness
(`splits`).

Two hashes that differ in at most b bits agree in one of b + 1 bands of bits (the pigeonhole principle), so only those that share a band
with a form of the picture are compared. M. Norouzi, A. Punjani, D. Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", 2012.
"""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from imaging_assets.stages.images.hashing import Hashes, distances, forms

_BITS = 64
_MOST_BANDS = 7
"""Beyond, bands are so narrow that comparing with all is as fast."""
_FEW = 2_000
"""Up to so many hashes, comparing with all is faster than looking up."""

Places = npt.NDArray[np.int64]


class Neighbours:
    """Hashes, prepared to be asked for those near another, in any of its eight forms."""

    def __init__(self, hashes: Hashes, bits: int) -> None:
        self.hashes = hashes
        self.bits = bits
        edges = np.linspace(0, _BITS, bits + 2).astype(int)
        looked_up = len(hashes) > _FEW and bits < _MOST_BANDS
        self._bands = [self._band(low, high - low) for low, high in itertools.pairwise(edges)] if looked_up else []

    def near(self, one: np.uint64) -> Places:
        """Places of the hashes that differ in at most so many bits, in ascending order."""
        if not self._bands:
            return np.flatnonzero(distances(one, self.hashes) <= self.bits)
        every = forms(np.array([one], dtype=np.uint64))[:, 0]
        found = []
        for shift, mask, order, keys in self._bands:
            wanted = np.unique((every >> shift) & mask).astype(keys.dtype)
            starts, ends = np.searchsorted(keys, wanted, "left"), np.searchsorted(keys, wanted, "right")
            found += [order[start:end] for start, end in zip(starts, ends, strict=True)]
        candidates = np.unique(np.concatenate(found))
        near: Places = candidates[distances(one, self.hashes[candidates]) <= self.bits].astype(np.int64)
        return near

    def _band(self, low: int, width: int) -> tuple[np.uint64, np.uint64, npt.NDArray[np.uint32], npt.NDArray[Any]]:
        shift, mask = np.uint64(low), np.uint64((1 << width) - 1)
        keys = ((self.hashes >> shift) & mask).astype(np.uint16 if width <= 16 else np.uint32)
        order = np.argsort(keys, kind="stable").astype(np.uint32)
        return shift, mask, order, keys[order]
