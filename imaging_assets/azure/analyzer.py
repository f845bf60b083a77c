"""Azure AI Vision behind the analyser's ports: Image Analysis 4.0 by the official SDK, multimodal embeddings by REST.

Belongs here: calls at the resource's pace, answers in our terms, errors in our words. Does not: the gated Face API, which stays out.

Both services end on 2028-09-25; the model that answered is kept beside each answer, so that what they said stays understandable.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from azure.ai.vision.imageanalysis import ImageAnalysisClient
from azure.ai.vision.imageanalysis.models import VisualFeatures
from azure.core import PipelineClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.policies import (
    AzureKeyCredentialPolicy,
    BearerTokenCredentialPolicy,
    HeadersPolicy,
    RetryPolicy,
    UserAgentPolicy,
)
from azure.core.rest import HttpRequest
from typing_extensions import override

from imaging_assets.azure.credentials import identity
from imaging_assets.azure.custom_vision.calls import Clock, Throttle
from imaging_assets.azure.translation import redacted
from imaging_assets.errors import AccessDeniedError, AnalysisError, ImagingError, ServiceError, SettingsError
from imaging_assets.policies import Vision
from imaging_assets.ports.analyzer import ImageAnalyzer, ImageEmbedder
from imaging_assets.records.insights import ANALYSIS, Columns, ImageToAnalyze, Output

Result = TypeVar("Result")

_KEY_HEADER = "Ocp-Apim-Subscription-Key"
_SCOPE = "https://cognitiveservices.azure.com/.default"
_PASSING = {408, 429, 500, 502, 503, 504}
_EMBEDDING_API = "2024-02-01"
_WORKERS = 4
_LONGEST_WORDS = 300


class VisionConnection:
    """One resource, its key or the process's identity, and its pace; shared by threads, makes no call by itself.

    Raises:
        SettingsError: No resource is named.
    """

    def __init__(self, vision: Vision, clock: Clock | None = None) -> None:
        if not vision.endpoint:
            raise SettingsError(
                "A step asks Azure AI Vision, and no resource is named. Set vision.endpoint (IMAGING_VISION__ENDPOINT) to "
                "https://<name>.cognitiveservices.azure.com."
            )
        self.endpoint = vision.endpoint.rstrip("/")
        self.tries = vision.tries
        self._key = vision.key
        self._throttle = Throttle(vision.calls_per_second, clock or Clock())

    @property
    def credential(self) -> Any:
        """The key, or whoever we are."""
        return AzureKeyCredential(self._key.get_secret_value()) if self._key else identity()

    def retries(self) -> "RetryPolicy[Any, Any]":
        """Again while that may help, POST too, as long after as the service says."""
        return RetryPolicy(retry_total=self.tries - 1, retry_backoff_factor=0.8, retry_on_methods=["POST"])

    def call(self, doing: str, made: Callable[[], Result]) -> Result:
        """The result of a call, when it is its turn.

        Raises:
            AccessDeniedError: The key or identity is not accepted.
            AnalysisError: The service has no answer about this image.
        """
        self._throttle.wait()
        try:
            return made()
        except AzureError as error:
            translated = _translated(error, doing)
        # Not chained: the SDK's error may hold headers, and Dagster keeps whole chains for ever.
        raise translated


class AzureImageAnalyzer(ImageAnalyzer):
    """Tags, caption, objects, people and text of an image in one call.

    Args:
        features: Which of `tags`, `caption`, `objects`, `people`, `read` are asked for; captions exist in some regions only.
        language: Of tags and caption.
        minimum: Tags and objects with a smaller confidence are no `tags`; `scores` and `objects` have them all.
    """

    def __init__(
        self,
        connection: VisionConnection,
        *,
        features: Sequence[str] = ("tags", "caption", "objects", "people", "read"),
        language: str = "en",
        minimum: float = 0.5,
        model_version: str = "2023-10-01",
    ) -> None:
        known = {feature.name.lower(): feature for feature in VisualFeatures}
        if unknown := sorted(set(features) - known.keys()):
            raise SettingsError(f"Image Analysis has no feature {', '.join(unknown)}. There are {', '.join(sorted(known))}.")
        self._connection = connection
        self._features = [known[feature] for feature in features]
        self._language, self._minimum, self._model_version = language, float(minimum), model_version
        self._names = "+".join(features)

    @property
    @override
    def analyzer_id(self) -> str:
        return f"azure-image-analysis-1+{self._model_version}-{self._language}-{self._minimum:g}-{self._names}"

    @property
    @override
    def columns(self) -> Columns:
        return ANALYSIS

    @override
    def analyze(self, image: ImageToAnalyze) -> Output:
        answer = self._connection.call("analyse the image", lambda: self._ask(image.data))
        return self._output(answer.as_dict())

    def _ask(self, data: bytes) -> Any:
        return self._client.analyze(
            image_data=data,
            visual_features=self._features,
            language=self._language,
            gender_neutral_caption=True,
            model_version=self._model_version,
        )

    @cached_property
    def _client(self) -> ImageAnalysisClient:
        connection = self._connection
        return ImageAnalysisClient(connection.endpoint, connection.credential, retry_policy=connection.retries())

    def _output(self, answer: dict[str, Any]) -> Output:
        width, height = answer["metadata"]["width"], answer["metadata"]["height"]
        scores = {item["name"]: item["confidence"] for item in _values(answer, "tagsResult")}
        objects = [
            {"tag": item["tags"][0]["name"], "confidence": item["tags"][0]["confidence"], "box": _box(item, width, height)}
            for item in _values(answer, "objectsResult")
            if item["tags"]
        ]
        people = [
            {"confidence": item["confidence"], "box": _box(item, width, height)}
            for item in _values(answer, "peopleResult")
            if item["confidence"] >= self._minimum
        ]
        lines = list(_lines(answer, width, height))
        words = [name for name, score in scores.items() if score >= self._minimum]
        words += [item["tag"] for item in objects if item["confidence"] >= self._minimum]
        return {
            "tags": list(dict.fromkeys(words)),
            "caption": answer.get("captionResult", {}).get("text"),
            "text": "\n".join(line["text"] for line in lines) if "readResult" in answer else None,
            "people": len(people) if "peopleResult" in answer else None,
            "scores": scores,
            "objects": objects,
            "people_boxes": people,
            "lines": lines,
            "model_version": answer["modelVersion"],
        }


class AzureEmbedder(ImageEmbedder):
    """Multimodal embeddings: 1,024 numbers, of length 1, in which pictures that mean the same are near.

    Args:
        model_version: Its vectors compare only with its own, so it is part of the `embedding_id`.
    """

    def __init__(self, connection: VisionConnection, *, model_version: str = "2023-04-15") -> None:
        self._connection = connection
        self._model_version = model_version

    @property
    @override
    def embedding_id(self) -> str:
        return f"azure-multimodal-{self._model_version}"

    @property
    @override
    def dimensions(self) -> int:
        return 1024

    @override
    def embed(self, images: Sequence[bytes]) -> npt.NDArray[np.float32]:
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="embed") as pool:
            vectors = list(pool.map(self._embed_one, images))
        return np.array(vectors, np.float32).reshape(len(images), self.dimensions)

    def _embed_one(self, data: bytes) -> npt.NDArray[np.float32]:
        nothing = np.zeros(self.dimensions, np.float32)
        try:
            answer = self._connection.call("embed the image", lambda: self._ask(data))
        except AnalysisError as error:
            if error.may_pass:  # without its vector the batch is not done; the step is asked for again
                raise ServiceError(str(error)) from None
            return nothing
        if answer["modelVersion"] != self._model_version:
            raise ServiceError(
                f"Azure AI Vision embeds by {answer['modelVersion']} and not by {self._model_version}. Set "
                "insights.steps.image_vectors.options.model_version to what the resource has."
            )
        vector = np.asarray(answer["vector"], np.float32)
        return vector / np.linalg.norm(vector) if vector.any() else nothing

    def _ask(self, data: bytes) -> Any:
        request = HttpRequest(
            "POST",
            f"{self._connection.endpoint}/computervision/retrieval:vectorizeImage",
            params={"api-version": _EMBEDDING_API, "model-version": self._model_version},
            headers={"Content-Type": "application/octet-stream"},
            content=data,
        )
        response = self._client.send_request(request)
        if response.status_code != 200:
            raise HttpResponseError(response=response)
        return response.json()

    @cached_property
    def _client(self) -> "PipelineClient[Any, Any]":
        credential = self._connection.credential
        signs = (
            AzureKeyCredentialPolicy(credential, _KEY_HEADER)
            if isinstance(credential, AzureKeyCredential)
            else BearerTokenCredentialPolicy(credential, _SCOPE)
        )
        policies = [HeadersPolicy(), UserAgentPolicy("imaging-assets"), self._connection.retries(), signs]
        return PipelineClient(self._connection.endpoint, policies=policies)


def _values(answer: dict[str, Any], result: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.get(result, {}).get("values", [])
    return found


def _box(item: dict[str, Any], width: int, height: int) -> dict[str, float]:
    """The service has pixels; we have fractions."""
    box = item["boundingBox"]
    sides = {"left": box["x"] / width, "top": box["y"] / height, "width": box["w"] / width, "height": box["h"] / height}
    return {name: round(min(1.0, max(0.0, side)), 5) for name, side in sides.items()}


def _lines(answer: dict[str, Any], width: int, height: int) -> Iterator[dict[str, Any]]:
    for block in answer.get("readResult", {}).get("blocks", []):
        for line in block["lines"]:
            words = [
                {
                    "text": word["text"],
                    "confidence": word["confidence"],
                    "box": _around(word["boundingPolygon"], width, height),
                }
                for word in line["words"]
            ]
            sure = [word["confidence"] for word in words]
            yield {
                "text": line["text"],
                "confidence": round(sum(sure) / len(sure), 4) if sure else 1.0,
                "box": _around(line["boundingPolygon"], width, height),
                "words": words,
            }


def _around(corners: Sequence[dict[str, float]], width: int, height: int) -> dict[str, float]:
    left, right = min(point["x"] for point in corners), max(point["x"] for point in corners)
    top, bottom = min(point["y"] for point in corners), max(point["y"] for point in corners)
    return _box({"boundingBox": {"x": left, "y": top, "w": right - left, "h": bottom - top}}, width, height)


def _translated(error: AzureError, doing: str) -> ImagingError:
    status = error.status_code if isinstance(error, HttpResponseError) else None
    told = f"Azure AI Vision could not {doing}: {_said(error, status)}"
    if status in (401, 403):
        return AccessDeniedError(f"{told}. Renew vision.key, or give this identity the role 'Cognitive Services User'.", status)
    if status == 404:
        return ServiceError(f"{told}. Mend vision.endpoint: it names no Vision resource.", status)
    if status is None or status in _PASSING:
        return AnalysisError(f"{told}. It is asked again later.", may_pass=True)
    return AnalysisError(f"{told}. Look at the image, or change the step's options.")


def _said(error: AzureError, status: int | None) -> str:
    """The service's own code and words, the inner ones where it has them."""
    said = getattr(error, "error", None)
    inner = (getattr(said, "innererror", None) or {}) if said else {}
    code = inner.get("code") or getattr(said, "code", "") or ""
    words = inner.get("message") or getattr(said, "message", "") or error.message or type(error).__name__
    return redacted(" ".join(str(part) for part in (status, code, " ".join(words.split())) if part))[:_LONGEST_WORDS].rstrip(".")
