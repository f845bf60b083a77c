"""Memory of a day of large photos: 300 and 1,200 distinct images of about 10 MB through `resize_day`, two at a time.

The images are a dozen photographs (`photos`), each copy with a comment of its own so that all bytes differ. They are made as they
are read and what is made of them is dropped, so that the figure is the step's and no disk is filled. Peak is the process's
resident set at its highest, polars and all, as Linux tells it.

Belongs here: memory. Does not: speed (`resize`).
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from typing_extensions import override

from benchmarks.photos import jpegs, photo_set
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.images import Blob, BlobInfo
from imaging_assets.stages.images.raw import take_inventory
from imaging_assets.stages.images.resized import resize_day
from imaging_assets.stages.state import Manifests
from imaging_assets_tests.builders import DAY, a_pipeline
from imaging_assets_tests.doubles import CountingBlobStore

Row = dict[str, object]

_FEW, _MANY = 300, 1_200
_LARGE = 8_500_000
_FOLDER = f"landing/{DAY.replace('-', '/')}/"


def rows() -> list[Row]:
    """Peak megabytes of a process of its own for each number of images."""
    _photos()  # made once, not in the processes that are measured
    few, many = (_peak(count) for count in (_FEW, _MANY))
    return [
        _row(f"peak of {_FEW} images", few, "<= 700", holds=few <= 700),
        _row(f"peak of {_MANY} images", many, "<= 700", holds=many <= 700),
        _row(f"more for {_MANY} images than for {_FEW}", many - few, "<= 50", holds=many - few <= 50),
    ]


class PhotoStore(CountingBlobStore):
    """A day of so many distinct photos, made as they are read; resized images are dropped."""

    def __init__(self, inner: BlobStore, count: int) -> None:
        super().__init__(inner)
        self._count = count
        self._photos = _photos()

    @override
    def list_blobs(self, prefix: str = "") -> Iterator[BlobInfo]:
        if prefix.startswith("landing/2"):
            at = datetime(2026, 3, 2, tzinfo=UTC)
            return (BlobInfo(f"{_FOLDER}{place:05}.jpg", 10_000_000, str(place), at) for place in range(self._count))
        return super().list_blobs(prefix)

    @override
    def read(self, path: str) -> Blob:
        if not path.startswith(_FOLDER):
            return super().read(path)
        place = int(Path(path).stem)
        photo = self._photos[place % len(self._photos)].read_bytes()
        return Blob(photo[:2] + b"\xff\xfe\x00\x0a" + f"{place:08}".encode() + photo[2:], str(place))

    @override
    def write(self, path: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> BlobInfo:
        if path.startswith("resized/"):
            return BlobInfo(path, len(data), "", datetime(2026, 3, 2, tzinfo=UTC))
        return super().write(path, data, if_match=if_match, if_absent=if_absent)


def _photos() -> list[Path]:
    """Paths of the large ones of the set."""
    folder = Path(".imaging/bench-photos")
    jpegs(photo_set(24), folder)
    return sorted(path for path in folder.rglob("*.jpg") if path.stat().st_size > _LARGE)


def _peak(count: int) -> float:
    done = subprocess.run([sys.executable, "-m", __spec__.name, str(count)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def _resize(count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        pipeline = a_pipeline(Path(folder), resize={"workers": 2})
        store = PhotoStore(pipeline.store, count)
        pipeline = replace(pipeline, store=store, manifests=Manifests(store))
        pipeline.manifests.commit(take_inventory(pipeline, DAY)[0])
        draft, report = resize_day(pipeline, pipeline.manifests.find("raw_images", DAY))
        assert (report.images, report.quarantined, draft.changed) == (count, 0, True)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1e3 for line in status.splitlines() if line.startswith("VmHWM"))


def _row(name: str, megabytes: float, goal: str, *, holds: bool) -> Row:
    return {"name": name, "ours": megabytes, "peer": None, "unit": "MB", "ratio": None, "goal": goal, "holds": holds}


if __name__ == "__main__":
    print(_resize(int(sys.argv[1])))
