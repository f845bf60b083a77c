"""Look-alikes share a group, whichever way they are turned; who is alike is told from hashes alone."""

import numpy as np
import polars as pl
import pytest

from imaging_assets.stages.images.duplicates import duplicate_groups
from imaging_assets.stages.images.hashing import as_bits, distances, forms


def grouped(*hashes: str | None, bits: int = 4) -> list[str]:
    frame = pl.DataFrame(
        {"sha256": [f"sha{number}" for number in range(len(hashes))], "phash": hashes}, schema_overrides={"phash": pl.String()}
    )
    return duplicate_groups(frame, bits).to_list()


def test_look_alikes_are_grouped_under_the_first_and_loners_under_nobody() -> None:
    assert grouped("0" * 16, "f" * 16, "0" * 15 + "1") == ["sha0", "", "sha0"]


def test_how_alike_look_alikes_must_be_is_a_setting() -> None:
    hashes = ("0" * 16, "0" * 15 + "f", "0" * 14 + "1f")

    assert grouped(*hashes, bits=4) == ["sha0", "sha0", ""]
    assert grouped(*hashes, bits=5) == ["sha0", "sha0", "sha0"]
    assert grouped(*hashes, bits=0) == ["", "", ""]
    assert grouped("0" * 16, "0" * 16, bits=0) == ["sha0", "sha0"]


def test_groups_do_not_chain() -> None:
    """Otherwise a slow film would be one group."""
    assert grouped("0" * 16, "0" * 15 + "f", "0" * 14 + "ff") == ["sha0", "sha0", ""]


def test_quarantined_images_are_in_no_group() -> None:
    assert grouped(None, "0" * 16, None) == ["", "", ""]
    assert grouped() == []


def test_all_forms_of_a_picture_are_one_group() -> None:
    every = [f"{int(value):016x}" for value in forms(as_bits(["0123456789abcdef"]))[:, 0]]

    assert len(set(every)) == 8
    assert grouped(*every) == ["sha0"] * 8
    assert grouped(*every[1:], "f0f0f0f0f0f0f0f0") == ["sha0"] * 7 + [""]


@pytest.mark.parametrize("bits", [4, 8])
def test_images_of_a_large_day_are_grouped_as_if_each_was_compared_with_all(bits: int) -> None:
    rng = np.random.default_rng(bits)
    pictures = rng.integers(0, 2**63, 4_500, dtype=np.uint64)
    taken = forms(pictures)[rng.integers(0, 8, 1_500), rng.integers(0, len(pictures), 1_500)]
    for _ in range(bits):
        flipped = np.uint64(1) << rng.integers(0, 64, len(taken), dtype=np.uint64)
        taken ^= np.where(rng.random(len(taken)) < 0.7, flipped, np.uint64(0))
    everyone = np.concatenate([pictures, taken])

    groups = grouped(*[f"{int(value):016x}" for value in everyone], bits=bits)

    expected = [""] * len(everyone)
    leaders = np.empty(0, dtype=int)
    for number, one in enumerate(everyone):
        near = leaders[distances(one, everyone[leaders]) <= bits]
        if near.size:
            expected[number] = expected[near[0]] = f"sha{near[0]}"
        else:
            leaders = np.append(leaders, number)
    assert groups == expected
    assert len(leaders) > 4_400
    assert sum(group != "" for group in groups) > 1_000
