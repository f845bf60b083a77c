"""Composition root: settings in, a `Pipeline` of ports and policies out.

Belongs here: which implementation stands behind which port. Does not: reading settings (`settings.py`), anything a step does.
Implementations are imported late, so that a profile costs only what it uses.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from imaging_assets.analyzers import build_embedder, plan
from imaging_assets.policies import InsightStep
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.catalog import Catalog
from imaging_assets.ports.event_queue import EventQueue
from imaging_assets.ports.portal import Portal
from imaging_assets.ports.predictor import Predictor
from imaging_assets.ports.search_index import SearchIndex
from imaging_assets.ports.trainer import Trainer
from imaging_assets.settings import Settings
from imaging_assets.stages.insights.plan import VECTORS
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Manifests
from imaging_assets.workers import workers_of

if TYPE_CHECKING:
    from imaging_assets.azure.blob_store import AzureBlobStore
    from imaging_assets.azure.credentials import StorageAccount
    from imaging_assets.azure.data_assets import DataAssets
    from imaging_assets.azure.event_queue import StorageEventQueue
    from imaging_assets.azure.search_pipeline import SearchPipeline
    from imaging_assets.ports.analyzer import ImageAnalyzer, ImageEmbedder
    from imaging_assets.ports.doctor import Finding

_POINTER = "_search_index.json"
"""In the place for manifests: which search index serves; profile azure alone has it there."""


def store_folder(settings: Settings) -> Path:
    """Where the embedded store lies."""
    return settings.home / "store"


def storage_account(settings: Settings) -> "StorageAccount":
    """The account of profile azure.

    Raises:
        SettingsError: None is named, or the connection string cannot be read.
    """
    from imaging_assets.azure import credentials  # noqa: PLC0415 - late by design, see above

    return credentials.storage_account(settings.azure)


def create_store(settings: Settings) -> None:
    """Make the store's folder, or its containers, where there are none.

    Raises:
        SettingsError, StoreUnavailableError: The account is not named, cannot be reached, or does not let us.
    """
    if settings.profile == "azure":
        _azure_store(settings, storage_account(settings).blob_service()).create()
        return
    from imaging_assets.embedded.blob_store import DirectoryBlobStore  # noqa: PLC0415

    DirectoryBlobStore.create(store_folder(settings))


def spends_on_training(settings: Settings) -> bool:
    """Whether a training and its predictions are billed: Custom Vision does them."""
    return settings.profile == "azure" and settings.azure.trainer == "custom_vision"


def build(settings: Settings, *, blob_service: Any = None) -> Pipeline:
    """Everything the steps need; makes no call.

    Args:
        blob_service: Profile azure: a client of the account that is at hand already (Dagster's resource makes one).

    Raises:
        SettingsError: A service is not named.
    """
    from imaging_assets.embedded.executor import ThreadExecutor  # noqa: PLC0415

    embedder = build_embedder(settings)
    store: BlobStore
    if settings.profile == "azure":
        store = _azure_store(settings, blob_service or storage_account(settings).blob_service())
        index = azure_index(settings, store, embedder)
    else:
        store, index = _embedded_store_and_index(settings, embedder)
    trainer, predictor = (_custom_vision if spends_on_training(settings) else _embedded_models)(settings, store)
    return Pipeline(
        store=store,
        manifests=Manifests(store, settings.places.manifests),
        threads=ThreadExecutor(settings.resize.workers),
        embedder=embedder,
        insights=plan(settings, store),
        trainer=trainer,
        predictor=predictor,
        index=index,
        catalog=build_catalog(settings),
        partitions=settings.partitions,
        places=settings.places,
        landing=settings.landing,
        portal=portal(settings, store) if settings.custom_vision.pull_labels else None,
        resize=settings.resize,
        labels=settings.labels,
        training=settings.training,
        rollout=settings.rollout,
        review=settings.review,
        deletions=settings.deletions,
        crop_days=settings.insights.crop_days,
        events=build_event_queue(settings) if settings.sensors.source == "events" else None,
    ).worked_on(workers_of(settings))


def build_event_queue(settings: Settings) -> EventQueue:
    """What tells of landed images; makes no call.

    Raises:
        SettingsError: The account is not named.
    """
    if settings.profile == "azure":
        return azure_event_queue(settings)
    from imaging_assets.embedded.event_queue import DirectoryEventQueue  # noqa: PLC0415

    return DirectoryEventQueue(settings.home / "events", hidden_seconds=settings.sensors.event_hidden_seconds)


def azure_event_queue(settings: Settings) -> "StorageEventQueue":
    """The queue of profile azure; makes no call."""
    from imaging_assets.azure.containers import Containers  # noqa: PLC0415
    from imaging_assets.azure.event_queue import StorageEventQueue  # noqa: PLC0415

    azure = settings.azure
    containers = Containers(azure.container, azure.containers)
    service = storage_account(settings).queue_service()
    return StorageEventQueue(service, azure.event_queue, containers, hidden_seconds=settings.sensors.event_hidden_seconds)


def build_catalog(settings: Settings) -> Catalog:
    """The SQL catalogue; makes no call."""
    from imaging_assets.embedded.catalog import SqlCatalog  # noqa: PLC0415

    url = settings.catalog.url.get_secret_value()
    if settings.profile == "azure" and url.startswith("postgresql") and not urlsplit(url).password:
        from imaging_assets.azure.credentials import database_password  # noqa: PLC0415

        return SqlCatalog(url, password=database_password)
    return SqlCatalog(url or f"sqlite:///{settings.home / 'catalog.db'}")


def build_on_store(settings: Settings) -> Pipeline:
    """As `build`, for what only makes sense over a store that is there; without one, nothing is made.

    Raises:
        SettingsError: The profile has no backends here.
        StoreUnavailableError: There is no store.
    """
    pipeline = build(settings)
    pipeline.store.list_folders()
    return pipeline


def trainers(settings: Settings, store: BlobStore) -> dict[str, tuple[Trainer, Predictor]]:
    """Everybody who can train on this store, by name: the embedded trainer, and Custom Vision where it is named, whatever the profile."""
    found = {"embedded": _embedded_models(settings, store)}
    if settings.custom_vision.endpoint:
        found["custom vision"] = _custom_vision(settings, store)
    return found


def portal(settings: Settings, store: BlobStore) -> Portal:
    """The Custom Vision project that people tag images in, whatever the profile; makes no call.

    Raises:
        SettingsError: No training resource is named.
    """
    from imaging_assets.azure.custom_vision.annotations import CustomVisionPortal  # noqa: PLC0415
    from imaging_assets.azure.custom_vision.client import Connection  # noqa: PLC0415

    policy = settings.custom_vision
    return CustomVisionPortal(store, Connection(policy), policy, folder=settings.places.models)


def data_assets(workspace: str) -> "DataAssets":
    """Data assets of an Azure ML workspace (`SUBSCRIPTION/RESOURCE-GROUP/NAME`), whatever the profile; may raise SettingsError, no call."""
    from imaging_assets.azure import credentials, data_assets  # noqa: PLC0415

    return data_assets.connect(workspace, credentials.identity())


def search_pipeline(settings: Settings) -> "SearchPipeline":
    """Pull mode, whatever the profile; raises SettingsError for what is not named, makes no call."""
    from imaging_assets.azure.pipeline_connection import connect  # noqa: PLC0415

    return connect(settings.azure, settings.search_pipeline, settings.places, settings.serve)


def _embedded_store_and_index(settings: Settings, embedder: "ImageEmbedder") -> tuple[BlobStore, SearchIndex]:
    from imaging_assets.embedded.blob_store import DirectoryBlobStore  # noqa: PLC0415
    from imaging_assets.embedded.search_index import SqliteSearchIndex  # noqa: PLC0415

    index = SqliteSearchIndex(settings.home / "search", dimensions=embedder.dimensions, embedding_id=embedder.embedding_id)
    return DirectoryBlobStore(store_folder(settings)), index


def _embedded_models(settings: Settings, store: BlobStore) -> tuple[Trainer, Predictor]:
    from imaging_assets.embedded.predictor import OnnxPredictor  # noqa: PLC0415
    from imaging_assets.embedded.torch_trainer import TorchTrainer  # noqa: PLC0415
    from imaging_assets.embedded.trainer import ScikitLearnTrainer  # noqa: PLC0415

    training, folder = settings.training, settings.places.models
    by_torch = training.trainer == "torch"
    trainer = (TorchTrainer if by_torch else ScikitLearnTrainer)(
        store,
        folder=folder,
        budget_seconds=training.torch_seconds if by_torch else training.budget_seconds,
        min_images_per_tag=training.min_images_per_tag,
        seed=training.seed,
    )
    return trainer, OnnxPredictor(store, folder=folder)


def _azure_store(settings: Settings, blob_service: Any) -> "AzureBlobStore":
    from imaging_assets.azure.blob_store import AzureBlobStore  # noqa: PLC0415

    return AzureBlobStore(blob_service, settings.azure.container, settings.azure.containers)


def azure_index(settings: Settings, store: BlobStore, embedder: "ImageEmbedder", *, transport: Any = None) -> SearchIndex:
    """The index of profile azure; makes no call.

    Args:
        transport: What carries its calls, by default the SDK's own.

    Raises:
        SettingsError: The service is not named.
    """
    from imaging_assets.azure.credentials import search_credential, search_endpoint  # noqa: PLC0415
    from imaging_assets.azure.search_index import AzureAISearchIndex  # noqa: PLC0415

    azure = settings.azure
    return AzureAISearchIndex(
        search_endpoint(azure),
        search_credential(azure),
        alias=azure.search_alias,
        store=store,
        pointer=f"{settings.places.manifests}/{_POINTER}",
        dimensions=embedder.dimensions,
        embedding_id=embedder.embedding_id,
        transport=transport,
    )


def _custom_vision(settings: Settings, store: BlobStore) -> tuple[Trainer, Predictor]:
    from imaging_assets.azure.custom_vision.client import Connection  # noqa: PLC0415
    from imaging_assets.azure.predictor import CustomVisionPredictor  # noqa: PLC0415
    from imaging_assets.azure.trainer import CustomVisionTrainer  # noqa: PLC0415
    from imaging_assets.stages.images.encode import smaller_copy  # noqa: PLC0415

    policy, folder = settings.custom_vision, settings.places.models
    connection = Connection(policy)
    least = settings.training.min_images_per_tag
    trainer = CustomVisionTrainer(store, connection, policy, folder=folder, min_images_per_tag=least)
    return trainer, CustomVisionPredictor(store, connection, policy, smaller_copy, folder=folder)


def check_services(settings: Settings) -> "list[Finding]":
    """Profile azure: a row per right, each by a real call; a service that is not named is a row, too."""
    from imaging_assets.azure import doctor, doctor_vision  # noqa: PLC0415
    from imaging_assets.azure.credentials import search_credential  # noqa: PLC0415

    places, azure = settings.places, settings.azure
    store = _azure_store(settings, storage_account(settings).blob_service())
    ours = (places.resized, places.thumbnails, places.crops, places.manifests, places.models, places.review)
    theirs = dict.fromkeys((places.landing, *(source.folder for source in settings.landing.sources), places.labels))
    rows = doctor.storage(store, tuple(theirs), ours)
    pointer = f"{places.manifests}/{_POINTER}"
    rows += doctor.search(azure.search_endpoint.rstrip("/"), search_credential(azure), azure.search_alias, store, pointer)
    if spends_on_training(settings):
        rows += doctor_vision.custom_vision(settings.custom_vision)
    asked: list[tuple[str, ImageAnalyzer | ImageEmbedder]] = [
        (name, step.analyzer) for name, step in plan(settings, store).steps.items() if who_answers(settings, name) == "vision"
    ]
    if who_answers(settings, VECTORS) == "vision":
        asked.append((VECTORS, build_embedder(settings)))
    rows += doctor_vision.vision(asked)
    if settings.sensors.source == "events":
        rows += doctor.events(azure_event_queue(settings))
    return rows


def who_answers(settings: Settings, step: str) -> str:
    """The service behind a step of the group insights: `vision`, or `embedded`."""
    analyzer = settings.insights.steps.get(step, InsightStep()).analyzer or step
    return "vision" if analyzer.startswith("azure_") else "embedded"
