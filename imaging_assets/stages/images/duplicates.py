"""Groups of near-duplicates among the images of a day, from their hashes alone.

Belongs here: who looks like whom. Does not: hashes themselves (`hashing`), what follows from a group (`manifests/splits`).

An image joins the first image before it that leads a group and looks like it, else it leads one of its own. Of a few thousand images,
each is compared with all leaders. Of more, leaders are kept in tables by bands of their bits: of hashes that differ in at most b bits,
one of three bands differs in at most b / 3 (the pigeonhole principle), so a few hundred places tell who may be near. M. Norouzi,
A. Punjani, D. Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", 2012.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from imaging_assets.stages.images.hashing import Hashes, as_bits, forms

_BLOCK = 2_048
"""Images that are looked up at once."""
_FEW = 4_096
"""Up to so many leaders, comparing with all is faster than tables."""
_BANDS = ((0, 21), (21, 21), (42, 22))
"""First bit and width of each."""
_MOST_FLIPS = 2
"""Beyond, there are so many places to look at that comparing with all is as fast."""

_NOBODY = np.iinfo(np.int64).max

Places = npt.NDArray[np.int64]


def duplicate_groups(rows: pl.DataFrame, bits: int) -> pl.Series:
    """For each row the sha256 of the first image it looks like, or "" where it is the only one of its kind.

    Turned and mirrored copies count as alike. Groups do not chain, or a slow film would be one group.

    Args:
        rows: With `sha256` and `phash`; images without a hash are in no group.
        bits: Most differing bits of look-alikes.
    """
    usable = rows["phash"].fill_null("") != ""
    places = usable.arg_true().to_numpy()
    hashes = as_bits([rows["phash"].filter(usable).str.join("").item()])
    # Images with equal hashes have one leader, so each hash is looked up once, in the order of the images.
    distinct, first, which = np.unique(hashes, return_index=True, return_inverse=True)
    in_order = np.argsort(first)
    led_by = np.empty(len(distinct), dtype=np.int64)
    led_by[in_order] = in_order[_leaders(distinct[in_order], bits)]
    leader = first[led_by[which]]  # of each usable image, as the number of an image
    followed = np.bincount(leader, minlength=len(hashes)) > 1
    nobody = rows.height
    group = np.full(rows.height, nobody)
    group[places] = np.where(followed[leader], places[leader], nobody)
    return rows["sha256"].extend_constant("", 1).gather(group).alias("duplicate_group")


def _leaders(hashes: Hashes, bits: int) -> Places:
    """For each of the hashes, which are distinct, the place of the one that leads it; its own where it leads."""
    led_by = np.arange(len(hashes))
    leaders = _Leaders(bits)
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK]
        every = forms(block)
        found = leaders.first_near(every)
        led = np.flatnonzero(found != _NOBODY)
        led_by[start + led] = leaders.places[found[led]]
        new = np.empty(0, dtype=np.int64)
        for place in np.flatnonzero(found == _NOBODY):
            near = _first_near(every[:, place], block[new], bits)
            if near == _NOBODY:
                new = np.append(new, place)
            else:
                led_by[start + place] = start + new[near]
        leaders.add(start + new, block[new])
    return led_by


def _first_near(one: Hashes, others: Hashes, bits: int) -> int:
    """Which of the others, uint64 [n], is the first near one, given in its forms, uint64 [8]; or `_NOBODY`."""
    near = np.flatnonzero(np.bitwise_count(one[:, None] ^ others[None]).min(axis=0) <= bits)
    return int(near[0]) if near.size else int(_NOBODY)


class _Leaders:
    """Hashes that lead a group and their places; more are added, block by block."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._hashes = np.empty(0, dtype=np.uint64)
        self.places = np.empty(0, dtype=np.int64)
        self._bands: list[_Band] = []

    def add(self, places: Places, hashes: Hashes) -> None:
        """Add some, in the order of their places."""
        known = len(self._hashes)
        self._hashes, self.places = np.concatenate([self._hashes, hashes]), np.concatenate([self.places, places])
        if len(self._hashes) > _FEW and self._bits // len(_BANDS) <= _MOST_FLIPS and not self._bands:
            self._bands = [_Band(low, width, self._bits // len(_BANDS)) for low, width in _BANDS]
            known = 0
        for band in self._bands:
            band.add(known, self._hashes[known:])

    def first_near(self, every: Hashes) -> Places:
        """For each of n hashes, given in their forms, uint64 [8, n], which leader is the first near it, or `_NOBODY`."""
        if not self._bands:
            return np.array([_first_near(one, self._hashes, self._bits) for one in every.T])
        count = every.shape[1]
        first = np.full(count, _NOBODY)
        for band in self._bands:
            for asked, leader in band.candidates(every):
                near = np.bitwise_count(every.ravel()[asked] ^ self._hashes[leader]) <= self._bits
                np.minimum.at(first, asked[near] % count, leader[near])
        return first


class _Band:
    """Leaders by some bits of their hashes: the newest of those whose bits are equal, and of each the one before it."""

    def __init__(self, low: int, width: int, most_flips: int) -> None:
        self._low, self._bits = np.uint64(low), np.uint64((1 << width) - 1)
        self._newest = np.full(1 << width, -1, dtype=np.int32)
        self._before = np.empty(0, dtype=np.int32)
        flips = (places for count in range(most_flips + 1) for places in itertools.combinations(range(width), count))
        self._flips = np.array([sum(1 << place for place in places) for places in flips], dtype=np.uint32)

    def add(self, number: int, hashes: Hashes) -> None:
        """Add leaders that are numbered from `number` on."""
        keys = self._keys(hashes)
        order = np.argsort(keys, kind="stable")
        numbers, keys = (order + number).astype(np.int32), keys[order]
        repeats = np.append(False, keys[1:] == keys[:-1])
        before = np.where(repeats, np.roll(numbers, 1), self._newest[keys])
        self._newest[keys] = numbers  # of equal keys the last one stays
        self._before = np.concatenate([self._before, before[np.argsort(order)]])

    def candidates(self, every: Hashes) -> Iterator[tuple[Places, npt.NDArray[np.int32]]]:
        """Numbers of places in `every`, as if it were flat, each with the number of a leader that may be near; in several lots."""
        leader = self._newest[self._keys(every) ^ self._flips[:, None, None]].ravel()
        asked = np.flatnonzero(leader >= 0)
        leader = leader[asked]
        asked %= every.size
        while asked.size:
            yield asked, leader
            leader = self._before[leader]
            asked, leader = asked[leader >= 0], leader[leader >= 0]

    def _keys(self, hashes: Hashes) -> npt.NDArray[np.uint32]:
        return ((hashes >> self._low) & self._bits).astype(np.uint32)
