"""Checks of `imaging-assets doctor` for Custom Vision and Vision: one real call per right, and how near the tier's limits are.

Belongs here: calls and their rows. Does not: storage and search (`doctor.py`).

Nothing here is billed but one call of Vision, where a step names it: whether we may predict shows in what is answered about a model that
is not there.
"""

import io
from collections.abc import Sequence
from uuid import uuid4

from PIL import Image

from imaging_assets.azure.custom_vision.calls import Calls
from imaging_assets.azure.custom_vision.client import Connection
from imaging_assets.azure.custom_vision.project import Project
from imaging_assets.azure.custom_vision.trainings import KEPT_ITERATIONS
from imaging_assets.errors import AccessDeniedError, AnalysisError, ImagingError, ServiceError
from imaging_assets.policies import CustomVision
from imaging_assets.ports.analyzer import ImageAnalyzer, ImageEmbedder
from imaging_assets.ports.doctor import Finding, judged
from imaging_assets.records.insights import ImageToAnalyze

_KEY = "or set {} to a key of that very resource"
_READ = f"Give this identity the role 'Cognitive Services Custom Vision Reader', {_KEY.format('custom_vision.training_key')}."
_TRAIN = f"Give this identity the role 'Cognitive Services Custom Vision Trainer', {_KEY.format('custom_vision.training_key')}."
_PREDICT = (
    "Give this identity the role 'Cognitive Services User' on the prediction resource, "
    f"{_KEY.format('custom_vision.prediction_key')}."
)
_VISION = "Give this identity the role 'Cognitive Services User' on the Vision resource, or set vision.key."

_IMAGES = {"F0": 5_000, "S0": 100_000}
_TAGS = {"F0": 50, "S0": 500}
_ITERATIONS = 20
_NEARLY = 0.9


def custom_vision(policy: CustomVision) -> list[Finding]:
    """Rights on both resources and the project's limits."""
    connection = Connection(policy)
    connection.calls = Calls(policy.tier, tries=2)
    found: list[str] = []

    def read() -> str | Finding:
        there = connection.project_ids().get(policy.project)
        if there is None:
            return Finding(
                "custom vision: project",
                "warn",
                f"{policy.project!r} is not there yet; the first training makes it",
                "That takes the role 'Cognitive Services Custom Vision Contributor' (the Trainer may not), or make it in the portal.",
            )
        found.append(there[0])
        return f"{policy.project!r} learns {there[1]}"

    rows = [_about_rights(judged("custom vision: project", read, _READ), _READ)]
    if found:
        project = Project(connection, found[0], policy.project)
        rows += [
            judged("custom vision: iterations", lambda: _iterations(project)),
            judged("custom vision: images", lambda: _images(connection, project, policy.tier)),
            judged("custom vision: tags", lambda: _tags(project, policy.tier)),
            _about_rights(judged("custom vision: train", lambda: _may_train(project)), _TRAIN),
        ]
    return [
        *rows,
        _target(policy),
        _about_rights(judged("custom vision: predict", lambda: _may_predict(connection, found)), _PREDICT),
    ]


def vision(asked: Sequence[tuple[str, ImageAnalyzer | ImageEmbedder]]) -> list[Finding]:
    """One billed call of each step that asks Vision, about a grey picture."""
    return [_about_rights(judged(f"vision: {name}", lambda one=one: _see(one)), _VISION) for name, one in asked]  # type: ignore[misc]


def _about_rights(row: Finding, remedy: str) -> Finding:
    denied = row.state == "fail" and any(status in row.detail for status in (" 401", " 403"))
    return Finding(row.what, row.state, row.detail, remedy) if denied else row


def _iterations(project: Project) -> str | Finding:
    iterations = project.iterations()
    told = f"{len(iterations)} of {_ITERATIONS}"
    stuck = [one for one in iterations if one.publish_name or one.status not in ("Completed", "Failed")]
    if len(stuck) >= KEPT_ITERATIONS:
        remedy = "Unpublish iterations in the portal; only unpublished ones are deleted to make room."
        return Finding("custom vision: iterations", "fail", told, remedy)
    if len(iterations) > KEPT_ITERATIONS:
        remedy = f"Nothing: before the next training the oldest unpublished ones are deleted, down to {KEPT_ITERATIONS}."
        return Finding("custom vision: iterations", "warn", told, remedy)
    return told


def _images(connection: Connection, project: Project, tier: str) -> str | Finding:
    count = connection.calls.make("other", "count images", lambda: connection.training.get_image_count(project.id))
    return _against("custom vision: images", int(count), _IMAGES[tier], tier)


def _tags(project: Project, tier: str) -> str | Finding:
    return _against("custom vision: tags", len(project.tags()), _TAGS[tier], tier)


def _against(what: str, number: int, most: int, tier: str) -> str | Finding:
    told = f"{number:,} of {most:,} ({tier})"
    if number < most * _NEARLY:
        return told
    remedy = (
        "Raise the resource's tier and custom_vision.tier with it."
        if tier == "F0"
        else "Split the project by custom_vision.project."
    )
    return Finding(what, "warn" if number < most else "fail", told, remedy)


def _may_train(project: Project) -> str:
    """By a tag without images, made and deleted: nothing is learnt from it, nothing is billed."""
    project.delete_tag(project.create_tag(f"imaging-assets-doctor-{uuid4().hex[:8]}", description="", negative=False))
    return "a tag made and deleted"


def _target(policy: CustomVision) -> Finding:
    target = policy.prediction_resource_id
    if target.startswith("/subscriptions/") and "/accounts/" in target:
        return Finding("custom vision: publish", "ok", f"to {target.rpartition('/')[2]!r} as {policy.publish_name!r}")
    return Finding(
        "custom vision: publish",
        "fail",
        "custom_vision.prediction_resource_id names no resource" if target else "custom_vision.prediction_resource_id is not set",
        "Set it to the full id of the prediction resource, /subscriptions/…/accounts/<name>.",
    )


def _may_predict(connection: Connection, project_ids: Sequence[str]) -> str:
    project = Project(connection, project_ids[0] if project_ids else str(uuid4()), "")
    try:
        project.ask_published(f"imaging-assets-doctor-{uuid4().hex[:8]}", "multiclass", _grey())
    except AccessDeniedError:
        raise
    except ServiceError as error:
        if error.status not in (400, 404):
            raise
    return "the key or identity is accepted"


def _see(one: ImageAnalyzer | ImageEmbedder) -> str:
    try:
        if isinstance(one, ImageEmbedder):
            one.embed([_grey()])
        else:
            one.analyze(ImageToAnalyze("0" * 64, _grey(), 64, 64))
    except AnalysisError as error:
        raise ImagingError(str(error)) from None
    return "answered"


def _grey() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (128, 128, 128)).save(buffer, "PNG")
    return buffer.getvalue()
