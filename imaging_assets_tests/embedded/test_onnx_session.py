"""Running graphs over pixels: an image's answer does not depend on how many others are asked about."""

import numpy as np

from imaging_assets.embedded.decoding import SIDE
from imaging_assets.embedded.features import coarse_grid, gradient_correlations, write_features
from imaging_assets.embedded.onnx_graph import to_bytes
from imaging_assets.embedded.onnx_session import PixelSession


def test_an_image_is_answered_alike_alone_among_few_and_among_many() -> None:
    session = PixelSession(to_bytes(write_features([coarse_grid, gradient_correlations])))
    pixels = np.random.default_rng(0).integers(0, 255, (37, SIDE, SIDE, 3), dtype=np.uint8)

    alone = np.concatenate([session.run(pixels[place : place + 1]) for place in range(len(pixels))])

    assert np.array_equal(session.run(pixels[:7]), alone[:7])
    assert np.array_equal(session.run(pixels), alone)
