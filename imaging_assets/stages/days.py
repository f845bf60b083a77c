"""Which steps of which day are behind? One listing per asset answers for all days.

Belongs here: comparing what stands with what a step would read now. Does not: what it reads (`*_inputs`), when to ask (`defs/sensors`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from imaging_assets.errors import CatalogError, MassDeletionError
from imaging_assets.records.images import BlobInfo
from imaging_assets.stages.catalog import catalog_inputs
from imaging_assets.stages.day_sources import DaySources
from imaging_assets.stages.digests import digest
from imaging_assets.stages.images.landing import Landing
from imaging_assets.stages.images.raw import NOTHING, lost_a_source, raw_inputs
from imaging_assets.stages.images.resized import resized_inputs
from imaging_assets.stages.insights.plan import VECTORS
from imaging_assets.stages.insights.steps import step_inputs
from imaging_assets.stages.insights.vectors import vector_inputs
from imaging_assets.stages.manifests.labels import label_digests, label_inputs
from imaging_assets.stages.manifests.sources import label_files
from imaging_assets.stages.manifests.tagged import tagged_inputs
from imaging_assets.stages.manifests.training_sets import sides_by_day, training_set_inputs
from imaging_assets.stages.models.iterations import iteration_inputs, training_digest, training_images
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.predictions import prediction_inputs
from imaging_assets.stages.review.queues import review_inputs
from imaging_assets.stages.search import document_inputs
from imaging_assets.stages.state import ALL, Manifest
from imaging_assets.stages.tables import TRAINING_SETS

_BEFORE = ("raw_images", "resized_images")
_AFTER = ("label_records", "tagged_manifests", "predictions", "review_queues", "search_documents", "image_catalog")


def chain(insights: Iterable[str]) -> tuple[str, ...]:
    """The steps of a day, in the order of the data; one run does them all.

    Args:
        insights: Steps of the group insights, in order (`Plan.order`).
    """
    return (*_BEFORE, *insights, *_AFTER)


MADE_OF_ALL = ("review_queues", "search_documents", "image_catalog")
"""Those that any other step may put behind."""


@dataclass(frozen=True, slots=True)
class Behind:
    """Steps of a day that are not done, in order, and a digest of what they would read; a later step may follow once these are done.

    `waits_for_model` says that nothing is missing but the predictions of a model that was published since; `chain` are all steps of the
    day, and empty for what is no day's.
    """

    day: str
    steps: tuple[str, ...]
    wanted: str
    waits_for_model: bool = False
    chain: tuple[str, ...] = ()

    @property
    def selection(self) -> tuple[str, ...]:
        """What to run: the day's whole chain when its images changed, else the steps behind and what is made of them."""
        if {*_BEFORE} & {*self.steps}:
            return self.chain
        if self.steps[0] in self.chain and self.steps[0] not in MADE_OF_ALL:
            return tuple(step for step in self.chain if step in (*self.steps, *MADE_OF_ALL))
        return self.steps


class Days:
    """What stands and what is behind, as of the moment each part is first looked at."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.chain = chain(pipeline.insights.order)
        self.landing = Landing(pipeline)
        self._standing: dict[str, dict[str, list[Manifest]]] = {}
        self._listed: dict[str, list[BlobInfo]] = {}

    def newest(self, asset: str) -> dict[str, Manifest]:
        """Newest manifest by key."""
        return {key: manifests[-1] for key, manifests in self._all(asset).items()}

    @cached_property
    def known(self) -> list[str]:
        """Every day with landed images or an inventory, oldest first."""
        return sorted({*self._landing_days, *self.newest("raw_images")})

    _landing_days = cached_property(lambda self: self.landing.days())
    _sides_of = cached_property(lambda self: sides_by_day(self.pipeline))

    @cached_property
    def newest_tagged(self) -> str:
        """The newest day with a tagged manifest, or ""."""
        return max(self.newest("tagged_manifests"), default="")

    @cached_property
    def labels_of(self) -> Mapping[str, str]:
        """Digest of the labels that concern each day, as of the newest label records."""
        return label_digests(self.pipeline, self.newest("label_records").get(ALL))

    @cached_property
    def model_id(self) -> str | None:
        """The published model."""
        published = Registry(self.pipeline.store, self.pipeline.places.models).published()
        return published.model_id if published else None

    def vanished(self, days: Iterable[str]) -> list[str]:
        """Days that had images of a landing source at their last inventory and have none of it now."""
        there = set(self._landing_days)
        stood = {day: raw for day in days if (raw := self._stands("raw_images", day)) and raw.rows != NOTHING}
        self._listed = {day: self.landing.of_day(day) for day in stood if day in there and len(self.pipeline.roots) > 1}
        torn = {day for day, blobs in self._listed.items() if lost_a_source(self.pipeline, stood[day], blobs)}
        return sorted(stood.keys() - there | torn)

    def labels_behind(self) -> str:
        """What `label_records` would read, when it is not done; else ""."""
        wanted = label_inputs(self.pipeline, label_files(self.pipeline), self.newest("resized_images"))
        return "" if self._done("label_records", ALL, wanted) else wanted

    def behind(self, day: str, blobs: list[BlobInfo] | None = None) -> Behind | None:
        """The steps of a day's chain that are not done, or None.

        Args:
            blobs: The day's listing, where it is at hand.
        """
        listed = self._listed.pop(day, None) if blobs is None else blobs
        wanted = {"raw_images": raw_inputs(self.pipeline, self.landing.of_day(day) if listed is None else listed)}
        raw = self._stands("raw_images", day)
        if raw is None or not self._done("raw_images", day, wanted["raw_images"]):
            return Behind(day, self.chain, digest(day, wanted["raw_images"]), chain=self.chain)
        return self.behind_inside(day)

    def behind_inside(self, day: str) -> Behind | None:
        """As `behind`, without looking at the landing place."""
        raw, resized = self._stands("raw_images", day), self._stands("resized_images", day)
        if raw is None:
            return None
        wanted = {"resized_images": resized_inputs(self.pipeline, raw)}
        if resized is not None:
            wanted |= self._wanted_insights(day, resized)
            if tagged := self._wanted_tagged(day, resized):
                wanted["tagged_manifests"] = tagged
            wanted["predictions"] = self._wanted_predictions(day, resized)
            if sources := self.sources(day):
                wanted["review_queues"] = review_inputs(self.pipeline, sources)
                wanted["search_documents"] = document_inputs(self.pipeline, sources, self._sides_of.get(day, ""))
                wanted["image_catalog"] = self._wanted_catalog(day, sources)
        # A step whose inputs do not stand yet is behind too, but says nothing new about what is wanted.
        behind = {
            step
            for step in self.chain[1:]
            if step != "label_records" and (step not in wanted or not self._done(step, day, wanted[step]))
        }
        if "tagged_manifests" in behind and ALL not in self.newest("label_records"):
            behind.add("label_records")
        if not behind:
            return None
        steps = tuple(step for step in self.chain if step in behind)
        waits_for_model = resized is not None and steps[0] == "predictions" and self._predicted(day, resized)
        return Behind(day, steps, digest(day, [wanted.get(step) for step in steps]), waits_for_model, self.chain)

    def training_set_behind(self) -> str:
        """What `training_sets` of the newest tagged day would read, when it is not done; else ""."""
        day = self.newest_tagged
        if not day:
            return ""
        tagged = {key: manifest for key, manifest in self.newest("tagged_manifests").items() if key <= day}
        wanted = training_set_inputs(self.pipeline, tagged)
        return "" if self._done("training_sets", day, wanted) else wanted

    def iteration_behind(self) -> str:
        """What `training_iterations` of the newest tagged day would read, when it is not done; else ""."""
        training_set = self._stands("training_sets", self.newest_tagged)
        if training_set is None:
            return ""
        wanted = iteration_inputs(self.pipeline, training_set, self.newest_tagged)
        return "" if self._done("training_iterations", training_set.key, wanted) else wanted

    def training_set_was_judged(self) -> bool:
        """Whether a model was trained on the newest training set before: then its iteration takes no training, only writing down."""
        training_set = self._stands("training_sets", self.newest_tagged)
        if training_set is None:
            return False
        images = training_images(self.pipeline.manifests.read(training_set, TRAINING_SETS))
        wanted = training_digest(self.pipeline, images)
        ledger = Registry(self.pipeline.store, self.pipeline.places.models).ledger()
        return any(entry["event"] == "judged" and entry["training_digest"] == wanted for entry in ledger)

    def _wanted_tagged(self, day: str, resized: Manifest) -> str:
        """By the labels of the day; without label records nobody knows those, so what stands does, and "" where nothing does."""
        if ALL in self.newest("label_records"):
            return tagged_inputs(resized, self.labels_of.get(day, ""))
        stands = self._stands("tagged_manifests", day)
        return stands.inputs if stands else ""

    def _wanted_catalog(self, day: str, sources: DaySources) -> str:
        """While the database cannot be reached, what stands does: images must not wait for it."""
        stands = self._stands("image_catalog", day)
        if self._catalog_id or stands is None:
            return catalog_inputs(self._catalog_id, sources)
        return stands.inputs

    @cached_property
    def _catalog_id(self) -> str:
        try:
            return self.pipeline.catalog.catalog_id
        except CatalogError:
            return ""

    def _predicted(self, day: str, resized: Manifest) -> bool:
        """Whether the day was predicted as it is now, by any model or in want of one."""
        models = (None, *self._ever_published)
        return any(self._done("predictions", day, prediction_inputs(resized, model_id)) for model_id in models)

    def _wanted_predictions(self, day: str, resized: Manifest) -> str:
        """By the published model; outside the rollout window any model that was ever published will do."""
        newest = max(self.known, default=day)
        if (date.fromisoformat(newest) - date.fromisoformat(day)).days > self.pipeline.rollout.days:
            for model_id in self._ever_published:
                if self._done("predictions", day, wanted := prediction_inputs(resized, model_id)):
                    return wanted
        return prediction_inputs(resized, self.model_id)

    @cached_property
    def _ever_published(self) -> set[str]:
        ledger = Registry(self.pipeline.store, self.pipeline.places.models).ledger()
        return {str(entry["model_id"]) for entry in ledger if entry["event"] in ("published", "rolled back")}

    def sources(self, day: str) -> DaySources | None:
        """What the day's documents are made of, or None while a part of it is missing."""
        resized, tagged, predictions = (
            self._stands(asset, day) for asset in ("resized_images", "tagged_manifests", "predictions")
        )
        insights = self._standing_insights(day)
        if resized is None or tagged is None or predictions is None or len(insights) < len(self.pipeline.insights.order):
            return None
        return DaySources(resized=resized, tagged=tagged, predictions=predictions, insights=insights)

    def _standing_insights(self, day: str) -> dict[str, Manifest]:
        return {name: manifest for name in self.pipeline.insights.order if (manifest := self._stands(name, day))}

    def _wanted_insights(self, day: str, resized: Manifest) -> dict[str, str]:
        """What each step would read; not those that require one which does not stand yet."""
        standing, wanted = self._standing_insights(day), {}
        for name in self.pipeline.insights.order:
            if name == VECTORS:
                wanted[name] = vector_inputs(self.pipeline, resized)
            elif (step := self.pipeline.insights.steps[name]).requires and not {*step.requires} <= standing.keys():
                continue
            else:
                wanted[name] = step_inputs(step, resized, standing)
        return wanted

    def _all(self, asset: str) -> dict[str, list[Manifest]]:
        if asset not in self._standing:
            self._standing[asset] = self.pipeline.manifests.standing(asset)
        return self._standing[asset]

    def _stands(self, asset: str, key: str) -> Manifest | None:
        return next(reversed(self._all(asset).get(key, [])), None)

    def _done(self, asset: str, key: str, wanted: str) -> bool:
        """Whether the newest manifest was made of this, and nothing that a crash left lies beside it."""
        manifest = self._stands(asset, key)
        return manifest is not None and manifest.inputs == wanted and manifest.tidy


def check_vanished(days: Days, looked_at: Iterable[str]) -> None:
    """Stop when whole days lost all their images at once.

    Raises:
        MassDeletionError: As many as `deletions.max_days`.
    """
    lost = days.vanished(looked_at)
    if len(lost) >= days.pipeline.deletions.max_days:
        raise MassDeletionError(
            f"{len(lost)} days lost all their images at once ({', '.join(lost[:5])}), so nothing was deleted. If that is meant, run "
            "`imaging-assets run --since DAY --accept-deletions`; if not, bring them back."
        )


def finish_rebuild(days: Days) -> bool:
    """Let the index's new generation serve once it holds the documents of every day; whether it was just done."""
    index = days.pipeline.index
    if index.serving == index.generation:
        return False
    behind = (days.behind_inside(day) for day in days.known)
    if any(item and "search_documents" in item.steps for item in behind):
        return False
    index.promote()
    return True
