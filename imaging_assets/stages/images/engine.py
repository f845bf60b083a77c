"""The image engine of one run: images in from many threads, at bounded memory and without fear of their decoders.

Belongs here: where an image is worked on and how many at once. Does not: what is done with it (`encode`), how a decoder is shut
away (`sandbox`).
"""

import atexit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Condition
from types import TracebackType
from typing import Self

from typing_extensions import override

from imaging_assets.policies import Resize
from imaging_assets.stages.images.encode import EncodedImage, encode_image
from imaging_assets.stages.images.sandbox import Sandbox, needs_sandbox

_PIXELS_PER_WORKER = 50_000_000  # at 4 to 8 bytes each


class PixelGate:
    """Lets images in while there is room for their pixels; one that is larger than all room goes in alone."""

    def __init__(self, room: int) -> None:
        self._room = self._free = room
        self._changed = Condition()

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Wait for room, and keep it."""
        taken = min(pixels, self._room)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= taken)
            self._free -= taken
        try:
            yield
        finally:
            with self._changed:
                self._free += taken
                self._changed.notify_all()


class ImageEngine:
    """Encodes images; to be closed, which ends its processes. In another process it becomes the one engine of that process."""

    def __init__(self, limits: Resize) -> None:
        self._limits = limits
        self._gate = PixelGate(_PIXELS_PER_WORKER * limits.workers)
        self._sandbox = Sandbox(limits)

    @override
    def __reduce__(self) -> tuple[Callable[[Resize], "ImageEngine"], tuple[Resize]]:
        return _of_this_process, (self._limits,)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._sandbox.close()

    def encode(self, data: bytes) -> EncodedImage:
        """As `encode_image`, from any thread.

        Raises:
            UnreadableImageError: The image cannot be used, or its decoder took too long or died.
        """
        if not needs_sandbox(data):
            return encode_image(data, self._limits, self._gate.hold)
        with self._gate.hold(_PIXELS_PER_WORKER):  # how many they are, only the decoder may find out
            return self._sandbox.encode(data)


@cache
def _of_this_process(limits: Resize) -> ImageEngine:
    """Lives as long as the worker process, so that decoders need not start again for every image."""
    engine = ImageEngine(limits)
    atexit.register(engine.__exit__, None, None, None)
    return engine
