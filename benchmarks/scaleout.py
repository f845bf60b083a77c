"""A day's resizing on a Dask cluster: one worker, then two, each a process of one thread, with a scheduler and a run of their own.

Photographs of 4 to 14 MB (`photos`), all bytes distinct, in a folder in memory. One and two workers take turns, the best of several
rounds each;
every round is a day of its own, so that nothing is carried over, and what comes before it (listing) is not timed. Efficiency is
t(1) / 2 t(2). Its peer is that of bare processes that encode the same photographs, no cluster, no store: what the machine, whose cores
the run and the scheduler share with the workers, has to give at that hour. Processor time depends on the hour much less.

Belongs here: speed-up by workers. Does not: speed of one image (`resize`).
"""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

from benchmarks.photos import jpegs, photo_set
from imaging_assets.policies import Resize
from imaging_assets.stages.images.encode import encode_image
from imaging_assets.stages.images.raw import take_inventory
from imaging_assets.stages.images.resized import resize_day
from imaging_assets_tests.builders import DAY, a_pipeline, land
from imaging_assets_tests.contracts.dask_cluster import CountingRelay, DaskCluster

Row = dict[str, object]

_COPIES, _ROUNDS = 6, 4
_MEMORY = Path("/dev/shm")  # noqa: S108
"""Where Linux keeps files in memory: one disk does not get faster by a second worker, a storage account does."""


def rows() -> list[Row]:
    """Seconds of a day by number of workers, what that makes of the second one, and what it costs to have them."""
    images = len(_photos()) * _COPIES
    ours, bare = _Best(), _Best()
    with DaskCluster(1) as one, DaskCluster(2) as two, CountingRelay(two.address) as relay:
        for cluster in (one, two):
            _day(cluster, cluster.address, 1)  # imports
        worked = beside = 0.0
        for _ in range(_ROUNDS):
            ours.take(1, _day(one, one.address, _COPIES)[0])
            bare.take(1, _bare(1, images))
            bare.take(2, _bare(2, images))
            seconds, by_workers, by_others = _day(two, two.address, _COPIES)
            ours.take(2, seconds)
            worked, beside = worked + by_workers, beside + by_others
        _day(two, relay.address, 1)
    sent = relay.bytes / len(_photos()) / 1e3
    efficiency, share = ours.efficiency, worked / (worked + beside)
    return [
        _row(f"resizing of {images} photographs, 1 worker; bare", ours.seconds[1], bare.seconds[1], "s"),
        _row("the same, 2 workers", ours.seconds[2], bare.seconds[2], "s"),
        _row("efficiency from 1 to 2 workers; of bare processes", efficiency, bare.efficiency, "", 0.8),
        _row("processor time that is the workers', of all", share, None, "", 0.8),
        _row("through the scheduler, per image", sent, None, "kB", 20),
    ]


class _Best:
    """Fewest seconds by number of workers."""

    def __init__(self) -> None:
        self.seconds = {1: float("inf"), 2: float("inf")}

    def take(self, workers: int, seconds: float) -> None:
        self.seconds[workers] = min(self.seconds[workers], seconds)

    @property
    def efficiency(self) -> float:
        return self.seconds[1] / (2 * self.seconds[2])


def _day(cluster: DaskCluster, address: str, copies: int) -> tuple[float, float, float]:
    """Of one day in a store that is thrown away: seconds, processor seconds of workers, and of run and scheduler; without listing."""
    assert cluster.scheduler
    workers, others = [worker.pid for worker in cluster.workers], [cluster.scheduler.pid, os.getpid()]
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as home:
        pipeline = a_pipeline(Path(home), executor={"kind": "dask", "address": address})
        for copy in range(copies):
            land(pipeline, {f"{copy}-{place}.jpg": _distinct(photo, copy) for place, photo in enumerate(_photos())})
        pipeline.manifests.commit(take_inventory(pipeline, DAY)[0])
        raw = pipeline.manifests.find("raw_images", DAY)
        before = time.monotonic(), _spent(workers), _spent(others)
        report = resize_day(pipeline, raw)[1]
        after = time.monotonic(), _spent(workers), _spent(others)
    assert (report.images, report.quarantined) == (len(_photos()) * copies, 0)
    return after[0] - before[0], after[1] - before[1], after[2] - before[2]


def _bare(workers: int, images: int) -> float:
    """Seconds of processes that do nothing but encode."""
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_encode, range(2 * workers)))  # imports
        started = time.monotonic()
        list(pool.map(_encode, range(images)))
        return time.monotonic() - started


def _encode(place: int) -> None:
    photos = _photos()
    encode_image(photos[place % len(photos)], Resize())


@cache
def _photos() -> Sequence[bytes]:
    return jpegs(photo_set(8))


def _distinct(photo: bytes, copy: int) -> bytes:
    """The same picture with a comment of its own."""
    return photo[:2] + b"\xff\xfe\x00\x0a" + f"{copy:08}".encode() + photo[2:]


def _spent(processes: Sequence[int]) -> float:
    """Processor seconds until now, as Linux tells them."""
    fields = [Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split() for process in processes]
    return sum(int(found[11]) + int(found[12]) for found in fields) / os.sysconf("SC_CLK_TCK")


def _row(name: str, ours: float, peer: float | None, unit: str, goal: float | None = None) -> Row:
    """A goal is what must be reached, or, in kilobytes, must not be passed."""
    holds = None if goal is None else ours <= goal if unit == "kB" else ours >= goal
    said = "" if goal is None else f"{'<=' if unit == 'kB' else '>='} {goal:g}"
    return {
        "name": name,
        "ours": ours,
        "peer": peer,
        "unit": unit,
        "ratio": ours / peer if peer else None,
        "goal": said,
        "holds": holds,
    }


if __name__ == "__main__":
    for row in rows():
        print(row)
