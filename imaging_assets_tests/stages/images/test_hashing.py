"""Look-alikes differ in few bits of their hash, different pictures in many."""

import io
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from imaging_assets.stages.images.hashing import as_bits, distances, forms, perceptual_hash
from imaging_assets_tests.builders import a_picture

NEAR = 4


def picture(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    return Image.open(io.BytesIO(a_picture(seed, size, "PNG"))).convert("RGB")


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def distance(one: Image.Image, other: Image.Image) -> int:
    bits = as_bits([perceptual_hash(one), perceptual_hash(other)])
    return int(distances(bits[0], bits[1:])[0])


LOOK_ALIKES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "the same": lambda image: image,
    "re-encoded at quality 90": lambda image: as_jpeg(image, 90),
    "re-encoded at quality 30": lambda image: as_jpeg(image, 30),
    "half the size": lambda image: image.resize((160, 120)),
    "thrice the size": lambda image: image.resize((960, 720)),
    "a thumbnail": lambda image: image.resize((96, 72)),
    "a little stretched": lambda image: image.resize((320, 250)),
    "brighter": lambda image: image.point(lambda value: value * 0.8 + 30),
    "less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.7),
    "grey": lambda image: image.convert("L"),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
}


@pytest.mark.parametrize("change", LOOK_ALIKES)
@pytest.mark.parametrize("seed", range(4))
def test_a_changed_copy_stays_within_four_bits(change: str, seed: int) -> None:
    original = picture(seed)

    assert distance(original, LOOK_ALIKES[change](original)) <= NEAR


def test_different_pictures_are_far_apart() -> None:
    hashes = as_bits([perceptual_hash(picture(seed)) for seed in range(40)])

    far = [int(distances(hashes[one], hashes[other : other + 1])[0]) for one, other in combinations(range(40), 2)]

    assert min(far) > 3 * NEAR


@pytest.mark.parametrize("turn", Image.Transpose)
@pytest.mark.parametrize("seed", range(4))
def test_a_turned_or_mirrored_picture_is_the_same_picture(turn: Image.Transpose, seed: int) -> None:
    original = picture(seed)

    assert distance(original, original.transpose(turn)) <= 1
    assert distance(original, as_jpeg(original.transpose(turn).resize((200, 150)), 60)) <= NEAR


def test_all_eight_forms_follow_from_one_hash() -> None:
    original = picture(3, (256, 256))
    turned = as_bits([perceptual_hash(original.transpose(turn)) for turn in Image.Transpose])

    eight = forms(as_bits([perceptual_hash(original)]))[:, 0]

    assert len(set(eight.tolist())) == 8
    for other in turned:
        assert int(np.bitwise_count(eight ^ other).min()) <= 1
    assert forms(as_bits([])).shape == (8, 0)


def test_a_hash_is_16_hex_digits_and_the_same_in_every_release() -> None:
    """A hash of one release is compared with those of another: they are kept in manifests."""
    tones = np.add.outer(np.arange(64) ** 2 // 16, 7 * np.arange(64) % 90).astype(np.uint8)

    assert perceptual_hash(Image.fromarray(tones)) == "00007f807f806dd7"


@pytest.mark.parametrize("mode", ["RGB", "L", "1"])
@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (31, 33)])
def test_the_oddest_sizes_and_even_pictures_have_a_hash(mode: str, size: tuple[int, int]) -> None:
    assert len(perceptual_hash(Image.new(mode, size))) == 16


def even(*colour: int, size: tuple[int, int] = (100, 70)) -> Image.Image:
    return Image.new("RGB", size, colour)


def test_pictures_of_one_colour_are_alike_only_in_the_same_colour() -> None:
    colours = [(0, 0, 0), (255, 255, 255), (128, 128, 128), (250, 0, 0), (0, 130, 0), (40, 40, 255)]

    for one, other in combinations(colours, 2):
        assert distance(even(*one), even(*other)) > 2 * NEAR
    for colour in colours:
        assert distance(even(*colour), even(*colour, size=(31, 500))) == 0
        assert distance(even(*colour), picture(1)) > 2 * NEAR


def test_colours_of_equal_brightness_still_make_a_picture() -> None:
    halves = even(200, 0, 0)
    halves.paste((0, 102, 0), (0, 0, 50, 70))
    others = even(0, 102, 0)

    assert distance(halves, others) > NEAR


def test_distances_count_differing_bits() -> None:
    hashes = as_bits(["0000000000000000", "8000000000000001", "00000000000000ff"])

    assert distances(hashes[0], hashes).tolist() == [0, 2, 8]
    assert distances(hashes[1], hashes).tolist() == [2, 0, 8]
    assert as_bits([]).size == 0
    assert distances(hashes[0], as_bits([])).size == 0
