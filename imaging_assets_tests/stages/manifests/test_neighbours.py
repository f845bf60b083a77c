"""Looking up look-alikes finds what comparing with all finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging_assets.stages.images.hashing import Hashes, distances, forms
from imaging_assets.stages.manifests.neighbours import Neighbours


def many(seed: int, number: int = 5_000) -> Hashes:
    """Hashes in clusters: copies of a few, each with a few bits flipped."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**63, 60, dtype=np.uint64)[rng.integers(0, 60, number)]
    for _ in range(5):
        flips = np.where(rng.random(number) < 0.7, np.uint64(1) << rng.integers(0, 64, number).astype(np.uint64), np.uint64(0))
        hashes = hashes ^ flips
    return hashes


@pytest.mark.parametrize("bits", [0, 1, 4, 6, 7, 16])
@given(seed=st.integers(0, 3), at=st.integers(0, 4_999), form=st.integers(0, 7))
def test_those_near_are_the_same_as_by_comparing_with_all(bits: int, seed: int, at: int, form: int) -> None:
    hashes = many(seed)
    one = np.uint64(forms(hashes[at : at + 1])[form, 0])
    found = Neighbours(hashes, bits).near(one)
    assert found.tolist() == np.flatnonzero(distances(one, hashes) <= bits).tolist()
    assert at in found


def test_among_none_there_is_none() -> None:
    assert Neighbours(np.array([], dtype=np.uint64), 4).near(np.uint64(1)).tolist() == []
