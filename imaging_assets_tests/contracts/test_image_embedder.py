"""What every `ImageEmbedder` promises. A further implementation joins with a builder in `EMBEDDERS`."""

from collections.abc import Callable

import numpy as np
import pytest

from imaging_assets.embedded.analyzer import GradientEmbedder
from imaging_assets.ports.analyzer import ImageEmbedder
from imaging_assets_tests.embedded.pictures import plain, scenes

EmbedderBuilder = Callable[[], ImageEmbedder]

EMBEDDERS = [pytest.param(GradientEmbedder, id="gradient")]

every_embedder = pytest.mark.parametrize("build", EMBEDDERS)

IMAGES = [picture.data for picture in [*scenes(4, seed=1), *plain(["grey", "red"], 1)]]


@every_embedder
def test_vectors_are_float32_of_the_promised_length_and_of_length_one(build: EmbedderBuilder) -> None:
    embedder = build()
    vectors = embedder.embed(IMAGES)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(IMAGES), embedder.dimensions)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


@every_embedder
def test_equal_bytes_get_equal_vectors_alone_among_others_and_from_another_instance(build: EmbedderBuilder) -> None:
    together = build().embed(IMAGES)
    alone = np.concatenate([build().embed([image]) for image in IMAGES])
    assert np.array_equal(together, alone)


@every_embedder
def test_an_undecodable_image_gets_zeros_and_does_not_disturb_the_others(build: EmbedderBuilder) -> None:
    embedder = build()
    vectors = embedder.embed([IMAGES[0], b"not an image", b"", IMAGES[1]])
    assert not vectors[1:3].any()
    assert np.array_equal(vectors[[0, 3]], embedder.embed(IMAGES[:2]))


@every_embedder
def test_no_image_gives_no_row(build: EmbedderBuilder) -> None:
    embedder = build()
    assert embedder.embed([]).shape == (0, embedder.dimensions)


@every_embedder
def test_the_id_is_the_same_for_every_instance(build: EmbedderBuilder) -> None:
    assert build().embedding_id == build().embedding_id != ""
