"""Custom Vision that answers questions and only says that it changed: the trainer's own code runs over it, and its calls are counted.

Belongs here: what a change is answered with, by the SDK's method. Does not: which changes there are (`reconcile.py`, `trainings.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count as numbers
from types import SimpleNamespace
from typing import Any

from typing_extensions import override

from imaging_assets.azure.custom_vision.calls import CALLS_PER_SECOND, MARGIN, CallKind, Calls, Clock, Result
from imaging_assets.azure.custom_vision.client import GENERAL_DETECTION, Connection
from imaging_assets.azure.custom_vision.trainings import AT_REST, NOT_NEEDED, RUNNING
from imaging_assets.azure.custom_vision.wire import kind_of
from imaging_assets.errors import ServiceError
from imaging_assets.policies import CustomVision

Count = Callable[[str, str, int], None]
"""Told the service, what was done, and how often."""

SERVICE, CONTENT = "custom vision", "custom vision content"
"""Calls, and what they bring about: images uploaded, retagged, deleted, and a training, which not every call for one begins."""

_NEW_PROJECT, _NEW_ITERATION = "rehearsed-project", "rehearsed-iteration"

_LEARNS_THE_SAME = {"update_tag", "update_iteration", "delete_iteration", "unpublish_iteration"}
"""Changes that leave nothing new to learn."""


class RehearsedCalls(Calls):
    """Waits for nothing; `seconds` is how long the calls would take at the tier's pace, by kind."""

    def __init__(self, tier: str) -> None:
        super().__init__(tier, clock=Clock(sleep=lambda _: None))
        self._pace = CALLS_PER_SECOND[tier]
        self.seconds: dict[CallKind, float] = {"prediction": 0.0, "train": 0.0, "other": 0.0}

    @override
    def make(self, kind: CallKind, doing: str, call: Callable[[], Result], **_how: Any) -> Result:
        self.seconds[kind] += MARGIN / self._pace[kind]
        return call()


def rehearse(policy: CustomVision, count: Count) -> tuple[Connection, RehearsedCalls]:
    """A connection that reads for real, and changes nothing."""
    connection = Connection(policy)
    training = RehearsedTraining(connection.training, connection.calls, count)
    connection.training = training
    connection.prediction = RehearsedPrediction(count)
    connection.calls = calls = RehearsedCalls(policy.tier)
    return connection, calls


class RehearsedPrediction:
    """The prediction client."""

    def __init__(self, count: Count) -> None:
        self._count = count

    def classify_image_with_no_store(self, _project: str, _name: str, _image: bytes) -> Any:
        """Counted."""
        self._count(SERVICE, "classify_image_with_no_store", 1)
        return _seen(boxed=False)

    def detect_image_with_no_store(self, _project: str, _name: str, _image: bytes) -> Any:
        """Counted."""
        self._count(SERVICE, "detect_image_with_no_store", 1)
        return _seen(boxed=True)


class RehearsedTraining:
    """The training client: `get_…` is asked for real, as patiently as ever; what changes something is counted and answered here.

    A training that really runs is taken for done as soon as somebody would wait for it.
    """

    def __init__(self, real: Any, patient: Calls, count: Count) -> None:
        self._real, self._patient, self._count = real, patient, count
        self._detects: set[str] = set()
        self._iterations: dict[str, SimpleNamespace] = {}
        self._awaited: set[str] = set()
        self._changed = False
        self._ids = numbers(1)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("get_"):
            return partial(self._read, name)
        return partial(self._change, name)

    def get_projects(self) -> Any:
        """Real ones; which of them learn boxes is remembered."""
        found = self._read("get_projects")
        self._detects |= {str(project.id) for project in found if kind_of(project.settings) == "detection"}
        return found

    def create_project(self, name: str, *, domain_id: str | None, classification_type: str | None) -> Any:
        """A project that is not there."""
        self._count(SERVICE, "create_project", 1)
        if classification_type is None or domain_id == GENERAL_DETECTION:
            self._detects.add(_NEW_PROJECT)
        return SimpleNamespace(id=_NEW_PROJECT, name=name)

    def create_tag(self, _project: str, name: str, *, description: str | None, type: str) -> Any:  # noqa: A002 - the SDK's
        """A tag without images."""
        self._count(SERVICE, "create_tag", 1)
        self._changed = True
        return SimpleNamespace(id=self._new_id(), name=name, description=description, type=type, image_count=0)

    def create_images_from_files(self, _project: str, batch: Any) -> Any:
        """Every image is taken, and none was there."""
        self._count(SERVICE, "create_images_from_files", 1)
        self._changed = True
        self._count(CONTENT, "images uploaded", len(batch.images))
        results = [
            SimpleNamespace(status="OK", source_url=f'"{entry.name}"', image=SimpleNamespace(id=self._new_id()))
            for entry in batch.images
        ]
        return SimpleNamespace(images=results)

    def delete_images(self, _project: str, *, image_ids: Sequence[str]) -> None:
        """Counted."""
        self._count(SERVICE, "delete_images", 1)
        self._changed = True
        self._count(CONTENT, "images deleted", len(image_ids))

    def get_iterations(self, project: str) -> Any:
        """Those that are there, and those that were rehearsed."""
        there = [] if project == _NEW_PROJECT else self._read("get_iterations", project)
        return [*map(self._as_awaited, there), *self._iterations.values()]

    def get_iteration(self, project: str, iteration: str) -> Any:
        """As one that is waited for: done at once."""
        if iteration not in self._iterations:
            found = self._read("get_iteration", project, iteration)
            self._awaited |= _running([found])
            return self._as_awaited(found)
        self._count(SERVICE, "get_iteration", 1)
        return self._iterations[iteration]

    def train_project(self, project: str, *, training_type: str, force_train: bool, **_how: Any) -> Any:
        """An iteration that is done, or the service's refusal.

        Raises:
            ServiceError: Another training runs, or nothing changed since the last one.
        """
        self._count(SERVICE, "train_project", 1)
        self._refuse(project, force=force_train)
        self._count(CONTENT, "training begun", 1)
        identity = f"{_NEW_ITERATION}-{self._new_id()}"
        self._iterations[identity] = SimpleNamespace(
            id=identity,
            name="Iteration rehearsed",
            status="Completed",
            publish_name=None,
            original_publish_resource_id=None,
            created=None,
            training_type=training_type,
            training_time_in_minutes=0,
            training_error_details=None,
        )
        return self._iterations[identity]

    def get_iteration_performance(self, project: str, iteration: str) -> Any:
        """Of a rehearsed one, nothing is known."""
        if iteration not in self._iterations and iteration not in self._awaited:
            return self._read("get_iteration_performance", project, iteration)
        self._count(SERVICE, "get_iteration_performance", 1)
        return SimpleNamespace(precision=0.0, recall=0.0)

    def publish_iteration(self, _project: str, iteration: str, name: str, target: str, *, overwrite: bool) -> bool:
        """Counted, and remembered of a rehearsed one."""
        del overwrite
        self._count(SERVICE, "publish_iteration", 1)
        if found := self._iterations.get(iteration):
            found.publish_name, found.original_publish_resource_id = name, target
        return True

    def quick_test_image(self, project: str, _image: bytes, **_how: Any) -> Any:
        """Counted."""
        self._count(SERVICE, "quick_test_image", 1)
        return _seen(boxed=project in self._detects)

    def _refuse(self, project: str, *, force: bool) -> None:
        if project == _NEW_PROJECT:
            return
        iterations = self._ask("get_iterations", project)
        if running := _running(iterations) - self._awaited:
            self._awaited |= running  # whoever hears this waits for them
            raise ServiceError("A training runs already. Wait for it.", 400, RUNNING)
        done = [each for each in iterations if each.status == "Completed" or each.id in self._awaited]
        if self._changed or force or not done:
            return
        newest = max(done, key=lambda each: each.created)
        if _counts(self._ask("get_tags", project)) == _counts(self._ask("get_tags", project, iteration_id=newest.id)):
            raise ServiceError("Nothing changed since the last training. Use its iteration.", 400, NOT_NEEDED)

    def _as_awaited(self, iteration: Any) -> Any:
        if iteration.id in self._awaited:
            iteration.status = "Completed"
        return iteration

    def _read(self, name: str, *args: Any, **how: Any) -> Any:
        self._count(SERVICE, name, 1)
        return self._ask(name, *args, **how)

    def _ask(self, name: str, *args: Any, **how: Any) -> Any:
        doing = f"{name.replace('_', ' ')} for the plan"
        return self._patient.make("other", doing, partial(getattr(self._real, name), *args, **how))

    def _change(self, name: str, *_args: Any, **how: Mapping[str, Any]) -> None:
        self._count(SERVICE, name, 1)
        self._changed |= name not in _LEARNS_THE_SAME
        if name == "create_image_tags":
            self._count(CONTENT, "tags given", len(how["tags"]))

    def _new_id(self) -> str:
        return f"rehearsed-{next(self._ids)}"


def _running(iterations: Sequence[Any]) -> set[str]:
    return {iteration.id for iteration in iterations if iteration.status not in AT_REST}


def _counts(tags: Sequence[Any]) -> dict[str, int]:
    return {tag.id: tag.image_count for tag in tags if tag.image_count}


def _seen(*, boxed: bool) -> Any:
    box = SimpleNamespace(left=0.0, top=0.0, width=1.0, height=1.0) if boxed else None
    return SimpleNamespace(predictions=[SimpleNamespace(tag_name="?", probability=0.5, bounding_box=box)])
