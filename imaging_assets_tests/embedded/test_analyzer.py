"""What is special about `GradientEmbedder`: vectors that never move, and look-alikes that are near."""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageEnhance

from imaging_assets.embedded.analyzer import GradientEmbedder
from imaging_assets_tests.embedded.pictures import Picture, digits, encode, plain, scenes, shapes, textures

# Of `drawn()`, first six of 128.
PINNED = [0.073155, 0.055418, 0.040227, -0.199535, -0.065871, 0.105918]


def drawn() -> Image.Image:
    """Made of integers only, so that no library's rounding is in it."""
    y, x = np.mgrid[0:64, 0:64]
    return Image.fromarray(np.stack([x * 4, (x // 8 + y // 8) % 2 * 200, y * 3], axis=2).astype(np.uint8))


def shared_tags_among_nearest(pictures: Sequence[Picture], count: int = 10) -> float:
    vectors = GradientEmbedder().embed([picture.data for picture in pictures])
    likeness: npt.NDArray[np.float32] = vectors @ vectors.T
    np.fill_diagonal(likeness, -1)
    tags = np.array([picture.tags[0] for picture in pictures])
    return float((tags[np.argsort(-likeness, axis=1)[:, :count]] == tags[:, None]).mean())


def test_vectors_do_not_move_within_a_release() -> None:
    embedder = GradientEmbedder()
    vector = embedder.embed([encode(drawn(), "PNG")])[0]
    # When this fails, vectors in people's stores no longer match new ones: raise the id together with these numbers.
    assert embedder.embedding_id == "gradient-1"
    assert vector[:6] == pytest.approx(PINNED, abs=1e-4)


def test_near_duplicates_are_the_nearest_of_all() -> None:
    pictures = scenes(60, seed=3)
    originals = [Image.open(io.BytesIO(picture.data)).convert("RGB") for picture in pictures]
    embedder = GradientEmbedder()
    known = embedder.embed([picture.data for picture in pictures])
    copies = {
        "encoded again": [encode(image, quality=40) for image in originals],
        "resized": [encode(image.resize((300, 225), Image.Resampling.LANCZOS), "PNG") for image in originals],
        "brighter": [encode(ImageEnhance.Brightness(image).enhance(1.1), "PNG") for image in originals],
    }
    for name, images in copies.items():
        nearest = (embedder.embed(images) @ known.T).argmax(axis=1)
        assert np.array_equal(nearest, np.arange(len(pictures))), name


@pytest.mark.slow
def test_ten_nearest_neighbours_mostly_show_the_same_thing() -> None:
    assert shared_tags_among_nearest(digits()[0][:600]) >= 0.9
    assert shared_tags_among_nearest(textures(20)[0]) >= 0.6
    assert shared_tags_among_nearest(scenes(120, seed=1)) >= 0.8


def test_blank_pictures_of_any_tone_have_a_direction() -> None:
    blanks = [encode(Image.new("RGB", (40, 30), tone), "PNG") for tone in ("black", "white", "gray", (128, 127, 128))]
    assert np.linalg.norm(GradientEmbedder().embed(blanks), axis=1) == pytest.approx(1, abs=1e-5)


def test_different_things_are_less_alike_than_equal_ones() -> None:
    vectors = GradientEmbedder().embed([picture.data for picture in [*plain(["red"], 2), *shapes(1, seed=1)]])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
