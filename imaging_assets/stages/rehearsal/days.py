"""What `imaging-assets run` would do: the same steps in the same order, over stand-ins.

Belongs here: the order, and what is told of each day and of the training. Does not: what stands in (`ports.py`, `store.py`), prices.

Whether a challenger will be better than the model that serves cannot be known before it is trained, so two numbers are told: without its
publication, and what comes on top with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from imaging_assets.errors import ConsentRequiredError, ManifestError
from imaging_assets.stages.catalog import catalog_day
from imaging_assets.stages.days import Behind, Days
from imaging_assets.stages.images.raw import take_inventory
from imaging_assets.stages.insights.plan import VECTORS
from imaging_assets.stages.insights.steps import analyze_day
from imaging_assets.stages.insights.vectors import embed_day
from imaging_assets.stages.manifests.labels import refresh_labels
from imaging_assets.stages.manifests.tagged import tag_day
from imaging_assets.stages.manifests.training_sets import gather_training_set
from imaging_assets.stages.models.iterations import iterate, training_is_due
from imaging_assets.stages.models.registry import Registry, now_utc
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.predictions import predict_day
from imaging_assets.stages.rehearsal.images import pretend_resized, stated_digests
from imaging_assets.stages.rehearsal.store import RehearsalStore
from imaging_assets.stages.review.queues import queue_day
from imaging_assets.stages.search import index_day
from imaging_assets.stages.state import ALL, Draft

_ROUNDS = 10


@dataclass
class DayAhead:
    """What would become of a day; `stopped` says why it would stop, or is ""."""

    day: str
    images: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    to_read: int = 0
    bytes_to_read: int = 0
    insights: int = 0
    predictions: int = 0
    documents: int = 0
    documents_deleted: int = 0
    stopped: str = ""


@dataclass
class TrainingAhead:
    """The training as of the newest tagged day.

    Attributes:
        open: Whether it depends on the model's accuracy if it is published.
        sensor: Why the training sensor would wait although `run` would not, or "".
    """

    day: str
    trains: bool
    reason: str
    model_id: str = ""
    images: int = 0
    test_images: int = 0
    open: bool = False
    sensor: str = ""


@dataclass
class Rehearsal:
    """The days that are behind, done in thought.

    Args:
        pipeline: Over stand-ins, its store above all.
    """

    pipeline: Pipeline
    store: RehearsalStore
    days: dict[str, DayAhead] = field(default_factory=dict)
    training: TrainingAhead | None = None
    _tried: set[str] = field(default_factory=set)

    def run(self, chosen: Sequence[str]) -> None:
        """As `imaging-assets run` over these days."""
        for _ in range(_ROUNDS):
            behind = [found for found in self._behind(chosen) if found.wanted not in self._tried]
            self._tried |= {found.wanted for found in behind}
            for found in behind:
                self._day(found)
            if not behind and not self._train():
                return

    @cached_property
    def stated(self) -> dict[str, str]:
        """Digests that label files state."""
        return stated_digests(self.pipeline)

    def publish(self) -> None:
        """Let the trained model be the better one."""
        assert self.training is not None
        self.pipeline.trainer.publish(self.training.model_id)
        Registry(self.pipeline.store, self.pipeline.places.models).publish(self.training.model_id, "rehearsed")

    def _behind(self, chosen: Sequence[str]) -> list[Behind]:
        days = Days(self.pipeline)
        waiting = [day for day in chosen if not (day in self.days and self.days[day].stopped)]
        behind = [found for day in waiting if (found := self._look(days, day))]
        if any("label_records" in found.selection for found in behind) or not days.newest("resized_images"):
            return behind
        if not days.labels_behind():
            return behind
        self.commit(refresh_labels(self.pipeline, days.newest("resized_images"))[0])
        days = Days(self.pipeline)
        return [found for day in waiting if (found := self._look(days, day))]

    def _look(self, days: Days, day: str) -> Behind | None:
        try:
            return days.behind(day)
        except ManifestError as error:
            self._ahead(day).stopped = str(error)
            return None

    def _day(self, found: Behind) -> None:
        ahead = self._ahead(found.day)
        try:
            for step in found.selection:
                _STEPS.get(step, _insight(step))(self, ahead)
        except (ConsentRequiredError, ManifestError) as error:
            ahead.stopped = str(error)

    def _ahead(self, day: str) -> DayAhead:
        return self.days.setdefault(day, DayAhead(day))

    def commit(self, draft: Draft) -> None:
        """Let a step's result stand, in the overlay."""
        self.pipeline.manifests.commit(draft)

    def _train(self) -> bool:
        days, pipeline = Days(self.pipeline), self.pipeline
        day = days.newest_tagged
        if not day or not (days.training_set_behind() or days.iteration_behind()):
            return False
        tagged = {key: manifest for key, manifest in days.newest("tagged_manifests").items() if key <= day}
        self.commit(gather_training_set(pipeline, day, tagged)[0])
        training_set = pipeline.manifests.find("training_sets", day)
        due, wait = training_is_due(pipeline, training_set, now_utc())
        draft, report = iterate(pipeline, training_set, day, lambda _: None)
        self.commit(draft)
        self.training = TrainingAhead(day, report.trained, report.reason, report.model_id, report.images, report.test_images)
        if report.trained:
            self.training.open = report.published is None
            self.training.reason = (
                f"Published if it is better than the model that serves, on the same {report.test_images} test images."
                if self.training.open
                else report.reason
            )
            self.training.sensor = "" if due else wait
        return True


Doing = Callable[[Rehearsal, DayAhead], None]


def _raw(rehearsal: Rehearsal, ahead: DayAhead) -> None:
    draft, report = take_inventory(rehearsal.pipeline, ahead.day)
    rehearsal.commit(draft)
    ahead.images = report.images
    ahead.new += report.new
    ahead.changed += report.changed
    ahead.gone += report.deleted


def _resized(rehearsal: Rehearsal, ahead: DayAhead) -> None:
    pipeline = rehearsal.pipeline
    draft, number, size = pretend_resized(
        pipeline, pipeline.manifests.find("raw_images", ahead.day), rehearsal.store, lambda: rehearsal.stated
    )
    rehearsal.commit(draft)
    ahead.to_read += number
    ahead.bytes_to_read += size


def _insight(step: str) -> Doing:
    def run(rehearsal: Rehearsal, ahead: DayAhead) -> None:
        pipeline, find = rehearsal.pipeline, rehearsal.pipeline.manifests.find
        resized = find("resized_images", ahead.day)
        if step == VECTORS:
            vectors, made = embed_day(pipeline, resized)
            rehearsal.commit(vectors)
            ahead.insights += made.embedded
            return
        chosen = pipeline.insights.steps[step]
        required = {name: find(name, ahead.day) for name in chosen.requires}
        draft, report = analyze_day(pipeline, chosen, resized, required)
        rehearsal.commit(draft)
        ahead.insights += report.analyzed

    return run


def _labels(rehearsal: Rehearsal, _ahead: DayAhead) -> None:
    rehearsal.commit(refresh_labels(rehearsal.pipeline, rehearsal.pipeline.manifests.newest("resized_images"))[0])


def _tagged(rehearsal: Rehearsal, ahead: DayAhead) -> None:
    find = rehearsal.pipeline.manifests.find
    rehearsal.commit(tag_day(rehearsal.pipeline, find("resized_images", ahead.day), find("label_records", ALL))[0])


def _predicted(rehearsal: Rehearsal, ahead: DayAhead) -> None:
    draft, report = predict_day(rehearsal.pipeline, rehearsal.pipeline.manifests.find("resized_images", ahead.day))
    rehearsal.commit(draft)
    ahead.predictions += report.scored


def _of_sources(work: Callable[..., tuple[Draft, object]]) -> Doing:
    def run(rehearsal: Rehearsal, ahead: DayAhead) -> None:
        if sources := Days(rehearsal.pipeline).sources(ahead.day):
            rehearsal.commit(work(rehearsal.pipeline, sources)[0])

    return run


def _documents(rehearsal: Rehearsal, ahead: DayAhead) -> None:
    if sources := Days(rehearsal.pipeline).sources(ahead.day):
        draft, report = index_day(rehearsal.pipeline, sources)
        rehearsal.commit(draft)
        ahead.documents += report.sent
        ahead.documents_deleted += report.deleted


_STEPS: dict[str, Doing] = {
    "raw_images": _raw,
    "resized_images": _resized,
    "label_records": _labels,
    "tagged_manifests": _tagged,
    "predictions": _predicted,
    "review_queues": _of_sources(queue_day),
    "search_documents": _documents,
    "image_catalog": _of_sources(catalog_day),
}
