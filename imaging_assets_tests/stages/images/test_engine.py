"""A decoder that hangs, dies or eats memory costs one image; pixels in flight are bounded.

Belongs here: processes, signals, waiting. Does not: what an image becomes (`test_encode.py`).
"""

import io
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image

from imaging_assets.errors import UnreadableImageError
from imaging_assets.policies import Resize
from imaging_assets.stages.images.encode import encode_image
from imaging_assets.stages.images.engine import ImageEngine, PixelGate
from imaging_assets.stages.images.sandbox import Sandbox, needs_sandbox
from imaging_assets_tests.builders import a_picture

TIFF = a_picture(kind="TIFF")

needs_signals = pytest.mark.skipif(os.name != "posix", reason="a process can neither be stopped nor told why it ended there")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(Resize())
    yield sandbox
    sandbox.close()


def the_worker(sandbox: Sandbox) -> Any:
    """The one idle worker, back in its place."""
    worker = sandbox._idle.get()
    sandbox._idle.put(worker)
    return worker


def many_scans() -> bytes:
    """A progressive JPEG that says its first scan a hundred times: each costs a pass over all pixels."""
    data = a_picture(progressive=True)
    start = data.index(b"\xff\xda")
    end = data.index(b"\xff\xc4", start)
    return data[:end] + data[start:end] * 100 + data[end:]


def test_decoders_with_a_record_of_crashes_work_in_a_process_of_their_own() -> None:
    assert {kind for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF") if needs_sandbox(a_picture(kind=kind))} == {
        "TIFF",
        "WEBP",
        "AVIF",
    }
    assert needs_sandbox(many_scans())
    assert not any(needs_sandbox(data) for data in (b"", b"text", bytes(100)))


@pytest.mark.parametrize("kind", ["TIFF", "WEBP", "AVIF"])
def test_another_process_makes_the_same_of_an_image(sandbox: Sandbox, kind: str) -> None:
    data = a_picture(kind=kind)

    assert sandbox.encode(data) == encode_image(data, Resize())
    process = the_worker(sandbox)._process
    assert sandbox.encode(data) == encode_image(data, Resize())
    assert the_worker(sandbox)._process is process


def test_what_is_wrong_with_an_image_is_told_across_processes(sandbox: Sandbox) -> None:
    with pytest.raises(UnreadableImageError) as caught:
        sandbox.encode(TIFF[:400])

    assert caught.value.reason in {"damaged", "truncated"}
    assert caught.value.detail
    assert sandbox.encode(TIFF).status == "resized"


@needs_signals
def test_a_decoder_that_hangs_costs_one_image(sandbox: Sandbox) -> None:
    sandbox.encode(TIFF)
    worker = the_worker(sandbox)
    worker._limits = Resize(decoder_seconds=1)  # which a start alone may take on a busy machine
    os.kill(worker._process.pid, signal.SIGSTOP)

    with pytest.raises(UnreadableImageError, match="decoder took too long: more than 1 s"):
        sandbox.encode(TIFF)

    assert worker._process.poll() is not None
    assert sandbox.encode(TIFF).status == "resized"


@needs_signals
def test_a_decoder_that_dies_costs_one_image(sandbox: Sandbox) -> None:
    sandbox.encode(TIFF)
    worker = the_worker(sandbox)._process
    worker.kill()
    worker.wait()

    with pytest.raises(UnreadableImageError, match="decoder died: exit status -9"):
        sandbox.encode(TIFF)

    assert sandbox.encode(TIFF).status == "resized"


@needs_signals
def test_a_decoder_that_dies_at_work_costs_one_image(sandbox: Sandbox) -> None:
    sandbox.encode(TIFF)
    worker = the_worker(sandbox)._process
    os.kill(worker.pid, signal.SIGSTOP)
    threading.Timer(0.3, worker.kill).start()

    with pytest.raises(UnreadableImageError, match="decoder died"):
        sandbox.encode(TIFF)


def test_memory_of_a_decoder_is_bounded() -> None:
    buffer = io.BytesIO()
    Image.new("1", (18_000, 18_000)).save(buffer, "TIFF", compression="group4")
    sandbox = Sandbox(Resize(max_pixels=400_000_000, decoder_bytes=600_000_000))

    with pytest.raises(UnreadableImageError) as caught:
        sandbox.encode(buffer.getvalue())

    assert caught.value.reason in {"too many pixels", "damaged", "decoder died"}
    assert sandbox.encode(TIFF).status == "resized"
    sandbox.close()


def test_workers_end_with_the_engine() -> None:
    with ImageEngine(Resize(workers=2)) as engine, ThreadPoolExecutor(2) as pool:
        assert {image.status for image in pool.map(engine.encode, [TIFF, a_picture(), TIFF, many_scans(), TIFF])} == {
            "resized",
            "passed",
        }
        workers = [the_worker(engine._sandbox)]

    assert [worker._process.poll() is not None for worker in workers] == [True]


def test_images_wait_until_there_is_room_for_their_pixels() -> None:
    gate = PixelGate(100)
    inside: list[int] = []
    most: list[int] = []
    lock = threading.Lock()

    def go_in(pixels: int) -> None:
        with gate.hold(pixels):
            with lock:
                inside.append(pixels)
                most.append(sum(inside))
            time.sleep(0.005)
            with lock:
                inside.remove(pixels)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(go_in, [40, 30, 20, 60, 10, 90, 5, 50] * 5))

    assert max(most) <= 100
    assert len(most) == 40


def test_an_image_larger_than_all_room_goes_in_alone_and_failures_leave_room() -> None:
    gate = PixelGate(100)

    with gate.hold(1_000):
        pass
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.hold(100):
            raise ZeroDivisionError
    with gate.hold(100):
        pass
