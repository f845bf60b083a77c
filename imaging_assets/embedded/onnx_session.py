"""Running ONNX graphs whose input is pixels.

Belongs here: the one way onnxruntime is set up. Does not: writing graphs (`onnx_graph.py`).
Imported late: onnxruntime takes a fifth of a second.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import onnxruntime

from imaging_assets.embedded.decoding import Pixels

_THREADS = 2
_MANY = 16
"""So many images are worth threads of their own."""

_ERRORS_ONLY = 3


class PixelSession:
    """A loaded graph: uint8 pixels in, float32 [images, outputs] out. Safe to share between threads."""

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        # An image is too small to be shared out; several images go to several threads.
        options.intra_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def run(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """uint8 [images, side, side, 3] to float32 [images, outputs]; at least one image.

        One call per image is as fast as batches (the values stay in the cache), and batches of different sizes differ in the
        last bit: an image's answer must not depend on its neighbours.
        """
        if len(pixels) < _MANY:
            return self._run(pixels)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="score") as pool:
            return np.concatenate(list(pool.map(self._run, np.array_split(pixels, _THREADS))))

    def _run(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        return np.concatenate(
            [
                self._session.run(None, {self._input: pixels[place : place + 1].astype(np.float32)})[0]
                for place in range(len(pixels))
            ]
        )
