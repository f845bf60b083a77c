"""Convolution filters learnt from the images themselves, without tags.

Belongs here: the learning. Does not: using them (`features.filter_statistics`).
Source: A. Coates, H. Lee, A. Ng, "An analysis of single-layer networks in unsupervised feature learning", AISTATS 2011.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imaging_assets.embedded.decoding import SIDE, Pixels

PATCH = 6
"""Width and height of a filter in pixels."""

CONTRAST_FLOOR = 10 / 255**2
"""Added to a patch's variance (of values 0-1), so that flat patches do not become noise."""

_COUNT = 128
_PATCHES = 40_000
_WHITENING_FLOOR = 0.1


@dataclass(frozen=True, slots=True)
class Filters:
    """What one set of images taught.

    Attributes:
        kernels: float32 [count, 3, PATCH, PATCH]; each sums to zero.
        offsets: float32 [count]; what each filter says about the average patch.
    """

    kernels: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.float32]


def learn_filters(pixels: Pixels, seed: int) -> Filters:
    """The centres of clusters of whitened, contrast-normalised patches; under one thread, the same for the same input."""
    from sklearn.cluster import MiniBatchKMeans  # noqa: PLC0415 - late: a second that each run would pay, and only training learns

    patches = _normalise(_sample_patches(pixels, seed))
    average = patches.mean(axis=0)
    whiten = _whitening(patches)
    # A fixed number of rounds: neither a tolerance nor a lack of progress decides, so no warning and no surprise.
    means = MiniBatchKMeans(
        _COUNT, init="random", n_init=1, batch_size=2_000, max_iter=8, tol=0.0, max_no_improvement=None, random_state=seed
    ).fit((patches - average) @ whiten)
    centres = means.cluster_centers_
    centres = centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-6)
    kernels = centres @ whiten
    offsets = kernels @ average
    kernels = kernels - kernels.mean(axis=1, keepdims=True)
    shaped = kernels.reshape(_COUNT, PATCH, PATCH, 3).transpose(0, 3, 1, 2)
    return Filters(kernels=shaped.astype(np.float32), offsets=offsets.astype(np.float32))


def _sample_patches(pixels: Pixels, seed: int) -> npt.NDArray[np.float32]:
    """[_PATCHES, PATCH * PATCH * 3], values 0-1, from random places of random images."""
    random = np.random.default_rng(seed)
    image = random.integers(0, len(pixels), _PATCHES)[:, None, None]
    top, left = random.integers(0, SIDE - PATCH + 1, (2, _PATCHES))[:, :, None, None]
    steps = np.arange(PATCH)
    patches = pixels[image, top + steps[:, None], left + steps]
    values: npt.NDArray[np.float32] = patches.reshape(_PATCHES, -1).astype(np.float32)
    return values / np.float32(255)


def _normalise(patches: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    centred: npt.NDArray[np.float32] = patches - patches.mean(axis=1, keepdims=True)
    centred /= np.sqrt(centred.var(axis=1, keepdims=True) + np.float32(CONTRAST_FLOOR))
    return centred


def _whitening(patches: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The symmetric matrix that gives patches equal variance in every direction."""
    variances, directions = np.linalg.eigh(np.cov(patches, rowvar=False))
    matrix: npt.NDArray[np.float32] = ((directions / np.sqrt(variances + _WHITENING_FLOOR)) @ directions.T).astype(np.float32)
    return matrix
