"""The official SDK's two clients, signed and with their own retries off.

Belongs here: opening the resources, finding and making projects. Does not: what happens inside a project (`project.py`).
"""

from collections.abc import Callable
from typing import Any

from azure.cognitiveservices.vision.customvision.prediction import CustomVisionPredictionClient
from azure.cognitiveservices.vision.customvision.training import CustomVisionTrainingClient
from azure.core.credentials import TokenCredential

from imaging_assets.azure.credentials import identity
from imaging_assets.azure.custom_vision.authentication import TokenAuthentication, key_authentication
from imaging_assets.azure.custom_vision.calls import Calls, Clock
from imaging_assets.azure.custom_vision.wire import kind_of
from imaging_assets.errors import SettingsError
from imaging_assets.policies import CustomVision
from imaging_assets.records.models import ModelKind

GENERAL_DETECTION = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"
"""Domain "General" of object detection; classification's is what a project gets that names none."""

_UPLOAD_SECONDS = 300


class Connection:
    """Both resources, opened; makes no call by itself.

    Args:
        credential: Gives the identity where a key is missing; asked only then. (Its module also keeps signatures out of logs.)

    Raises:
        SettingsError: No endpoint.
    """

    def __init__(
        self, policy: CustomVision, credential: Callable[[], TokenCredential] = identity, *, clock: Clock | None = None
    ) -> None:
        if not policy.endpoint:
            raise SettingsError(
                "Custom Vision needs its training resource. Set custom_vision.endpoint (IMAGING_CUSTOM_VISION__ENDPOINT)."
            )
        self.calls = Calls(policy.tier, clock=clock)
        training_key = policy.training_key.get_secret_value() if policy.training_key else ""
        prediction_key = policy.prediction_key.get_secret_value() if policy.prediction_key else ""
        self.training = _opened(
            CustomVisionTrainingClient,
            policy.endpoint.rstrip("/"),
            key_authentication("Training-key", training_key) if training_key else TokenAuthentication(credential()),
        )
        self.prediction = _opened(
            CustomVisionPredictionClient,
            (policy.prediction_endpoint or policy.endpoint).rstrip("/"),
            key_authentication("Prediction-key", prediction_key) if prediction_key else TokenAuthentication(credential()),
        )

    def project_ids(self) -> dict[str, tuple[str, ModelKind]]:
        """Id and kind of every project by name."""
        found = self.calls.make("other", "list its projects", self.training.get_projects)
        return {project.name: (str(project.id), kind_of(project.settings)) for project in found}

    def create_project(self, name: str, kind: ModelKind, domain: str) -> str:
        """Make a project; returns its id.

        Args:
            domain: By name.

        Raises:
            SettingsError: There is no such domain for that kind.
        """
        domain_id = self._domain_id(domain, kind)
        style = None if kind == "detection" else kind.capitalize()
        return self.calls.make(
            "other",
            f"make project {name!r}",
            lambda: str(self.training.create_project(name, domain_id=domain_id, classification_type=style).id),
            look=lambda: self.project_ids().get(name, (None, None))[0],
        )

    def _domain_id(self, name: str, kind: ModelKind) -> str | None:
        if name == "General":
            return GENERAL_DETECTION if kind == "detection" else None
        wanted = "ObjectDetection" if kind == "detection" else "Classification"
        domains = self.calls.make("other", "list its domains", self.training.get_domains)
        fitting = {domain.name: str(domain.id) for domain in domains if domain.type == wanted}
        if name not in fitting:
            raise SettingsError(
                f"custom_vision.domain {name!r} is no domain of {wanted}. Take one of: {', '.join(sorted(fitting))}."
            )
        return fitting[name]


def _opened(kind: Any, endpoint: str, authentication: Any) -> Any:
    """A client whose errors all carry the service's answer, because it repeats nothing itself."""
    client = kind(endpoint, authentication)
    retries = client.config.retry_policy.policy
    retries.total, retries.status_forcelist, retries.respect_retry_after_header = 0, (), False
    client.config.connection.timeout = _UPLOAD_SECONDS
    return client
