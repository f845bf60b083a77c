"""The story of the handwritten digits: all of them, over three days, most of them labelled."""

import csv
import io
from collections import Counter

import numpy as np
from PIL import Image

from imaging_assets.demo.digits import digit_days


def test_all_1797_digits_land_over_three_days_under_their_own_names() -> None:
    days = digit_days()
    paths = [file.path for day in days for file in day.arrivals]
    assert [len(day.arrivals) for day in days] == [599, 599, 599]
    assert len(set(paths)) == 1797
    assert all(file.path.startswith(f"{day.day:%Y/%m/%d}/scans/") for day in days for file in day.arrivals)


def test_nine_in_ten_digits_are_labelled_and_every_row_names_an_arrival_of_its_day() -> None:
    tags: Counter[str] = Counter()
    for day in digit_days():
        rows = list(csv.DictReader(day.label_files[0].data.decode().splitlines()))
        assert {row["path"] for row in rows} <= {file.path for file in day.arrivals}
        tags.update(row["tags"] for row in rows)
    assert sorted(tags) == list("0123456789")
    assert tags.total() == 1618
    assert min(tags.values()) > 140


def test_a_digit_is_a_gray_png_of_64_by_64_with_full_contrast() -> None:
    image = Image.open(io.BytesIO(digit_days()[0].arrivals[0].data))
    assert (image.format, image.mode, image.size) == ("PNG", "L", (64, 64))
    assert np.asarray(image).max() > 200
    assert np.asarray(image).min() < 10


def test_the_same_digit_gives_the_same_bytes() -> None:
    first, second = digit_days()[1].arrivals[7], digit_days()[1].arrivals[7]
    assert first.data == second.data
