"""Pixels into a budget of bytes: quality first, pixels last, and no byte too many.

Belongs here: limits of bytes, edges and quality. Does not: what is decoded (`test_encode.py`).
"""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from imaging_assets.errors import UnreadableImageError
from imaging_assets.policies import Resize
from imaging_assets.stages.images.encode import EncodedImage, encode_image
from imaging_assets.stages.images.fit import BEST_QUALITY, fit, quality_of, step_of
from imaging_assets.stages.images.pixels import pixels_of
from imaging_assets_tests.builders import a_picture

LIMITS = Resize()


def saved(picture: Image.Image, kind: str = "PNG", **save: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **save)
    return buffer.getvalue()


def opened(image: EncodedImage) -> Image.Image:
    picture = Image.open(io.BytesIO(image.data))
    picture.load()
    return picture


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))


def test_a_file_over_the_limit_is_made_smaller_by_quality_first() -> None:
    data = saved(noise((200, 150)), "JPEG", quality=98)

    image = encode_image(data, Resize(max_bytes=len(data) // 2))

    assert image.status == "resized"
    assert len(image.data) <= len(data) // 2
    assert (image.resized_width, image.resized_height) == (200, 150)


def test_a_long_edge_is_brought_to_the_limit() -> None:
    image = encode_image(a_picture(size=(1000, 500)), Resize(max_edge=400))

    assert (image.width, image.height, image.resized_width, image.resized_height) == (1000, 500, 400, 200)
    assert opened(image).size == (400, 200)
    assert encode_image(a_picture(size=(400, 200)), Resize(max_edge=400)).status == "passed"


def test_an_edge_longer_than_any_jpeg_is_brought_to_what_one_can_be() -> None:
    wide = saved(Image.new("RGBA", (70_000, 2)))

    image = encode_image(wide, Resize(max_edge=100_000))

    assert (image.resized_width, image.resized_height) == (65_500, 2)


def tables_of(data: bytes) -> list[int]:
    tables: dict[int, list[int]] = Image.open(io.BytesIO(data)).quantization  # type: ignore[attr-defined]
    return list(tables[0])


def test_quality_is_never_below_its_limit() -> None:
    data = saved(noise((300, 300)), "PNG")
    for least in (50, 95):
        image = encode_image(data, Resize(max_bytes=20_000, min_quality=least, min_edge=1))

        assert sum(tables_of(image.data)) <= sum(tables_of(saved(noise((8, 8)), "JPEG", quality=least)))
        assert len(image.data) <= 20_000


@pytest.mark.parametrize(("least", "expected"), [(70, 92), (95, 95)])
def test_a_picture_that_fits_is_encoded_at_92_or_at_the_limit_above_it(least: int, expected: int) -> None:
    image = encode_image(a_picture(kind="WEBP"), Resize(min_quality=least))

    assert tables_of(image.data) == tables_of(saved(noise((8, 8)), "JPEG", quality=expected))


@given(
    width=st.integers(1, 700),
    height=st.integers(1, 700),
    budget=st.integers(10_000, 60_000),
    edge=st.integers(64, 800),
    least=st.integers(20, 95),
    seed=st.integers(0, 3),
)
@example(width=1, height=700, budget=10_000, edge=64, least=95, seed=0)
@example(width=700, height=700, budget=10_000, edge=800, least=95, seed=0)
@settings(max_examples=60, deadline=None)
def test_any_picture_fits_any_budget_in_its_own_proportions(  # noqa: PLR0917 - hypothesis names them
    width: int, height: int, budget: int, edge: int, least: int, seed: int
) -> None:
    limits = Resize(max_bytes=budget, max_edge=edge, min_quality=least)
    try:
        image = encode_image(saved(noise((width, height), seed), "BMP"), limits)
    except UnreadableImageError as error:
        assert error.reason == "cannot fit"  # noqa: PT017 - either is fine
        return

    assert len(image.data) <= budget
    made = opened(image).size
    assert made == (image.resized_width, image.resized_height)
    assert max(made) <= edge
    assert max(made) <= max(width, height)
    scale = max(made) / max(width, height)
    assert abs(made[0] - width * scale) <= 1
    assert abs(made[1] - height * scale) <= 1


def test_the_hardest_of_those_does_fit() -> None:
    limits = Resize(max_bytes=10_000, max_edge=2000, min_quality=95, min_edge=1)

    assert len(encode_image(saved(noise((900, 900)), "BMP"), limits).data) <= 10_000


# --- how much of the budget is used


def a_scene(size: tuple[int, int] = (1200, 900), seed: int = 0) -> Image.Image:
    """Shapes, slopes and grain: of what photographs are made."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    grain = rng.normal(0, 12, (size[1], size[0], 1))
    return Image.fromarray(np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("share", [0.9, 0.7, 0.5, 0.3, 0.15, 0.08, 0.04])
def test_a_budget_is_filled(share: float) -> None:
    data = saved(a_scene(), "JPEG", quality=96)
    budget = int(share * len(data))

    image = encode_image(data, Resize(max_bytes=budget))

    assert 0.65 * budget <= len(image.data) <= budget


def test_a_budget_is_filled_with_one_encode_mostly() -> None:
    pixels = pixels_of(a_scene())
    for budget in range(100_000, 500_000, 50_000):
        fitted = fit(pixels, Resize(max_bytes=budget), guess=90)
        assert fitted.encodes <= 2
        assert len(fitted.data) <= budget


def test_a_picture_unlike_its_sample_still_fits() -> None:
    """Half of it even, half of it noise, in the very rows that are not looked at."""
    values = np.full((1600, 1600, 3), 128, dtype=np.uint8)
    values[800:] = np.random.default_rng(0).integers(0, 255, (800, 1600, 3), dtype=np.uint8)
    for top in range(0, 1600, 16):
        if (top // 16) % 33 < 4:
            values[top : top + 16] = 128
    data = saved(Image.fromarray(values), "BMP")

    for budget in (150_000, 400_000, 900_000):
        assert len(encode_image(data, Resize(max_bytes=budget)).data) <= budget


def test_a_small_file_is_not_blown_up_to_fill_the_budget() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    data = saved(a_scene((400, 300)), "JPEG", quality=80, exif=turned)

    assert len(encode_image(data, LIMITS).data) < 2 * len(data)


def test_what_would_need_fewer_pixels_than_allowed_cannot_fit() -> None:
    data = saved(noise((900, 900)), "BMP")

    with pytest.raises(UnreadableImageError, match="cannot fit: still too large at 700 x 700"):
        encode_image(data, Resize(max_bytes=20_000, min_edge=700))
    assert min(opened(encode_image(data, Resize(max_bytes=200_000, min_edge=300))).size) >= 300


def test_qualities_and_their_steps_are_each_others_inverse() -> None:
    assert [quality_of(step_of(quality)) for quality in range(1, 100)] == list(range(1, 100))
    assert step_of(BEST_QUALITY) < step_of(50) < step_of(10)
