"""Trainings of a project: make room, start only what is needed, wait, adopt what runs already, publish.

Belongs here: iterations. Does not: the project's images (`reconcile.py`), which model an iteration is (`models.py`).
"""

from collections.abc import Collection, Sequence

from imaging_assets.azure.custom_vision.calls import Clock
from imaging_assets.azure.custom_vision.project import Project
from imaging_assets.azure.custom_vision.wire import Iteration
from imaging_assets.errors import ServiceError, TrainingError
from imaging_assets.policies import CustomVision
from imaging_assets.ports.trainer import Heartbeat

KEPT_ITERATIONS = 18
"""Kept before a training; a project has room for 20."""

_NOT_NEEDED = "BadRequestTrainingNotNeeded"
_RUNNING = "BadRequestTrainingAlreadyInProgress"
_REFUSED = "TrainingValidationFailed"


class Trainings:
    """Iterations of one project."""

    def __init__(self, project: Project, policy: CustomVision, clock: Clock, heartbeat: Heartbeat) -> None:
        self._project = project
        self._policy = policy
        self._clock = clock
        self._heartbeat = heartbeat

    def make_room(self, iterations: Sequence[Iteration], kept: Collection[str]) -> list[Iteration]:
        """Delete the oldest iterations beyond 18; returns the deleted ones.

        Published and running ones stay, and so do those whose id is in `kept`.
        """
        free = [
            iteration
            for iteration in iterations
            if not iteration.publish_name and iteration.id not in kept and iteration.status in ("Completed", "Failed")
        ]
        failed_first = sorted(free, key=lambda iteration: iteration.status != "Failed")
        doomed = failed_first[: max(len(iterations) - KEPT_ITERATIONS, 0)]
        for iteration in doomed:
            self._heartbeat(f"deleting {iteration.name!r} of {iteration.created[:10]}: a project has room for 20 iterations")
            self._project.delete_iteration(iteration)
        return doomed

    def start(self, before: Collection[str]) -> Iteration:
        """The iteration that learns (or learnt) from the project as it is now.

        Args:
            before: Ids of iterations there were before.

        Raises:
            TrainingError: The service refuses to train on this.
        """
        force = False
        while True:
            try:
                return self._ask(before, force=force)
            except ServiceError as error:
                if error.code == _RUNNING:
                    self._wait_for_another()
                elif error.code.startswith(_NOT_NEEDED) and (newest := self._newest_completed()):
                    if self._as_wished(newest):
                        self._heartbeat(f"nothing changed since {newest.name!r}; it is used again")
                        return newest
                    force = True
                elif error.code.endswith(_REFUSED):
                    raise TrainingError(f"{error} Label more images of each tag.") from None
                else:
                    raise

    def wait(self, iteration_id: str) -> Iteration:
        """The iteration when it is done.

        Raises:
            TrainingError: It failed, or did not end before the deadline.
        """
        begun = self._clock.now()
        while True:
            iteration = self._project.iteration(iteration_id)
            if iteration.status == "Completed":
                return iteration
            if iteration.status == "Failed":
                raise TrainingError(
                    f"Training {iteration.name!r} of project {self._project.name!r} failed: {iteration.error or 'no reason given'}. "
                    "Run again to train anew; if it fails again, look at the iteration in the portal."
                )
            seconds = self._clock.now() - begun
            if seconds >= 60 * self._policy.deadline_minutes:
                raise TrainingError(
                    f"Training {iteration.name!r} of project {self._project.name!r} is not done after {seconds / 60:.0f} minutes. It goes "
                    "on; run again to wait for it, or raise custom_vision.deadline_minutes."
                )
            self._heartbeat(f"{iteration.name!r} is {iteration.status.lower()}, {seconds:.0f} seconds so far")
            self._clock.sleep(self._policy.poll_seconds)

    def publish(self, iteration_id: str) -> None:
        """Let an iteration answer under the publish name; nothing when it does."""
        name, target = self._policy.publish_name, self._policy.prediction_resource_id
        iteration = self._project.iteration(iteration_id)
        if iteration.publish_name == name and iteration.publish_target == target:
            return
        if iteration.publish_name:
            # The service refuses to publish what is published, whatever `overwrite` says.
            self._project.unpublish(iteration)
        self._project.publish(iteration, name, target)

    def _ask(self, before: Collection[str], *, force: bool) -> Iteration:
        self._heartbeat("asking for a training")
        advanced = self._policy.training_type == "advanced"
        hours = self._policy.budget_hours if advanced else 0
        return self._project.train("Advanced" if advanced else "Regular", hours, before, force=force)

    def _wait_for_another(self) -> None:
        running = [iteration for iteration in self._project.iterations() if iteration.status == "Training"]
        for iteration in running:
            self._heartbeat(f"{iteration.name!r} runs already, on what the project held before; waiting for it")
            try:
                self.wait(iteration.id)
            except TrainingError as error:
                if self._project.iteration(iteration.id).status == "Training":
                    raise
                self._heartbeat(str(error))  # it is not ours, and it is out of the way

    def _newest_completed(self) -> Iteration | None:
        done = [iteration for iteration in self._project.iterations() if iteration.status == "Completed"]
        return done[-1] if done else None

    def _as_wished(self, iteration: Iteration) -> bool:
        return iteration.training_type.lower() == self._policy.training_type
