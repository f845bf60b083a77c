"""Composition root: settings in, a `Pipeline` of ports and policies out.

Belongs here: which implementation stands behind which port. Does not: reading settings (`settings.py`), anything a step does.
Implementations are imported late, so that a profile costs only what it uses.
"""

from pathlib import Path

from imaging_assets.analyzers import plan
from imaging_assets.errors import SettingsError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.settings import Settings
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Manifests


def store_folder(settings: Settings) -> Path:
    """Where the embedded store lies."""
    return settings.home / "store"


def create_store(settings: Settings) -> None:
    """Make the embedded store where there is none; other profiles' stores are made by their deployment."""
    if settings.profile == "embedded":
        from imaging_assets.embedded.blob_store import DirectoryBlobStore  # noqa: PLC0415

        DirectoryBlobStore.create(store_folder(settings))


def build(settings: Settings) -> Pipeline:
    """Everything the steps need.

    Raises:
        SettingsError: The profile has no backends here.
    """
    if settings.profile != "embedded":
        raise SettingsError(f'Profile {settings.profile!r} has no backends in this release. Set profile = "embedded".')
    from imaging_assets.embedded.blob_store import DirectoryBlobStore  # noqa: PLC0415 - late by design, see above

    return _embedded(settings, DirectoryBlobStore(store_folder(settings)))


def build_on_store(settings: Settings) -> Pipeline:
    """As `build`, for what only makes sense over a store that is there; without one, nothing is made.

    Raises:
        SettingsError: The profile has no backends here.
        StoreUnavailableError: There is no store.
    """
    pipeline = build(settings)
    pipeline.store.list_folders()
    return pipeline


def _embedded(settings: Settings, store: BlobStore) -> Pipeline:
    from imaging_assets.embedded.analyzer import GradientEmbedder  # noqa: PLC0415
    from imaging_assets.embedded.catalog import SqlCatalog  # noqa: PLC0415
    from imaging_assets.embedded.executor import ThreadExecutor  # noqa: PLC0415
    from imaging_assets.embedded.predictor import OnnxPredictor  # noqa: PLC0415
    from imaging_assets.embedded.search_index import SqliteSearchIndex  # noqa: PLC0415
    from imaging_assets.embedded.trainer import ScikitLearnTrainer  # noqa: PLC0415

    embedder = GradientEmbedder()
    training = settings.training
    return Pipeline(
        store=store,
        manifests=Manifests(store, settings.places.manifests),
        executor=ThreadExecutor(settings.resize.workers),
        embedder=embedder,
        insights=plan(settings, store),
        trainer=ScikitLearnTrainer(
            store,
            folder=settings.places.models,
            budget_seconds=training.budget_seconds,
            min_images_per_tag=training.min_images_per_tag,
            seed=training.seed,
        ),
        predictor=OnnxPredictor(store, folder=settings.places.models),
        index=SqliteSearchIndex(settings.home / "search", dimensions=embedder.dimensions, embedding_id=embedder.embedding_id),
        catalog=SqlCatalog(settings.catalog.url.get_secret_value() or f"sqlite:///{settings.home / 'catalog.db'}"),
        partitions=settings.partitions,
        places=settings.places,
        resize=settings.resize,
        labels=settings.labels,
        training=settings.training,
        rollout=settings.rollout,
        review=settings.review,
        deletions=settings.deletions,
        crop_days=settings.insights.crop_days,
    )
