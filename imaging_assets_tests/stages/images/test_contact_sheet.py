"""A contact sheet always fits into Dagster's event log."""

import io

import numpy as np
import pytest
from PIL import Image

from imaging_assets.stages.images.contact_sheet import contact_sheet
from imaging_assets_tests.builders import a_picture

MOST = 24_000


def opened(sheet: bytes) -> Image.Image:
    return Image.open(io.BytesIO(sheet))


def noise(seed: int) -> bytes:
    buffer = io.BytesIO()
    values = np.random.default_rng(seed).integers(0, 2, (122, 122, 3)) * 255
    Image.fromarray(values.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def flat(colour: str, size: tuple[int, int] = (128, 96)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_no_thumbnails_make_no_sheet() -> None:
    assert contact_sheet([]) == b""


@pytest.mark.parametrize(
    ("count", "size"), [(1, (128, 128)), (5, (640, 128)), (6, (768, 128)), (7, (768, 256)), (24, (768, 512)), (25, (768, 512))]
)
def test_a_sheet_is_as_large_as_its_thumbnails_need(count: int, size: tuple[int, int]) -> None:
    sheet = opened(contact_sheet([a_picture(seed) for seed in range(count)]))

    assert (sheet.format, sheet.size) == ("WEBP", size)


def test_24_photographs_fit_into_24000_bytes() -> None:
    assert 0 < len(contact_sheet([a_picture(seed, (256, 192)) for seed in range(24)])) <= MOST


def test_even_noise_fits_into_24000_bytes() -> None:
    sheet = contact_sheet([noise(seed) for seed in range(24)])

    assert len(sheet) <= MOST
    assert opened(sheet).width >= 96


def test_thumbnails_stand_row_by_row_in_their_order() -> None:
    colours = ["red"] + ["black"] * 5 + ["blue"]
    sheet = opened(contact_sheet([flat(colour) for colour in colours])).convert("RGB")

    first, second, seventh = (sheet.getpixel(place) for place in ((64, 64), (192, 64), (64, 192)))

    assert isinstance(first, tuple)
    assert isinstance(second, tuple)
    assert isinstance(seventh, tuple)
    assert first[0] > 200 > max(first[1:])
    assert max(second) < 40
    assert seventh[2] > 200 > max(seventh[:2])


@pytest.mark.parametrize("size", [(1, 1), (1, 256), (256, 1), (128, 96)])
def test_thumbnails_of_any_shape_are_laid_out(size: tuple[int, int]) -> None:
    assert opened(contact_sheet([flat("red", size)])).size == (128, 128)
