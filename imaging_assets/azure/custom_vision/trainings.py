"""Trainings of a project: make room, start only what is needed, wait, adopt what runs already, publish.

Belongs here: iterations. Does not: the project's images (`reconcile.py`), which model an iteration is (`models.py`).
"""

from collections.abc import Callable, Collection, Sequence

from imaging_assets.azure.custom_vision.calls import Clock
from imaging_assets.azure.custom_vision.project import Project
from imaging_assets.azure.custom_vision.wire import Iteration
from imaging_assets.errors import ServiceError, TrainingError
from imaging_assets.policies import CustomVision
from imaging_assets.ports.trainer import Heartbeat

KEPT_ITERATIONS = 18
"""Kept before a training; a project has room for 20."""

NOT_NEEDED = "BadRequestTrainingNotNeeded"
RUNNING = "BadRequestTrainingAlreadyInProgress"
_REFUSED = "TrainingValidationFailed"
AT_REST = ("New", "Completed", "Failed")
"""States of an iteration that nothing is being learnt in."""


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

    def start(self, before: Collection[str], learnt_this: Callable[[Iteration], bool]) -> Iteration:
        """The iteration that learns (or learnt) from the project as it is now.

        Args:
            before: Ids of iterations there were before.
            learnt_this: Whether an iteration, as far as we know, learnt from what the project holds now.

        Raises:
            TrainingError: The service refuses to train on this, or another training stands in the way for too long.
        """
        begun = self._clock.now()
        force = False
        while True:
            try:
                return self._ask(before, force=force)
            except ServiceError as error:
                if error.code == RUNNING:
                    self._wait_for_another(begun)
                elif error.code.startswith(NOT_NEEDED) and not force:
                    newest = self._newest()
                    if newest and self._as_wished(newest) and learnt_this(newest):
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

    def _wait_for_another(self, begun: float) -> None:
        self._heartbeat("another training runs already, on what the project held before; waiting for it")
        while any(iteration.status not in AT_REST for iteration in self._project.iterations()):
            if self._clock.now() - begun >= 60 * self._policy.deadline_minutes:
                raise TrainingError(
                    f"Another training of project {self._project.name!r} does not end. Look at it in the portal, then run again."
                )
            self._clock.sleep(self._policy.poll_seconds)
        self._clock.sleep(self._policy.poll_seconds)

    def _newest(self) -> Iteration | None:
        """The newest iteration; an empty one that waits for a training does not count."""
        done = [iteration for iteration in self._project.iterations() if iteration.status != "New"]
        return done[-1] if done else None

    def _as_wished(self, iteration: Iteration) -> bool:
        return iteration.status == "Completed" and iteration.training_type.lower() == self._policy.training_type
