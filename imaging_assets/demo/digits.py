"""The real handwritten digits that scikit-learn brings, as a second story of three days.

Belongs here: 1,797 scans of 8 x 8 pixels, enlarged to 64 x 64 gray PNG files, and their labels. Does not: the scenes (`story`).
scikit-learn is imported when the story is asked for, because it takes most of a second. The pictures are made with
`DemoFile.data`, as those of the scenes are.
"""

import functools
import io
from datetime import timedelta

from PIL import Image

from imaging_assets.demo.story import FIRST_DAY, DemoDay, DemoFile, label_file

_DAYS = 3
_SIDE = 64


def digit_days() -> tuple[DemoDay, ...]:
    """Three days with 599 digits each; nine in ten are labelled "0" to "9"."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - slow to import

    bunch = load_digits()
    scans = [
        (bytes((row * 15).astype("uint8").tolist()), str(target)) for row, target in zip(bunch.data, bunch.target, strict=True)
    ]
    per_day = len(scans) // _DAYS
    return tuple(_digit_day(index, scans[index * per_day : (index + 1) * per_day]) for index in range(_DAYS))


def _digit_day(index: int, scans: list[tuple[bytes, str]]) -> DemoDay:
    day = FIRST_DAY + timedelta(days=index)
    first = index * len(scans)
    paths = [f"{day:%Y/%m/%d}/scans/digit_{first + place:04d}.png" for place in range(len(scans))]
    rows = [(path, tag) for place, (path, (_, tag)) in enumerate(zip(paths, scans, strict=True)) if (first + place) % 10 != 9]
    return DemoDay(
        day=day,
        title=f"{len(scans)} handwritten digits are scanned, nine in ten are labelled.",
        arrivals=tuple(DemoFile(path, functools.partial(_png, pixels)) for path, (pixels, _) in zip(paths, scans, strict=True)),
        label_files=(label_file(f"{day}.csv", rows),),
    )


def _png(pixels: bytes) -> bytes:
    image = Image.frombytes("L", (8, 8), pixels).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()
