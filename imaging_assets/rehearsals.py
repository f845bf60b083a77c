"""Composition root of rehearsals: settings in, a `Pipeline` out that writes, computes and pays nothing, and counts.

Belongs here: which stand-in plays which port. Does not: the real ones (`backends.py`), the stand-ins (`stages/rehearsal`, `azure`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from imaging_assets.backends import azure_index, build_on_store, spends_on_training, who_answers
from imaging_assets.errors import CatalogError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.predictor import Predictor
from imaging_assets.ports.search_index import SearchIndex
from imaging_assets.ports.trainer import Trainer
from imaging_assets.settings import Settings
from imaging_assets.stages.insights.plan import VECTORS
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.rehearsal.ports import (
    RehearsedAnalyzer,
    RehearsedCatalog,
    RehearsedEmbedder,
    RehearsedIndex,
    RehearsedPredictor,
    RehearsedTrainer,
)
from imaging_assets.stages.rehearsal.store import RehearsalStore
from imaging_assets.stages.rehearsal.tally import Tally
from imaging_assets.stages.state import Manifests

if TYPE_CHECKING:
    from imaging_assets.azure.custom_vision.rehearsal import RehearsedCalls


@dataclass(frozen=True)
class Stage:
    """Where a rehearsal plays.

    Attributes:
        pipeline: Stand-ins behind every port.
        seconds: How long the calls of a service would take at its pace, by service.
    """

    pipeline: Pipeline
    store: RehearsalStore
    tally: Tally
    seconds: Callable[[], dict[str, float]]


def rehearse(settings: Settings) -> Stage:
    """As `build_on_store`, but nothing is written, computed or paid for: what would be is counted.

    Raises:
        SettingsError: A service is not named.
        StoreUnavailableError: There is no store.
    """
    real, tally = build_on_store(settings), Tally()
    places = settings.places
    store = RehearsalStore(real.store, (f"{places.resized}/", f"{places.thumbnails}/"))
    analyzed_by = {name: who_answers(settings, name) for name in real.insights.order}
    steps = {
        name: replace(step, analyzer=RehearsedAnalyzer(step.analyzer, tally, analyzed_by[name], name))
        for name, step in real.insights.steps.items()
    }
    trainer, predictor, calls = _rehearsed_models(settings, real, store, tally)
    pipeline = replace(
        real,
        store=store,
        manifests=Manifests(store, places.manifests),
        embedder=RehearsedEmbedder(real.embedder, tally, analyzed_by.get(VECTORS, "embedded")),
        insights=replace(real.insights, steps=steps),
        trainer=trainer,
        predictor=predictor,
        index=_rehearsed_index(settings, real, store, tally),
        catalog=RehearsedCatalog(_known_catalog(real), tally),
    )

    def seconds() -> dict[str, float]:
        vision = sum(tally.of("vision").values()) / settings.vision.calls_per_second
        return {"custom vision": sum(calls.seconds.values()) if calls else 0.0, "vision": vision}

    return Stage(pipeline, store, tally, seconds)


def _known_catalog(real: Pipeline) -> str:
    """One that cannot be reached is taken for a new one; images do not wait for it, and neither does a plan."""
    try:
        return real.catalog.known_id()
    except CatalogError:
        return ""


def _rehearsed_models(
    settings: Settings, real: Pipeline, store: BlobStore, tally: Tally
) -> tuple[Trainer, Predictor, "RehearsedCalls | None"]:
    if not spends_on_training(settings):
        predictor = RehearsedPredictor(real.predictor, tally)
        return RehearsedTrainer(real.trainer, predictor, tally), predictor, None
    from imaging_assets.azure.custom_vision.rehearsal import rehearse as rehearse_connection  # noqa: PLC0415
    from imaging_assets.azure.predictor import CustomVisionPredictor  # noqa: PLC0415
    from imaging_assets.azure.trainer import CustomVisionTrainer  # noqa: PLC0415

    policy, folder = settings.custom_vision, settings.places.models
    connection, calls = rehearse_connection(policy, tally.add)
    least = settings.training.min_images_per_tag
    trainer = CustomVisionTrainer(store, connection, policy, folder=folder, min_images_per_tag=least)
    return trainer, CustomVisionPredictor(store, connection, policy, lambda data, _: data, folder=folder), calls


def _rehearsed_index(settings: Settings, real: Pipeline, store: BlobStore, tally: Tally) -> SearchIndex:
    if settings.profile == "azure":
        from imaging_assets.azure.search_rehearsal import rehearsing_transport  # noqa: PLC0415

        return azure_index(settings, store, real.embedder, transport=rehearsing_transport(tally.add))
    return RehearsedIndex(real.index.known_generation(), tally)
