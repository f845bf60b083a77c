"""A process of its own for decoders that are not trusted: one that hangs, dies or eats memory costs one image.

Belongs here: which bytes need it, the process, its limits and its death. Does not: what is done with an image (`encode`).

libjpeg-turbo, zlib and Pillow's own GIF and BMP decoders work in this process's threads; libtiff, libwebp and the AVIF and HEIC
decoders, and JPEGs with absurdly many scans, in a worker. It is a plain program (not `multiprocessing`, which would run the
caller's `__main__` again) that lives for many images and is replaced after it was killed.
"""

import os
import pickle
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

from imaging_assets.errors import UnreadableImageError
from imaging_assets.policies import Resize
from imaging_assets.stages.images.encode import EncodedImage, encode_image
from imaging_assets.stages.images.rewrite import scans

_RISKY = (b"RIFF", b"II", b"MM")  # WebP, TIFF
_JPEG = b"\xff\xd8\xff"
_MOST_SCANS = 64
_LENGTH = 8


def needs_sandbox(data: bytes) -> bool:
    """Whether these bytes go to a decoder that might hang or die of them."""
    if data.startswith(_JPEG):
        return scans(data) > _MOST_SCANS
    return data.startswith(_RISKY) or data[4:8] == b"ftyp"  # AVIF, HEIC


class Sandbox:
    """Runs `encode_image` in worker processes; of use to many threads at once, each with a worker of its own."""

    def __init__(self, limits: Resize) -> None:
        self._limits = limits
        self._idle: SimpleQueue[_Worker] = SimpleQueue()

    def encode(self, data: bytes) -> EncodedImage:
        """As `encode_image`.

        Raises:
            UnreadableImageError: As there, and when the decoder took too long or died.
        """
        try:
            worker = self._idle.get_nowait()
        except Empty:
            worker = _Worker(self._limits)
        try:
            return worker.encode(data)
        finally:
            if worker.alive:
                self._idle.put(worker)

    def close(self) -> None:
        """End the workers; a later image starts new ones."""
        with suppress(Empty):
            while True:
                self._idle.get_nowait().kill()


class _Worker:
    """One process, for one image at a time."""

    def __init__(self, limits: Resize) -> None:
        self.alive = True
        self._limits = limits
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(limits.decoder_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def encode(self, data: bytes) -> EncodedImage:
        """The worker's answer, or the reason why there is none."""
        seconds = self._limits.decoder_seconds
        late = threading.Timer(seconds, self.kill)
        late.start()
        try:
            assert self._process.stdin
            assert self._process.stdout
            _send(self._process.stdin, (data, self._limits))
            answer = _receive(self._process.stdout)
        except (OSError, EOFError) as error:
            in_time = self.alive
            self.kill()
            if in_time:
                raise UnreadableImageError("decoder died", f"exit status {self._process.returncode}") from error
            raise UnreadableImageError("decoder took too long", f"more than {seconds:g} s") from error
        finally:
            late.cancel()
        if isinstance(answer, UnreadableImageError):
            raise answer
        found: EncodedImage = answer
        return found

    def kill(self) -> None:
        """End it, whatever it is at."""
        self.alive = False
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe:
                    pipe.close()


def _send(pipe: IO[bytes], message: Any) -> None:
    content = pickle.dumps(message, protocol=5)
    pipe.write(len(content).to_bytes(_LENGTH, "big"))
    pipe.write(content)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    length = pipe.read(_LENGTH)
    if len(length) < _LENGTH:
        raise EOFError
    content = pipe.read(int.from_bytes(length, "big"))
    return pickle.loads(content)  # noqa: S301 - from a process of this very program


def _serve(memory: int) -> None:
    """The worker: answers until its input ends."""
    _limit_memory(memory)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a decoder that prints must not spoil the answers
    with suppress(EOFError, BrokenPipeError):
        while True:
            data, limits = _receive(sys.stdin.buffer)
            try:
                _send(answers, encode_image(data, limits))
            except UnreadableImageError as error:
                _send(answers, UnreadableImageError(error.reason, error.detail))


def _limit_memory(memory: int) -> None:
    """Let the process take so much more address space than the libraries took when they were loaded."""
    with suppress(ImportError, ValueError, OSError):  # only Linux has all of it
        import resource  # noqa: PLC0415

        taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + memory, taken + memory))


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
