"""Trainer over Custom Vision: the project is made equal to the training set, then an iteration learns from it.

Belongs here: the order of the steps, and what is remembered between them so that a crash anywhere is taken up again. Does not: the steps
(`custom_vision/`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from typing_extensions import override

from imaging_assets.azure.custom_vision.client import Connection
from imaging_assets.azure.custom_vision.desired import Desired, desire, refusal
from imaging_assets.azure.custom_vision.memory import Memory
from imaging_assets.azure.custom_vision.models import ModelRecord, ModelRecords
from imaging_assets.azure.custom_vision.project import Project
from imaging_assets.azure.custom_vision.reconcile import Changes, Reconciler
from imaging_assets.azure.custom_vision.trainings import Trainings
from imaging_assets.azure.custom_vision.wire import Iteration
from imaging_assets.errors import ServiceError, SettingsError, TrainingError
from imaging_assets.policies import CUSTOM_VISION_NOTICE, CustomVision
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.trainer import Heartbeat, ReadImage, Trainer
from imaging_assets.records.models import ModelKind, TrainedModel, TrainingImage

_LISTED = 5


class CustomVisionTrainer(Trainer):
    """Trains iterations of one project; a model is an iteration, named after it.

    Args:
        store: Where it is remembered which image and which iteration is which.
        folder: The place for models inside the store.
        min_images_per_tag: Tags with fewer train and validation images are left out; the service asks for 5 (boxes: 15).
    """

    def __init__(
        self,
        store: BlobStore,
        connection: Connection,
        policy: CustomVision,
        *,
        folder: str = "models",
        min_images_per_tag: int = 5,
    ) -> None:
        self._store = store
        self._connection = connection
        self._policy = policy
        self._folder = folder
        self._least = min_images_per_tag
        self._records = ModelRecords(store, folder)

    @property
    @override
    def recipe(self) -> str:
        policy = self._policy
        hours = f":{policy.budget_hours}" if policy.training_type == "advanced" else ""
        return (
            f"custom-vision-1;project={policy.project};learns={policy.project_type};domain={policy.domain};"
            f"type={policy.training_type}{hours};min={self._least};negative={policy.negative_tag}"
        )

    @override
    def refusal(self, images: Sequence[TrainingImage]) -> str:
        return refusal(self._desired(images), self._least)

    @override
    def train(self, model_id: str, images: Sequence[TrainingImage], read: ReadImage, heartbeat: Heartbeat) -> TrainedModel:
        record = self._records.find(model_id)
        if record and record.finished:
            return record.as_model()
        begun = self._connection.calls.clock.now()
        record = self._begun_before(record, heartbeat) or self._begin(model_id, images, read, heartbeat)
        project = self._project(record.project_id)
        trainings = self._trainings(project, heartbeat)
        try:
            iteration = trainings.wait(record.iteration_id)
        except TrainingError:
            if project.iteration(record.iteration_id).status == "Failed":
                self._records.delete(model_id)
            raise
        if iteration.name.startswith("Iteration "):  # as the service names them; not one that is reused
            project.name_iteration(iteration.id, model_id)
        precision, recall = project.rates(iteration.id)
        details = dict(record.details) | {
            "precision": f"{precision:.3f}",
            "recall": f"{recall:.3f}",
            "billed_minutes": str(iteration.minutes),
        }
        seconds = self._connection.calls.clock.now() - begun
        self._records.write(record := replace(record, finished=True, seconds=seconds, details=details))
        return record.as_model()

    @override
    def publish(self, model_id: str) -> None:
        record = self._records.finished(model_id)
        self._check_target()
        try:
            self._trainings(self._project(record.project_id), lambda _: None).publish(record.iteration_id)
        except ServiceError as error:
            raise (self._records.gone(record) if error.status == 404 else error) from None
        self._records.note_serving(record.project_id, model_id, self._policy.publish_name)

    @override
    def delete(self, model_id: str) -> None:
        record = self._records.find(model_id)
        if record and record.iteration_id:
            project = self._project(record.project_id)
            for iteration in project.iterations():
                # An iteration that several models stand for belongs to the one it is named after.
                if iteration.id == record.iteration_id and iteration.name == model_id:
                    if iteration.publish_name:
                        project.unpublish(iteration)
                    project.delete_iteration(iteration)
        self._records.delete(model_id)

    def _begun_before(self, record: ModelRecord | None, heartbeat: Heartbeat) -> ModelRecord | None:
        """The training that a run before this one asked for, if it is still there."""
        if record is None:
            return None
        project = self._project(record.project_id)
        iteration: Iteration | None
        if record.iteration_id:
            iteration = next((found for found in project.iterations() if found.id == record.iteration_id), None)
        else:
            iteration = project.begun_since(record.before)
        if iteration is None:
            return None
        heartbeat(f"adopting {iteration.name!r}, which an earlier run began")
        self._records.write(adopted := replace(record, iteration_id=iteration.id))
        return adopted

    def _begin(self, model_id: str, images: Sequence[TrainingImage], read: ReadImage, heartbeat: Heartbeat) -> ModelRecord:
        self._check_target()
        desired = self._desired(images)
        self._raise_refusal(desired)
        project, is_new = self._open_project(desired.kind, heartbeat)
        desired, changes = self._reconciled(project, images, desired, read, heartbeat, is_new=is_new)
        iterations = [] if is_new else project.iterations()
        trainings = self._trainings(project, heartbeat)
        doomed = trainings.make_room(iterations, self._kept_iterations(project.id))
        for iteration in doomed:
            self._records.delete(iteration.name)
        record = ModelRecord(
            model_id=model_id,
            project_id=project.id,
            kind=desired.kind,
            tags=desired.tags,
            content=desired.digest,
            before=tuple(iteration.id for iteration in iterations),
            details=_details(project, desired, changes),
            rejected={**desired.left_out, **changes.rejected},
        )
        self._records.write(record)
        iteration = trainings.start(record.before, lambda found: self._learnt(found, desired))
        self._records.write(record := replace(record, iteration_id=iteration.id))
        return record

    def _learnt(self, iteration: Iteration, desired: Desired) -> bool:
        """Whether an iteration learnt from this; one that nothing is known of is taken at the service's word."""
        record = self._records.find(iteration.name)
        return record is None or record.content == desired.digest

    def _reconciled(
        self,
        project: Project,
        images: Sequence[TrainingImage],
        desired: Desired,
        read: ReadImage,
        heartbeat: Heartbeat,
        *,
        is_new: bool,
    ) -> tuple[Desired, Changes]:
        """The project made equal to what is desired, and what is desired without what the service does not take."""
        memory = Memory.load(self._store, self._folder, project.id)
        changes = Reconciler(project, memory, self._policy, read, heartbeat).run(desired, new_project=is_new)
        heartbeat(_summary(changes))
        if changes.rejected:
            usable = self._desired([image for image in images if image.sha256 not in changes.rejected])
            self._raise_refusal(usable, f"{len(changes.rejected)} of {len(desired.images)} images could not be used. ")
            if usable.tags != desired.tags:  # a tag fell below the minimum, and with it the service would train nothing
                more = Reconciler(project, memory, self._policy, read, heartbeat).run(usable)
                changes.deleted += more.deleted
            desired = replace(usable, left_out=desired.left_out)
        return desired, changes

    def _open_project(self, kind: ModelKind, heartbeat: Heartbeat) -> tuple[Project, bool]:
        """The project by its name, and whether it was made now."""
        name = self._policy.project
        there = self._connection.project_ids().get(name)
        if there is None:
            heartbeat(f"making project {name!r}. {CUSTOM_VISION_NOTICE}")
            return Project(self._connection, self._connection.create_project(name, kind, self._policy.domain), name), True
        project_id, learns = there
        if learns != kind:
            raise TrainingError(
                f"Project {name!r} learns {learns}, and the training set is {kind}. Name another project in custom_vision.project, or set "
                f"custom_vision.project_type to {learns!r}."
            )
        return Project(self._connection, project_id, name), False

    def _kept_iterations(self, project_id: str) -> set[str]:
        serving = self._records.serving(project_id)
        records = map(self._records.find, filter(None, (serving.model_id, serving.previous)))
        return {record.iteration_id for record in records if record}

    def _project(self, project_id: str) -> Project:
        return Project(self._connection, project_id, self._policy.project)

    def _trainings(self, project: Project, heartbeat: Heartbeat) -> Trainings:
        return Trainings(project, self._policy, self._connection.calls.clock, heartbeat)

    def _desired(self, images: Sequence[TrainingImage]) -> Desired:
        return desire(images, self._policy.project_type, self._least, self._policy.negative_tag)

    def _raise_refusal(self, desired: Desired, because: str = "") -> None:
        if reason := refusal(desired, self._least):
            raise TrainingError(because + reason)

    def _check_target(self) -> None:
        if not self._policy.prediction_resource_id:
            raise SettingsError(
                "A trained iteration could not be published. Set custom_vision.prediction_resource_id to the full id of the prediction "
                "resource, /subscriptions/…/accounts/<name>."
            )


def _details(project: Project, desired: Desired, changes: Changes) -> Mapping[str, str]:
    return {
        "project": project.id,
        "images": str(len(desired.images)),
        "uploaded": str(changes.uploaded),
        "retagged": str(changes.retagged),
        "deleted": str(changes.deleted),
        "left_out": ", ".join(f"{tag} ({number})" for tag, number in desired.rare.items()),
        "rejected": str(len(desired.left_out) + len(changes.rejected)),
        "images_of_others": str(changes.foreign),
    }


def _summary(changes: Changes) -> str:
    told = (
        f"the project holds the training set: {changes.uploaded} images uploaded, {changes.known_already} there already, "
        f"{changes.retagged} retagged, {changes.deleted} deleted"
    )
    if changes.rejected:
        some = "; ".join(f"{sha256[:12]}: {reason}" for sha256, reason in list(changes.rejected.items())[:_LISTED])
        more = f" and {len(changes.rejected) - _LISTED} more" if len(changes.rejected) > _LISTED else ""
        told += f"; {len(changes.rejected)} rejected ({some}{more})"
    if changes.foreign:
        told += f"; {changes.foreign} images of others are left alone, and are learnt from, too"
    return told
