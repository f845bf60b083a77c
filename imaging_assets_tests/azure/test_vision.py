"""Azure AI Vision behind the analyser's ports: what is asked, what is made of the answers, what of refusals."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr

from imaging_assets.azure.analyzer import AzureEmbedder, AzureImageAnalyzer, VisionConnection
from imaging_assets.azure.custom_vision.calls import Clock
from imaging_assets.errors import AccessDeniedError, AnalysisError, ServiceError, SettingsError
from imaging_assets.policies import Vision
from imaging_assets.records.insights import ImageToAnalyze
from imaging_assets.records.search import SearchQuery
from imaging_assets_tests.azure.vision_server import KEY, RefusalError, VisionService, a_vision_service
from imaging_assets_tests.builders import DAY, a_pipeline, land, run_chain


@pytest.fixture
def service() -> Iterator[VisionService]:
    with a_vision_service() as running:
        yield running
        assert running.wrong == []


def connection(service: VisionService, **settings: object) -> VisionConnection:
    vision = {"endpoint": service.endpoint, "key": SecretStr(KEY), "calls_per_second": 1000, **settings}
    return VisionConnection(Vision.model_validate(vision))


def png(colour: str, size: tuple[int, int] = (200, 100)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def shown(data: bytes) -> ImageToAnalyze:
    return ImageToAnalyze("0" * 64, data, 200, 100)


def too_many(wait: int | None = 0) -> RefusalError:
    return RefusalError(429, "429", "Requests have exceeded the rate limit.", retry_after=wait)


def test_one_call_says_everything_about_an_image_in_fractions(service: VisionService) -> None:
    said = AzureImageAnalyzer(connection(service)).analyze(shown(png("red")))

    assert len(service.asked) == 1
    _, query = service.asked[0]
    assert set(query["features"][0].split(",")) == {"tags", "caption", "objects", "people", "read"}
    assert query["model-version"] == ["2023-10-01"]
    assert (said["tags"], said["caption"], said["text"], said["people"]) == (["red", "wall"], "a red picture", "LOT 7", 1)
    assert said["scores"] == {"red": 0.98, "unsure": 0.2}
    assert said["objects"] == [{"tag": "wall", "confidence": 0.8, "box": {"left": 0.0, "top": 0.0, "width": 0.5, "height": 1.0}}]
    assert said["lines"][0]["box"] == {"left": 0.05, "top": 0.2, "width": 0.5, "height": 0.2}
    assert [word["text"] for word in said["lines"][0]["words"]] == ["LOT", "7"]
    assert said["model_version"] == "2023-10-01"


def test_only_the_features_asked_for_are_answered(service: VisionService) -> None:
    service.captions = False
    analyzer = AzureImageAnalyzer(connection(service), features=["tags"])
    said = analyzer.analyze(shown(png("blue")))
    assert (said["tags"], said["caption"], said["text"], said["people"]) == (["blue"], None, None, None)
    with pytest.raises(AnalysisError, match=r"400 NotSupportedVisualFeature .* change the step's options") as caught:
        AzureImageAnalyzer(connection(service)).analyze(shown(png("blue")))
    assert not caught.value.may_pass
    assert analyzer.analyzer_id != AzureImageAnalyzer(connection(service)).analyzer_id


@pytest.mark.parametrize(("data", "code"), [(b"text", "InvalidImageFormat"), (png("red", (20, 20)), "InvalidImageSize")])
def test_an_image_the_service_refuses_is_that_image_s_error_for_good(service: VisionService, data: bytes, code: str) -> None:
    with pytest.raises(AnalysisError, match=f"400 {code}") as caught:
        AzureImageAnalyzer(connection(service)).analyze(shown(data))
    assert not caught.value.may_pass
    assert len(service.asked) == 1


def test_too_many_calls_and_bad_gateways_are_tried_again(service: VisionService) -> None:
    service.faults.extend([too_many(), RefusalError(503, "503", "busy", retry_after=0), too_many()])
    assert AzureImageAnalyzer(connection(service)).analyze(shown(png("green")))["caption"] == "a green picture"
    assert len(service.asked) == 4


def test_a_service_that_stays_busy_is_an_error_that_may_pass(service: VisionService) -> None:
    service.faults.extend([too_many() for _ in range(3)])
    with pytest.raises(AnalysisError, match=r"could not analyse the image: 429 .*asked again later") as caught:
        AzureImageAnalyzer(connection(service, tries=3)).analyze(shown(png("green")))
    assert caught.value.may_pass
    assert len(service.asked) == 3


def test_a_wrong_key_stops_the_step_and_never_shows(service: VisionService) -> None:
    wrong = connection(service, key=SecretStr("hunter2-hunter2"))
    for call in (
        lambda: AzureImageAnalyzer(wrong).analyze(shown(png("red"))),
        lambda: AzureEmbedder(wrong).embed([png("red")]),
    ):
        with pytest.raises(AccessDeniedError, match=r"Renew vision\.key") as caught:
            call()
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_calls_keep_the_resource_s_pace(service: VisionService) -> None:
    now = [0.0]
    clock = Clock(now=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    vision = Vision(endpoint=service.endpoint, key=SecretStr(KEY), calls_per_second=2)
    analyzer = AzureImageAnalyzer(VisionConnection(vision, clock))
    for _ in range(4):
        analyzer.analyze(shown(png("red")))
    assert 1.5 <= now[0] < 1.7


def test_vectors_have_length_one_and_a_bad_image_has_zeros(service: VisionService) -> None:
    embedder = AzureEmbedder(connection(service))
    vectors = embedder.embed([png("red"), b"text", png("blue"), png("red", (64, 64))])
    assert vectors.shape == (4, 1024) == (4, embedder.dimensions)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 0, 1, 1], abs=1e-5)
    assert vectors[0] @ vectors[3] > 0.999 > vectors[0] @ vectors[2]
    assert embedder.embed([]).shape == (0, 1024)


def test_vectors_of_another_model_are_refused(service: VisionService) -> None:
    assert AzureEmbedder(connection(service)).embedding_id == "azure-multimodal-2023-04-15"
    with pytest.raises(ServiceError, match=r"embeds by 2023-04-15 and not by 2022-04-11\. Set"):
        AzureEmbedder(connection(service), model_version="2022-04-11").embed([png("red")])


def test_a_busy_service_fails_the_batch_of_vectors(service: VisionService) -> None:
    service.faults.extend([too_many() for _ in range(2)])
    with pytest.raises(ServiceError, match="could not embed the image: 429"):
        AzureEmbedder(connection(service, tries=2)).embed([png("red")])


def test_a_day_goes_through_both_services_and_is_found_by_caption(tmp_path: Path, service: VisionService) -> None:
    steps = {"image_vectors": {"analyzer": "azure_multimodal"}, "image_analysis": {"analyzer": "azure_image_analysis"}}
    vision = {"endpoint": service.endpoint, "key": KEY, "calls_per_second": 1000}
    pipeline = a_pipeline(tmp_path, insights={"steps": steps}, vision=vision)
    land(pipeline, {"a.png": png("red"), "b.png": png("blue"), "small.png": png("red", (20, 20))})

    reports = run_chain(pipeline)

    assert reports["image_vectors"].embedding_id == "azure-multimodal-2023-04-15"
    assert (reports["image_analysis"].analyzed, reports["image_analysis"].failed) == (3, 1)
    hits = pipeline.index.query(_words("blue picture")).hits
    assert [(hit.document["name"], hit.document["caption"]) for hit in hits] == [("b.png", "a blue picture")]
    calls = len(service.asked)
    run_chain(pipeline)
    assert len(service.asked) == calls
    folder = tmp_path / "store/manifests"
    assert KEY.encode() not in b"".join(path.read_bytes() for path in folder.rglob(f"{DAY}*"))


def _words(text: str) -> SearchQuery:
    return SearchQuery(text=text)


def test_a_step_without_a_resource_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"Set vision\.endpoint \(IMAGING_VISION__ENDPOINT\)"):
        a_pipeline(tmp_path, insights={"steps": {"image_analysis": {"analyzer": "azure_image_analysis"}}})
    somewhere = VisionConnection(Vision(endpoint="https://x.cognitiveservices.azure.com"))
    with pytest.raises(SettingsError, match="no feature faces"):
        AzureImageAnalyzer(somewhere, features=["faces"])
