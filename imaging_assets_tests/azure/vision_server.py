"""A local Azure AI Vision: Image Analysis 4.0 and multimodal embeddings over HTTP, as far as the product uses them.

Belongs here: addresses, keys, refusals, throttling, and answers that follow from the pixels sent. Does not: expectations.

Requests and answers of Image Analysis are checked against Microsoft's OpenAPI file where that is at hand. Embeddings have none; their
contract is that of the documentation (facts: api-version 2024-02-01, 1,024 numbers, the model's version beside them).
"""

import hashlib
import io
import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image, UnidentifiedImageError
from typing_extensions import override

from imaging_assets_tests.azure.openapi import SPECS, Contract

KEY = "the-key-of-the-vision-resource"
EMBEDDING_MODEL = "2023-04-15"
_ANALYZE, _EMBED = "/computervision/imageanalysis:analyze", "/computervision/retrieval:vectorizeImage"
_FEATURES = {"tags", "caption", "denseCaptions", "objects", "people", "read", "smartCrops"}
_SPEC = SPECS / "imageanalysis/2023-10-01/generated.json"

Json = dict[str, Any]


class RefusalError(Exception):
    """An error answer."""

    def __init__(self, status: int, code: str, message: str, inner: str = "", retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after
        detail = {"innererror": {"code": inner, "message": message}} if inner else {}
        self.body = {"error": {"code": code, "message": message, **detail}}


@dataclass
class VisionService:
    """What the service knows.

    Attributes:
        faults: Refusals that the next requests meet, in order.
        captions: Whether the region has them.
        asked: Path and query of every request.
        wrong: What was against the contract; tests want it empty.
    """

    endpoint: str = ""
    captions: bool = True
    faults: deque[RefusalError] = field(default_factory=deque)
    asked: list[tuple[str, Mapping[str, list[str]]]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def answer(self, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str], body: bytes) -> Json:
        """The answer to a POST; raises RefusalError."""
        self.asked.append((path, query))
        if headers.get("Ocp-Apim-Subscription-Key") != KEY:
            raise RefusalError(401, "401", "Access denied due to invalid subscription key or wrong API endpoint.")
        if self.faults:
            raise self.faults.popleft()
        if path == _ANALYZE and query.get("api-version") == ["2023-10-01"]:
            return self._analyze(query, body)
        if path == _EMBED and query.get("api-version") == ["2024-02-01"]:
            return self._embed(query, body)
        raise RefusalError(404, "404", "Resource not found")

    def _analyze(self, query: Mapping[str, list[str]], body: bytes) -> Json:
        features = query["features"][0].split(",")
        if unknown := set(features) - _FEATURES:
            raise RefusalError(400, "InvalidRequest", f"Visual feature {unknown} is unknown.", "BadArgument")
        if "caption" in features and not self.captions:
            raise RefusalError(
                400, "InvalidRequest", "The feature 'Caption' is not supported in this region.", "NotSupportedVisualFeature"
            )
        pixels = _pixels(body, least=50)
        height, width = pixels.shape[:2]
        name = ("red", "green", "blue")[int(pixels.mean(axis=(0, 1)).argmax())]
        box = {"x": 0, "y": 0, "w": width // 2, "h": height}
        corners = [{"x": x, "y": y} for x, y in ((10, 20), (110, 20), (110, 40), (10, 40))]
        word = {"text": "LOT", "boundingPolygon": corners, "confidence": 0.9}
        results: Json = {
            "tags": ("tagsResult", {"values": [{"name": name, "confidence": 0.98}, {"name": "unsure", "confidence": 0.2}]}),
            "caption": ("captionResult", {"text": f"a {name} picture", "confidence": 0.7}),
            "objects": ("objectsResult", {"values": [{"boundingBox": box, "tags": [{"name": "wall", "confidence": 0.8}]}]}),
            "people": ("peopleResult", {"values": [{"boundingBox": box, "confidence": sure} for sure in (0.9, 0.01)]}),
            "read": (
                "readResult",
                {"blocks": [{"lines": [{"text": "LOT 7", "boundingPolygon": corners, "words": [word, word | {"text": "7"}]}]}]},
            ),
        }
        model = query.get("model-version", ["latest"])[0].replace("latest", "2023-10-01")
        told = dict(results[feature] for feature in features if feature in results)
        return {"modelVersion": model, "metadata": {"width": width, "height": height}, **told}

    def _embed(self, query: Mapping[str, list[str]], body: bytes) -> Json:
        model = query.get("model-version", [""])[0]
        if model not in (EMBEDDING_MODEL, "2022-04-11"):
            raise RefusalError(400, "InvalidRequest", f"Model version {model} is not supported.", "InvalidModelVersion")
        mean = _pixels(body, least=10).mean(axis=(0, 1))
        seed = int.from_bytes(hashlib.sha256(model.encode()).digest()[:4], "big")
        vector = np.random.default_rng(seed).normal(size=(1024, 3)) @ mean
        return {"modelVersion": EMBEDDING_MODEL, "vector": [float(value) for value in vector]}


def _pixels(body: bytes, *, least: int) -> Any:
    try:
        picture = Image.open(io.BytesIO(body)).convert("RGB")
    except (UnidentifiedImageError, OSError):
        raise RefusalError(400, "InvalidRequest", "Input data is not a valid image.", "InvalidImageFormat") from None
    if not all(least <= side <= 16_000 for side in picture.size):
        raise RefusalError(400, "InvalidRequest", f"The image's sides must be {least} to 16000 pixels.", "InvalidImageSize")
    return np.asarray(picture, np.float64)


@contextmanager
def a_vision_service() -> Iterator[VisionService]:
    """A running service, until the block ends."""
    service = VisionService()
    contract = Contract(_SPEC) if _SPEC.is_file() else None

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Answer one request."""
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            query, headers = parse_qs(url.query), dict(self.headers.items())
            try:
                status, told, wait = 200, service.answer(url.path, query, headers, body), None
            except RefusalError as refusal:
                status, told, wait = refusal.status, refusal.body, refusal.retry_after
            if contract and url.path == _ANALYZE:
                below = url.path.removeprefix("/computervision")
                service.wrong += contract.response_faults("POST", below, status, told) if status == 200 else []
                faults = contract.request_faults("POST", below, query, headers, "binary")
                service.wrong += [fault for fault in faults if not fault.startswith("body: ")]
            data = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if wait is not None:
                self.send_header("Retry-After", str(wait))
            self.end_headers()
            self.wfile.write(data)

        @override
        def log_message(self, format: str, *args: object) -> None:
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        service.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
