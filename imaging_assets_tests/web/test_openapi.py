"""Whatever is sent to the skill, the server answers with what its own description says, and never with a 5xx."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from imaging_assets.settings import Settings
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.web.app import create_app
from imaging_assets_tests.web.servers import HEADERS, a_trained_pipeline

AS_DESCRIBED = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
OPERATIONS = ("POST /api/extraction", "POST /api/skill/{step}", "GET /api/skill", "GET /api/ready", "GET /api/healthcheck")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return a_trained_pipeline(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def described(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Any:
    app = create_app(Settings(home=tmp_path_factory.mktemp("served"), serve={"key": "k3y", "host_names": ["*"]}), pipeline)
    return schemathesis.openapi.from_asgi("/api/openapi.json", app)


def operations(described: Any) -> dict[str, Any]:
    found = (result.ok() for result in described.get_all_operations())
    return {f"{operation.method.upper()} {operation.path}": operation for operation in found}


def ask(operation: Any, examples: int, headers: Mapping[str, str], checks: tuple[Any, ...]) -> None:
    """Send what Hypothesis makes of the description, right and wrong."""

    @given(case=operation.as_strategy())
    @settings(max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def send(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=checks)

    send()


def test_every_route_of_the_skill_is_described(described: Any) -> None:
    assert operations(described).keys() == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_any_input_gets_an_answer_of_the_description(described: Any, operation: str) -> None:
    ask(operations(described)[operation], 40, HEADERS, AS_DESCRIBED)


@pytest.mark.parametrize("operation", OPERATIONS[:3])
def test_any_input_without_a_key_is_refused_without_a_server_error(described: Any, operation: str) -> None:
    ask(operations(described)[operation], 10, {}, (not_a_server_error,))


def test_the_description_has_examples_and_names_the_header_of_the_key(described: Any) -> None:
    post = described.raw_schema["paths"]["/api/extraction"]["post"]
    assert "normalized image" in post["requestBody"]["content"]["application/json"]["examples"]
    assert "Ocp-Apim-Subscription-Key" in {parameter["name"] for parameter in post["parameters"]}


def test_nothing_is_loaded_from_elsewhere_to_read_it(pipeline: Pipeline, tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path), pipeline)
    assert (app.docs_url, app.redoc_url) == (None, None)
