"""Custom Vision over HTTP: addresses, keys and tokens, throttling, faults on demand, counts of calls.

Belongs here: everything between a socket and `service.Service`. Does not: what the service knows or refuses.
"""

import json
import re
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit
from uuid import uuid4

from typing_extensions import override

from imaging_assets_tests.azure.custom_vision_server import service as rules
from imaging_assets_tests.azure.custom_vision_server.service import Json, Limits, Project, Refusal, Service
from imaging_assets_tests.azure.openapi import SPECS, Contract

TRAINING, PREDICTION = "/customvision/v3.4-preview/training", "/customvision/v3.1/prediction"
PREDICTION_RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/prediction"


@dataclass(frozen=True)
class Throttled:
    """429 as the gateway says it, with or without `Retry-After` (seconds)."""

    retry_after: int | None = None


@dataclass(frozen=True)
class Unavailable:
    """An error answer of the service or of the gateway before it; `done` lets the request take effect all the same."""

    status: int = 503
    done: bool = False


@dataclass(frozen=True)
class Cut:
    """The connection ends: before anything happens, or in the middle of the answer to what was `done`."""

    done: bool = False


@dataclass(frozen=True)
class NotNeeded:
    """What the service says to a training when nothing changed since the last one it remembers."""


Fault = Throttled | Unavailable | Cut | NotNeeded


@dataclass(frozen=True)
class Request:
    """What a handler gets."""

    query: Mapping[str, list[str]]
    body: Any

    def one(self, name: str, default: str = "") -> str:
        """A query value."""
        return self.query.get(name, [default])[0]

    def many(self, name: str) -> list[str]:
        """A query value that is an array, comma-joined or repeated."""
        return [part for whole in self.query.get(name, []) for part in whole.split(",")]

    def flag(self, name: str) -> bool:
        """A query value that is true or false."""
        return self.one(name).lower() == "true"


@dataclass(frozen=True)
class Answer:
    """What goes back; status 0 ends the connection without a word, `cut` in the middle of the body."""

    status: int
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


class CustomVisionServer:
    """Runs from entering the context (or `start`) until it is left (`close`).

    Attributes:
        calls: Number of answered requests by operation (`create_images_from_files`), the SDK's names.
        throttled: Requests refused because they came too fast.
        valid_tokens: Bearer tokens that are accepted beside the keys.
        service: The service behind it, to look at and to tamper with.
    """

    training_key = "training key 1f0e"
    prediction_key = "prediction key 2d3c"

    def __init__(self, limits: Limits = rules.S0) -> None:
        self.service = Service(limits, PREDICTION_RESOURCE)
        self.calls: Counter[str] = Counter()
        self.throttled = 0
        self.valid_tokens: set[str] = set()
        self._faults: dict[str, deque[Fault | None]] = defaultdict(deque)
        self._seen: dict[str, deque[float]] = defaultdict(deque)
        self._wrong: list[str] = []
        self._lock = threading.RLock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop; an AssertionError tells which requests or answers were against the contract."""
        self._http.shutdown()
        self._http.server_close()
        assert not self._wrong, "\n".join(self._wrong)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self._http.shutdown()
            self._http.server_close()

    def inject(self, operation: str, *faults: Fault | None) -> None:
        """What happens to the next requests of an operation, in order; None lets one pass."""
        self._faults[operation].extend(faults)

    @property
    def total(self) -> int:
        """All requests answered so far."""
        return sum(self.calls.values())

    def only_project(self) -> Project:
        """The one project there is."""
        (project,) = self.service.projects.values()
        return project

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> "Answer":
        """What a request gets."""
        url = urlsplit(target)
        operation, handler, values = _route(method, url.path)
        with self._lock:
            self.calls[operation] += 1
            fault = self._faults[operation].popleft() if self._faults[operation] else None
            if fault is not None and not getattr(fault, "done", False):
                return _fault_answer(fault)
            if refused := self._refused_at_the_gate(operation, url.path, headers, len(body)):
                return refused
            request = Request(parse_qs(url.query), _parsed(headers, body))
            status, answer = self._handled(handler, values, request)
            if wrong := self._against_contract(method, url.path, headers, request, status, answer):
                return Answer(400, _pretty({"code": "AgainstContract", "message": "; ".join(wrong)}))
        if isinstance(fault, Unavailable):
            return _fault_answer(fault)
        if isinstance(answer, bytes):
            return Answer(status, answer, {"Content-Type": "image/jpeg"})
        return Answer(status, _pretty(answer), cut=isinstance(fault, Cut))

    def _handled(self, handler: "Handler | None", values: list[str], request: Request) -> tuple[int, Any]:
        if handler is None:
            return 501, {"code": "NotImplemented", "message": "This server does not do that."}
        try:
            return handler(self, *values, request)
        except Refusal as refusal:
            return refusal.status, {"code": refusal.code, "message": str(refusal)}

    def _refused_at_the_gate(self, operation: str, path: str, headers: Mapping[str, str], size: int) -> "Answer | None":
        if path.startswith("/blobs/"):
            return None
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        key = ("Prediction-Key", self.prediction_key) if path.startswith(PREDICTION) else ("Training-Key", self.training_key)
        if token not in self.valid_tokens and headers.get(key[0]) != key[1]:
            reason = "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key."
            return Answer(401, _gateway(401, reason))
        if size > self.service.limits.request_bytes:
            return Answer(408, _pretty({"code": "RequestTimeout", "message": "The request timed out."}))
        return self._too_fast(operation, path)

    def _too_fast(self, operation: str, path: str) -> "Answer | None":
        limits = self.service.limits.tps
        if limits is None:
            return None
        kind = "prediction" if path.startswith(PREDICTION) else "train" if operation == "train_project" else "other"
        seen, moment = self._seen[kind], monotonic()
        while seen and moment - seen[0] >= 1:
            seen.popleft()
        if len(seen) >= limits[kind]:
            self.throttled += 1
            return _fault_answer(Throttled(1))
        seen.append(moment)
        return None

    def _against_contract(
        self, method: str, path: str, headers: Mapping[str, str], request: Request, *outcome: *tuple[int, object]
    ) -> list[str]:
        wrong: list[str] = []
        for base, contract in _contracts().items():
            if path.startswith(base):
                below = path.removeprefix(base)
                wrong += contract.request_faults(method, below, request.query, headers, request.body)
                wrong += contract.response_faults(method, below, *outcome)
        self._wrong += [f"{method} {path}: {fault}" for fault in wrong]
        return wrong

    def link(self, path: str) -> str:
        """A signed address of an image, good for a day."""
        ends = quote((rules.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"))
        return f"{self.endpoint}/blobs/{path}?sv=2017-04-17&sr=b&sig=c2lnbmVk&se={ends}&sp=r"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet, or every answer waits 40 ms for an acknowledgement
    disable_nagle_algorithm = True
    owner: CustomVisionServer

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.title(): value for name, value in self.headers.items()}
        answer = self.owner.answer(self.command, self.path, headers, body)
        if not answer.status:
            self.close_connection = True
            return
        content = answer.body or b""
        request_id = str(uuid4())
        self.send_response(answer.status)
        standard = {
            "Content-Type": "application/json; charset=utf-8",
            "apim-request-id": request_id,
            "Request-Id": request_id,
            "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
            "X-Content-Type-Options": "nosniff",
            "Content-Length": str(len(content)),
        }
        for name, value in {**standard, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if answer.cut else content)
        self.close_connection = self.close_connection or answer.cut

    do_GET = do_POST = do_PATCH = do_DELETE = _serve

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing; tests look at counts."""


Handler = Callable[..., tuple[int, Any]]
_ROUTES: list[tuple[str, re.Pattern[str], str, Handler]] = []


def _on(method: str, path: str, *, base: str = TRAINING) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        pattern = re.compile(re.sub(r"\{\w+\}", "([^/]+)", base + path))
        _ROUTES.append((method, pattern, handler.__name__, handler))
        return handler

    return register


def _route(method: str, path: str) -> tuple[str, Handler | None, list[str]]:
    for verb, pattern, name, handler in _ROUTES:
        if verb == method and (found := pattern.fullmatch(path)):
            return name, handler, [unquote(value) for value in found.groups()]
    return f"{method} {path}", None, []


@_on("GET", "/domains")
def get_domains(server: CustomVisionServer, request: Request) -> tuple[int, Any]:
    del server, request
    names = ("id", "name", "type", "exportable", "enabled", "exportablePlatforms", "modelInformation")
    return 200, [
        dict(zip(names, (key, name, kind, compact, True, ["ONNX"] if compact else [], None), strict=True))
        for key, (name, kind, compact) in rules.DOMAINS.items()
    ]


@_on("GET", "/projects")
def get_projects(server: CustomVisionServer, request: Request) -> tuple[int, Any]:
    del request
    return 200, [rules.project_json(project) for project in reversed(server.service.projects.values())]


@_on("POST", "/projects")
def create_project(server: CustomVisionServer, request: Request) -> tuple[int, Any]:
    domain = request.one("domainId", rules.GENERAL)
    kind = request.one("classificationType") or None
    return 200, rules.project_json(server.service.create_project(request.one("name"), request.one("description"), domain, kind))


@_on("GET", "/projects/{project}")
def get_project(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    del request
    return 200, rules.project_json(server.service.project(project))


@_on("DELETE", "/projects/{project}")
def delete_project(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    del request
    server.service.project(project)
    del server.service.projects[project]
    return 204, None


@_on("GET", "/projects/{project}/tags")
def get_tags(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    found = server.service.project(project)
    if then := request.one("iterationId"):
        counts = found.iteration(then).counts
        return 200, [rules.tag_json(found, tag) | {"imageCount": counts[tag.id]} for tag in found.iteration(then).tags]
    return 200, [rules.tag_json(found, tag) for tag in found.tags.values()]


@_on("POST", "/projects/{project}/tags")
def create_tag(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    found = server.service.project(project)
    tag = server.service.create_tag(
        found, request.one("name"), request.one("description") or None, request.one("type", "Regular")
    )
    return 200, rules.tag_json(found, tag)


@_on("PATCH", "/projects/{project}/tags/{tag}")
def update_tag(server: CustomVisionServer, project: str, tag: str, request: Request) -> tuple[int, Any]:
    found = server.service.project(project)
    changed = found.tag(tag)
    changed.name, changed.description, changed.type = request.body["name"], request.body["description"], request.body["type"]
    return 200, rules.tag_json(found, changed)


@_on("DELETE", "/projects/{project}/tags/{tag}")
def delete_tag(server: CustomVisionServer, project: str, tag: str, request: Request) -> tuple[int, Any]:
    del request
    server.service.delete_tag(server.service.project(project), tag)
    return 204, None


@_on("GET", "/projects/{project}/images")
def get_images(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    found = server.service.project(project)
    status = request.one("taggingStatus", "All")
    images = [image for image in reversed(found.images.values()) if status == "All" or bool(image.tags) == (status == "Tagged")]
    start, take = int(request.one("skip", "0")), int(request.one("take", "50"))
    return 200, [rules.image_json(found, image, link=server.link) for image in images[start : start + take]]


@_on("GET", "/projects/{project}/images/count")
def get_image_count(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    del request
    return 200, len(server.service.project(project).images)


@_on("GET", "/projects/{project}/images/id")
def get_images_by_ids(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    found = server.service.project(project)
    wanted = request.many("imageIds")
    return 200, [rules.image_json(found, found.images[key], link=server.link) for key in wanted if key in found.images]


@_on("POST", "/projects/{project}/images/files")
def create_images_from_files(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    answer = server.service.add_images(server.service.project(project), request.body)
    return 200 if answer["isBatchSuccessful"] else 207, answer


@_on("POST", "/projects/{project}/images")
def create_images_from_data(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    found = server.service.project(project)
    answer = server.service.add_image(found, "imageData", request.body["imageData"], request.many("tagIds"))
    return 200 if answer["isBatchSuccessful"] else 207, answer


@_on("DELETE", "/projects/{project}/images")
def delete_images(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    images = server.service.project(project).images
    for key in list(images) if request.flag("allImages") else request.many("imageIds"):
        images.pop(key, None)
    return 202 if request.flag("allImages") or request.flag("allIterations") else 204, None


@_on("POST", "/projects/{project}/images/tags")
def create_image_tags(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    entries = request.body["tags"]
    if len(entries) > 64 or len({entry["tagId"] for entry in entries}) > 20:
        raise Refusal("BadRequestExceededBatchSize", "A batch holds 64 images and 20 tags.")
    return 200, server.service.change_tags(server.service.project(project), entries)


@_on("DELETE", "/projects/{project}/images/tags")
def delete_image_tags(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    images, tags = request.many("imageIds"), request.many("tagIds")
    if len(images) > 64 or len(tags) > 20:
        raise Refusal("BadRequestExceededBatchSize", "A batch holds 64 images and 20 tags.")
    found = server.service.project(project)
    for image in (found.images[key] for key in images if key in found.images):
        image.tags = {tag: given for tag, given in image.tags.items() if tag not in tags}
        image.regions = [region for region in image.regions if region.tag not in tags]
    return 204, None


@_on("POST", "/projects/{project}/images/regions")
def create_image_regions(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    if len(request.body["regions"]) > 64:
        raise Refusal("BadRequestExceededBatchSize", "A batch holds 64 regions.")
    return 200, server.service.add_regions(server.service.project(project), request.body["regions"])


@_on("DELETE", "/projects/{project}/images/regions")
def delete_image_regions(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    server.service.delete_regions(server.service.project(project), request.many("regionIds"))
    return 204, None


@_on("POST", "/projects/{project}/train")
def train_project(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    found, kind = server.service.project(project), request.one("trainingType", "Regular")
    iteration = server.service.train(
        found, kind, int(request.one("reservedBudgetInHours", "0")), force=request.flag("forceTrain")
    )
    return 200, rules.iteration_json(found, iteration)


@_on("GET", "/projects/{project}/iterations")
def get_iterations(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    del request
    found = server.service.project(project)
    newest_first = list(found.iterations.values())[::-1]
    return 200, [rules.iteration_json(found, server.service.poll(iteration)) for iteration in newest_first]


@_on("GET", "/projects/{project}/iterations/{iteration}")
def get_iteration(server: CustomVisionServer, project: str, iteration: str, request: Request) -> tuple[int, Any]:
    del request
    found = server.service.project(project)
    return 200, rules.iteration_json(found, server.service.poll(found.iteration(iteration)))


@_on("PATCH", "/projects/{project}/iterations/{iteration}")
def update_iteration(server: CustomVisionServer, project: str, iteration: str, request: Request) -> tuple[int, Any]:
    found = server.service.project(project)
    changed = found.iteration(iteration)
    if any(other.name == request.body["name"] and other is not changed for other in found.iterations.values()):
        raise Refusal("BadRequestIterationNameNotUnique", "The iteration name is not unique.")
    changed.name = request.body["name"]
    return 200, rules.iteration_json(found, changed)


@_on("DELETE", "/projects/{project}/iterations/{iteration}")
def delete_iteration(server: CustomVisionServer, project: str, iteration: str, request: Request) -> tuple[int, Any]:
    del request
    found = server.service.project(project)
    server.service.delete_iteration(found, found.iteration(iteration))
    return 204, None


@_on("GET", "/projects/{project}/iterations/{iteration}/performance")
def get_iteration_performance(server: CustomVisionServer, project: str, iteration: str, request: Request) -> tuple[int, Any]:
    del request
    found = server.service.project(project)
    return 200, server.service.performance(found, found.iteration(iteration))


@_on("POST", "/projects/{project}/iterations/{iteration}/publish")
def publish_iteration(server: CustomVisionServer, project: str, iteration: str, request: Request) -> tuple[int, Any]:
    found = server.service.project(project)
    name, target = request.one("publishName"), request.one("predictionId")
    server.service.publish(found, found.iteration(iteration), name, target, overwrite=request.flag("overwrite"))
    return 200, True


@_on("DELETE", "/projects/{project}/iterations/{iteration}/publish")
def unpublish_iteration(server: CustomVisionServer, project: str, iteration: str, request: Request) -> tuple[int, Any]:
    del request
    found = server.service.project(project).iteration(iteration)
    if found.publish_name is None:
        raise Refusal("BadRequestIterationNotPublished", "The iteration is not published.")
    found.publish_name = found.publish_target = None
    return 204, None


@_on("POST", "/projects/{project}/quicktest/image")
def quick_test_image(server: CustomVisionServer, project: str, request: Request) -> tuple[int, Any]:
    found = server.service.project(project)
    found.stored_predictions += request.one("store", "true").lower() == "true"
    return 200, server.service.predict(found, found.iteration(request.one("iterationId")), request.body["imageData"])


@_on("POST", "/{project}/classify/iterations/{name}/image/nostore", base=PREDICTION)
def classify_image_with_no_store(server: CustomVisionServer, project: str, name: str, request: Request) -> tuple[int, Any]:
    return 200, _predicted(server, project, name, request, detects=False)


@_on("POST", "/{project}/detect/iterations/{name}/image/nostore", base=PREDICTION)
def detect_image_with_no_store(server: CustomVisionServer, project: str, name: str, request: Request) -> tuple[int, Any]:
    return 200, _predicted(server, project, name, request, detects=True)


@_on("POST", "/{project}/classify/iterations/{name}/image", base=PREDICTION)
def classify_image(server: CustomVisionServer, project: str, name: str, request: Request) -> tuple[int, Any]:
    server.service.project(project).stored_predictions += 1
    return 200, _predicted(server, project, name, request, detects=False)


@_on("POST", "/{project}/detect/iterations/{name}/image", base=PREDICTION)
def detect_image(server: CustomVisionServer, project: str, name: str, request: Request) -> tuple[int, Any]:
    server.service.project(project).stored_predictions += 1
    return 200, _predicted(server, project, name, request, detects=True)


@_on("GET", "/blobs/{project}/{image}", base="")
def get_blob(server: CustomVisionServer, project: str, image: str, request: Request) -> tuple[int, Any]:
    for found in server.service.projects.values():
        for stored in found.images.values():
            path = (f"i-{found.id.replace('-', '')}", f"i-{stored.id.replace('-', '')}")
            if path == (project, image) and request.one("sig"):
                return 200, stored.data
    return 404, {"code": "BlobNotFound", "message": "The specified blob does not exist."}


def _predicted(server: CustomVisionServer, project: str, name: str, request: Request, *, detects: bool) -> Json:
    found = server.service.project(project)
    iteration = rules.published(found, name)
    if iteration is None:
        raise Refusal("NotFoundIteration", "Invalid iteration", 404)
    if detects != (found.kind == "Detection"):
        raise Refusal("BadRequestInvalid", "Invalid project type for operation.")
    return server.service.predict(found, iteration, request.body["imageData"])


def _fault_answer(fault: Fault) -> Answer:
    match fault:
        case Cut():
            return Answer(0)
        case Throttled(retry_after=None):
            return Answer(429, _gateway(429, "Requests have exceeded call rate limit of your current pricing tier."))
        case Throttled(retry_after=seconds):
            reason = f"Requests have exceeded call rate limit of your current pricing tier. Please retry after {seconds} seconds."
            return Answer(429, _gateway(429, reason), {"Retry-After": str(seconds)})
        case NotNeeded():
            told = {"code": "BadRequestTrainingNotNeeded", "message": "Nothing changed since last training"}
            return Answer(400, _pretty(told))
        case Unavailable(status=status):
            return Answer(status, _gateway(status, "The service is not available."))


def _gateway(status: int, message: str) -> bytes:
    return _pretty({"error": {"code": str(status), "message": message}}) or b""


def _pretty(answer: object) -> bytes | None:
    return None if answer is None else json.dumps(answer, indent=2).replace("\n", "\r\n").encode()


def _parsed(headers: Mapping[str, str], body: bytes) -> Any:
    kind = headers.get("Content-Type", "")
    if not body:
        return None
    if kind.startswith("multipart/"):
        boundary = b"--" + kind.partition("boundary=")[2].strip('"').encode()
        parts = (part.partition(b"\r\n\r\n") for part in body.split(boundary)[1:-1])
        return {re.findall(rb'name="?([^";\r]+)', head)[0].decode(): content.removesuffix(b"\r\n") for head, _, content in parts}
    return json.loads(body) if "json" in kind else {"imageData": body}


@cache
def _contracts() -> dict[str, Contract]:
    if not SPECS.is_dir():
        return {}
    folder = SPECS / "customvision"
    return {
        TRAINING: Contract(folder / "Training-v3.4-preview" / "Training.json"),
        PREDICTION: Contract(folder / "Prediction-v3.1" / "Prediction.json"),
    }
