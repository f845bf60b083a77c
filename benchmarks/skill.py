"""Speed of the custom skill over 2000 x 2000 pictures, against the bare work and against a server written like FastAPI's template.

*Bare* is base64, decode, preprocess and onnxruntime over the same records in one process, without HTTP. The *template* is one
`async def` route with pydantic models that does the same bare work in a loop, with onnxruntime as it comes. Both use this
project's own decoding and the same model, so that the difference is the server alone. Clients keep their connections and send
bodies made beforehand.
"""

import base64
import http.client
import io
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imaging_assets.backends import build, create_store
from imaging_assets.embedded.decoding import decode_pixels
from imaging_assets.embedded.onnx_session import PixelSession
from imaging_assets.records.models import TrainingImage
from imaging_assets.settings import Settings
from imaging_assets.stages.digests import sha256_of
from imaging_assets.stages.models.registry import Registry

EDGE, CLIENTS, KEY = 2000, 16, "bench"
_SERVE = "import sys; from imaging_assets.cli import main; sys.argv[0] = 'imaging-assets'; main()"


def rows(seconds: float = 10.0, load_seconds: float = 120.0) -> Iterator[dict[str, object]]:
    """One row per figure: {name, ours, peer, unit, ratio, goal, holds}."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        model = make_model(home)
        pictures = [base64.b64encode(a_photo(seed)).decode() for seed in range(16)]
        ones = [a_body([picture]) for picture in pictures]
        sixteen = [a_body(pictures)]
        with ours(folder) as (port, process), template(model) as (other, _):
            bare, served = latencies(model, pictures, port, ones)
            yield _row(f"p50, 1 record of {EDGE} x {EDGE}", served, bare, "ms", served / bare, 1.3, holds=served <= 1.3 * bare)
            for name, bodies, records, goal in (("1 record", ones, 1, 1.5), ("16 records", sixteen, 16, 2.0)):
                rates = [
                    (throughput(port, bodies, records, seconds), throughput(other, bodies, records, seconds)) for _ in range(3)
                ]
                mine, theirs = (statistics.median(column) for column in zip(*rates, strict=True))
                yield _row(
                    f"{CLIENTS} clients, {name} per call",
                    mine,
                    theirs,
                    "records/s",
                    mine / theirs,
                    goal,
                    holds=mine >= goal * theirs,
                )
            yield from load(port, process.pid, ones, load_seconds)


def make_model(home: Path) -> bytes:
    """Train and publish a small model in a new store; returns its ONNX bytes."""
    settings = Settings(home=home, training={"budget_seconds": 0.001})
    create_store(settings)
    pipeline = build(settings)
    images = []
    for seed in range(24):
        data = a_photo(seed, edge=128)
        digest = sha256_of(data)
        pipeline.store.write(f"resized/{digest}.jpg", data)
        images.append(TrainingImage(digest, f"resized/{digest}.jpg", (f"tag{seed % 3}",), (), digest, "train"))
    pipeline.trainer.train("bench", images, lambda blob: pipeline.store.read(blob).data, lambda _: None)
    Registry(pipeline.store).publish("bench", "for the benchmark")
    return pipeline.store.read("models/bench/model.onnx").data


def a_photo(seed: int, edge: int = EDGE) -> bytes:
    """A JPEG with the shapes, and about the noise, of a photo."""
    random = np.random.default_rng(seed)
    shapes = Image.fromarray(random.integers(0, 255, (edge // 32, edge // 32, 3), dtype=np.uint8)).resize(
        (edge, edge), Image.Resampling.BICUBIC
    )
    noisy = np.asarray(shapes).astype(np.int16) + random.normal(0, 6, (edge, edge, 1)).astype(np.int16)
    buffer = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def a_body(pictures: Sequence[str]) -> bytes:
    """A call as an indexer sends it."""
    images = [
        {"$type": "file", "data": picture, "width": EDGE, "height": EDGE, "contentType": "image/jpeg"} for picture in pictures
    ]
    return json.dumps(
        {"values": [{"recordId": str(number), "data": {"images": image}} for number, image in enumerate(images)]}
    ).encode()


def latencies(model: bytes, pictures: Sequence[str], port: int, bodies: Sequence[bytes]) -> tuple[float, float]:
    """Median ms of the bare work and of a call, taken by turns so that both see the same machine."""
    session = PixelSession(model)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    bare, served = [], []
    for turn in range(160):
        picture, body = pictures[turn % len(pictures)], bodies[turn % len(bodies)]
        bare.append(_seconds(lambda picture=picture: session.run(decode_pixels(base64.b64decode(picture))[None])))  # type: ignore[misc]
        served.append(_seconds(lambda body=body: call(connection, body)))  # type: ignore[misc]
    connection.close()
    return statistics.median(bare[10:]) * 1000, statistics.median(served[10:]) * 1000


def throughput(port: int, bodies: Sequence[bytes], records: int, seconds: float) -> float:
    """Records a second that all clients together get answered."""
    answered, failed, took = drive(port, bodies, seconds)
    assert not failed, f"{failed} calls failed"
    return answered * records / took


def load(port: int, pid: int, bodies: Sequence[bytes], seconds: float) -> Iterator[dict[str, object]]:
    """Errors and memory of the server under all clients for a while."""
    memory: list[float] = []
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(pid, memory, done))
    watcher.start()
    answered, failed, _ = drive(port, bodies, seconds)
    done.set()
    watcher.join()
    quarter = len(memory) // 4
    early, late = statistics.median(memory[quarter : 2 * quarter]), statistics.median(memory[-quarter:])
    yield _row(f"{seconds:.0f} s of load: errors in {answered} calls", failed, None, "errors", None, 0, holds=failed == 0)
    yield _row(
        "memory of the server, last quarter / second quarter", late, early, "MB", late / early, 1.05, holds=late <= 1.05 * early
    )


def drive(port: int, bodies: Sequence[bytes], seconds: float) -> tuple[int, int, float]:
    """Calls answered well, calls that failed, and the time taken."""
    good, bad = [0] * CLIENTS, [0] * CLIENTS
    started = time.perf_counter()
    ends = started + seconds

    def ask(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        turn = number
        while time.perf_counter() < ends:
            if call(connection, bodies[turn % len(bodies)]):
                good[number] += 1
            else:
                bad[number] += 1
            turn += 1
        connection.close()

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return sum(good), sum(bad), time.perf_counter() - started


def call(connection: http.client.HTTPConnection, body: bytes) -> bool:
    """Whether a call was answered, every record without an error."""
    headers = {"Content-Type": "application/json", "Ocp-Apim-Subscription-Key": KEY}
    connection.request("POST", "/api/extraction", body, headers)
    response = connection.getresponse()
    answer = response.read()
    return response.status == http.client.OK and b'"message"' not in answer


@contextmanager
def ours(folder: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """`imaging-assets serve` with its defaults."""
    environment = {"IMAGING_HOME": "home", "IMAGING_SERVE__KEY": KEY}
    with _server(lambda port: [sys.executable, "-c", _SERVE, "serve", "--port", str(port)], folder, environment) as running:
        yield running


@contextmanager
def template(model: bytes) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The template's server over a model."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.onnx").write_bytes(model)
        root = str(Path(__file__).parents[1])
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "benchmarks.skill_template:app",
            "--app-dir",
            root,
            "--log-level",
            "warning",
            "--port",
        ]
        with _server(lambda port: [*command, str(port)], folder, {"KEY": KEY}) as running:
            yield running


@contextmanager
def _server(
    command: Callable[[int], list[str]], folder: str, variables: dict[str, str]
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = int(listening.getsockname()[1])
    log = Path(folder) / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command(port), cwd=folder, env={**os.environ, **variables}, stdout=output, stderr=output)
        try:
            _wait_for(port, process, log)
            yield port, process
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(log.read_text(encoding="utf-8"))
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the server did not start")


def _watch(pid: int, memory: list[float], done: threading.Event) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    while not done.wait(0.5):
        resident = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        memory.append(resident * page / 1e6)


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _row(  # noqa: PLR0917 - columns of a table
    name: str, ours: float, peer: float | None, unit: str, ratio: float | None, goal: float, *, holds: bool
) -> dict[str, object]:
    return {"name": name, "ours": ours, "peer": peer, "unit": unit, "ratio": ratio, "goal": goal, "holds": holds}
