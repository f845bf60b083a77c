"""Groups of near-duplicates among images, from their hashes alone.

Belongs here: who looks like whom. Does not: hashes themselves (`hashing`), what follows from a group (`manifests/splits`).
"""

import numpy as np
import polars as pl

from imaging_assets.stages.images.hashing import as_bits, forms


def duplicate_groups(rows: pl.DataFrame, bits: int) -> list[str]:
    """For each row the sha256 of the first image it looks like, or "" where it is the only one of its kind.

    Turned and mirrored copies count as alike. Groups do not chain, or a slow film would be one group.

    Args:
        rows: With `sha256` and `phash`; images without a hash are in no group.
        bits: Most differing bits of look-alikes.
    """
    usable = [(place, *row) for place, row in enumerate(rows.select("sha256", "phash").iter_rows()) if row[1]]
    hashes = as_bits([phash for _, _, phash in usable])
    every = forms(hashes)
    leaders = np.empty(len(usable), dtype=np.intp)
    leading = np.empty(len(usable), dtype=np.uint64)
    count = 0
    found = [""] * rows.height
    for number, (place, _, _) in enumerate(usable):
        differing = np.bitwise_count(every[:, number, None] ^ leading[None, :count]).min(axis=0, initial=64)
        near = np.flatnonzero(differing <= bits)
        if not near.size:
            leaders[count], leading[count] = number, hashes[number]
            count += 1
        else:
            leader_place, leader_sha256, _ = usable[leaders[near[0]]]
            found[place] = found[leader_place] = leader_sha256
    return found
