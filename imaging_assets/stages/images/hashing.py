"""Perceptual hashes: one image's, its turned and mirrored forms, distances between many.

Belongs here: 64-bit DCT hashes. Does not: decoding (`decode`), groups (`duplicates`).

The hash is the DCT "pHash" of C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, with one
change: a bit is the *sign* of a coefficient, not its place above or below the median. Mirroring an image only flips the signs of
odd frequencies, and turning it swaps rows with columns too, so the hashes of all eight forms follow from one by arithmetic. Images
are compared in all eight forms; a canonical form would not do, for one flipped bit can change which form that is.

A picture of one colour has no signs but those of noise. Its hash is made of the colour instead.
"""

import hashlib
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

_EDGE = 32
_KEPT = 8
_EVEN = 1.5  # standard deviation, of 255, of a picture in which nothing can be seen
_COLOUR_STEP = 16

Hashes = npt.NDArray[np.uint64]


def perceptual_hash(picture: Image.Image, luma: Image.Image | None = None) -> str:
    """64-bit hash of an upright picture as 16 hex digits; look-alikes differ in few bits.

    Args:
        picture: Of any mode that Pillow converts.
        luma: The same in mode L, of whatever size, where it is at hand.
    """
    luma = luma or picture.convert("L")
    grey = np.asarray(luma.resize((_EDGE, _EDGE), Image.Resampling.BILINEAR), dtype=np.float64)
    if grey.std() < _EVEN:
        colours = np.asarray(picture.convert("RGB").resize((_EDGE, _EDGE), Image.Resampling.BILINEAR), dtype=np.float64)
        if colours.std(axis=(0, 1)).max() < _EVEN:
            return _hash_of_colour(colours.mean(axis=(0, 1)))
    # What is left of symmetry and evenness is rounding noise; it must not make a hash.
    bits = (_dct() @ grey @ _dct().T)[:_KEPT, :_KEPT] > 1e-6
    bits[0, 0] = False  # brightness says nothing of the content
    return np.packbits(bits).tobytes().hex()


def forms(hashes: Hashes) -> Hashes:
    """Hashes that the pictures would have turned and mirrored, uint64 [n] to uint64 [8, n]; the first are their own."""
    swapped = _transposed(hashes)
    return np.stack([one ^ mask for one in (hashes, swapped) for mask in _masks()])


def distances(one: np.uint64, others: Hashes) -> npt.NDArray[np.uint8]:
    """Differing bits, in whichever of the eight forms there are fewest, uint8 [n]."""
    every = forms(np.array([one], dtype=np.uint64))  # [8, 1]
    nearest: npt.NDArray[np.uint8] = np.bitwise_count(every ^ others[None, :]).min(axis=0)
    return nearest


def as_bits(hashes: Sequence[str]) -> Hashes:
    """uint64 [n] of hex hashes, each of 16 digits."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), dtype=">u8").astype(np.uint64)


def _hash_of_colour(mean: npt.NDArray[np.float64]) -> str:
    """Far from that of any other colour and from that of any picture."""
    return hashlib.sha256(bytes((mean // _COLOUR_STEP).astype(np.uint8))).hexdigest()[:16]


def _transposed(hashes: Hashes) -> Hashes:
    bits = np.unpackbits(hashes.astype(">u8").view(np.uint8)).reshape(-1, _KEPT, _KEPT)
    return np.packbits(bits.transpose(0, 2, 1)).view(">u8").astype(np.uint64)


@cache
def _masks() -> tuple[np.uint64, ...]:
    """Signs that change, of none, columns, rows, both."""
    odd = np.arange(_KEPT) % 2 == 1
    none = np.zeros(_KEPT, dtype=bool)
    signs = [rows[:, None] ^ columns[None, :] for rows in (none, odd) for columns in (none, odd)]
    return tuple(np.packbits(sign).view(">u8").astype(np.uint64)[0] for sign in signs)


@cache
def _dct() -> npt.NDArray[np.float64]:
    """Orthonormal DCT-II matrix, float64 [32, 32]."""
    row = np.arange(_EDGE)[:, None]
    column = np.arange(_EDGE)[None, :]
    matrix: npt.NDArray[np.float64] = np.sqrt(2 / _EDGE) * np.cos(np.pi * (2 * column + 1) * row / (2 * _EDGE))
    matrix[0] /= np.sqrt(2)
    return matrix
