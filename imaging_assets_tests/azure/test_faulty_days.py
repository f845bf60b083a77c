"""Whole days over Custom Vision and AI Search whose services fail on the way: the day completes, or stops with the remedy and resumes.

Belongs here: what a day makes of the faults. Does not: each adapter's own (`test_custom_vision_faults.py`, `test_search_faults.py`).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AzureKeyCredential

from imaging_assets.azure.search_index import AzureAISearchIndex
from imaging_assets.errors import AccessDeniedError, SearchIndexError, ServiceError
from imaging_assets.stages.days import Days
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.azure.custom_vision import World
from imaging_assets_tests.azure.custom_vision_server import CustomVisionServer, Cut, Fault, Throttled, Unavailable
from imaging_assets_tests.azure.search_server.server import ADMIN_KEY, SearchServer, a_search_server
from imaging_assets_tests.azure.search_server.server import Fault as SearchFault
from imaging_assets_tests.azure.test_search_faults import INDEX, QUICK, stored
from imaging_assets_tests.builders import DAY, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.embedded.pictures import plain
from imaging_assets_tests.stages.manifests.days import gather
from imaging_assets_tests.stages.models.doubles import iterate_day

pytestmark = pytest.mark.slow

IMAGES = 24


@pytest.fixture
def vision() -> Iterator[CustomVisionServer]:
    with CustomVisionServer() as running:
        yield running


@pytest.fixture
def search() -> Iterator[SearchServer]:
    with a_search_server() as running:
        yield running


@pytest.fixture
def pipeline(vision: CustomVisionServer, search: SearchServer, tmp_path: Path) -> Pipeline:
    """A landed and labelled day over both services."""
    embedded = a_pipeline(tmp_path)
    pictures = {f"{place}.jpg": picture for place, picture in enumerate(plain(["red", "blue"], IMAGES // 2))}
    land(embedded, {name: picture.data for name, picture in pictures.items()})
    state_labels(embedded, {name: picture.tags[0] for name, picture in pictures.items()})
    return over_services(embedded, tmp_path, vision, search)


def over_services(pipeline: Pipeline, home: Path, vision: CustomVisionServer, search: SearchServer, key: str = "") -> Pipeline:
    """As a new process would open both."""
    keys: dict[str, Any] = {"training_key": key, "prediction_key": key} if key else {}
    world = World(vision, home, **keys)
    world.store = pipeline.store  # type: ignore[assignment]
    world.open()
    index = AzureAISearchIndex(
        search.endpoint,
        AzureKeyCredential(key or ADMIN_KEY),
        alias="images",
        store=pipeline.store,
        pointer="manifests/_search_index.json",
        dimensions=pipeline.embedder.dimensions,
        embedding_id=pipeline.embedder.embedding_id,
        patience=QUICK,
    )
    return replace(pipeline, trainer=world.trainer, predictor=world.predictor, index=index)


def work(pipeline: Pipeline) -> None:
    """A day, a training, and the day again for the new model."""
    run_chain(pipeline)
    gather(pipeline)
    iterate_day(pipeline)
    run_chain(pipeline)


def check_whole(pipeline: Pipeline, vision: CustomVisionServer, search: SearchServer) -> None:
    """Nothing lost, nothing doubled, in either service or here."""
    project = vision.only_project()
    held = Counter(image.sha256 for image in project.images.values())
    assert set(held.values()) == {1}
    assert 0 < len(held) < IMAGES  # test rows stay here
    assert len(project.iterations) == 1
    assert len(stored(search)) == len({*stored(search)}) == IMAGES
    published = Registry(pipeline.store).published()
    assert published is not None
    assert Counter(entry["event"] for entry in Registry(pipeline.store).ledger()) == {"judged": 1, "published": 1}
    assert run_chain(pipeline)["predictions"].tags == {"blue": IMAGES // 2, "red": IMAGES // 2}
    assert Days(pipeline).behind(DAY) is None


PASSING: dict[str, Fault] = {
    "429 with Retry-After": Throttled(2),
    "429 without": Throttled(),
    "503 though done": Unavailable(503, done=True),
    "408": Unavailable(408),
    "cut": Cut(),
    "cut mid-body": Cut(done=True),
}

CALLS = ("create_project", "create_images_from_files", "train_project", "quick_test_image", "classify_image_with_no_store")


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_day_on_which_every_kind_of_call_fails_once_completes(
    fault: Fault, pipeline: Pipeline, vision: CustomVisionServer, search: SearchServer
) -> None:
    for operation in CALLS:
        vision.inject(operation, fault)
    search.faults.extend([SearchFault(INDEX, 503), SearchFault(INDEX, late=True)])

    work(pipeline)

    check_whole(pipeline, vision, search)


@pytest.mark.parametrize("operation", CALLS)
def test_a_day_whose_service_stays_away_stops_with_the_remedy_and_resumes(
    operation: str, pipeline: Pipeline, vision: CustomVisionServer, search: SearchServer, tmp_path: Path
) -> None:
    vision.inject(operation, *[Unavailable(503)] * 400)
    with pytest.raises(ServiceError, match="Run again in a few minutes"):
        work(pipeline)
    vision._faults.clear()

    work(over_services(pipeline, tmp_path, vision, search))

    check_whole(pipeline, vision, search)


def test_a_day_whose_search_service_stays_away_stops_with_the_remedy_and_resumes(
    pipeline: Pipeline, vision: CustomVisionServer, search: SearchServer, tmp_path: Path
) -> None:
    search.faults.append(SearchFault(INDEX, 503, times=100))
    with pytest.raises(SearchIndexError, match="Run again"):
        work(pipeline)
    search.faults.clear()

    work(over_services(pipeline, tmp_path, vision, search))

    check_whole(pipeline, vision, search)


def test_a_day_with_a_wrong_key_stops_with_the_remedy_and_resumes_with_the_right_one(
    pipeline: Pipeline, vision: CustomVisionServer, search: SearchServer, tmp_path: Path
) -> None:
    with pytest.raises((AccessDeniedError, SearchIndexError), match="key"):
        work(over_services(pipeline, tmp_path, vision, search, key="wrong"))

    work(pipeline)

    check_whole(pipeline, vision, search)


def test_an_index_deleted_while_a_day_is_worked_is_filled_again(
    pipeline: Pipeline, vision: CustomVisionServer, search: SearchServer
) -> None:
    run_chain(pipeline)
    gather(pipeline)
    iterate_day(pipeline)
    search.service.indexes.clear()
    search.service.aliases.clear()

    run_chain(pipeline)
    run_chain(pipeline)  # what was sent to the old one before

    check_whole(pipeline, vision, search)
