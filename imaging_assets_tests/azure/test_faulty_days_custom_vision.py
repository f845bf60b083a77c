"""Whole days whose Custom Vision fails on the way: the day completes, or stops with the remedy and the next run ends as if it had not.

Belongs here: what a day makes of the faults. Does not: the adapter's own (`test_custom_vision_faults.py`), keys and tokens
(`test_faulty_days_sign_in.py`), other writers (`test_faulty_days_conflicts.py`).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from imaging_assets.errors import ImagingError, QuotaError, ServiceError, TrainingError
from imaging_assets.stages.days import Days
from imaging_assets.stages.digests import sha256_of
from imaging_assets.stages.models.iterations import training_images
from imaging_assets.stages.tables import TRAINING_SETS
from imaging_assets_tests.azure.custom_vision_server import S0, Cut, Fault, Throttled, Unavailable
from imaging_assets_tests.azure.custom_vision_server.service import GENERAL
from imaging_assets_tests.azure.whole_day import IMAGES, WholeDay, a_whole_day, cases, undisturbed, work
from imaging_assets_tests.builders import DAY, land, run_chain, state_labels
from imaging_assets_tests.chaos.state import differences

PUBLISHED = "models/published.json"

CALLS = (
    "get_projects",
    "create_project",
    "create_tag",
    "create_images_from_files",
    "train_project",
    "get_iteration",
    "update_iteration",
    "get_iteration_performance",
    "quick_test_image",
    "publish_iteration",
    "classify_image_with_no_store",
)
"""All that a first day makes."""

AGAIN = r"Run again: .*\.$"


@pytest.fixture
def day(tmp_path: Path) -> Iterator[WholeDay]:
    with a_whole_day(tmp_path) as made:
        yield made


def uploaded() -> list[str]:
    """Digests of the images that the project of an undisturbed day holds, in order."""
    return sorted(sha256 for sha256, _ in undisturbed()["projects"][0]["images"])


PASSING: dict[str, Fault] = {
    "429 with Retry-After": Throttled(2),
    "429 without": Throttled(),
    "503": Unavailable(503),
    "503 though done": Unavailable(503, done=True),
    "408": Unavailable(408),
    "cut": Cut(),
    "cut mid-body": Cut(done=True),
}


@pytest.mark.parametrize("fault", cases(PASSING, "429 without", "cut mid-body"))
def test_a_day_on_which_every_kind_of_call_fails_once_completes(fault: Fault, day: WholeDay) -> None:
    for operation in CALLS:
        day.vision.inject(operation, fault)

    work(day.open())

    assert set(day.vision.calls) >= {*CALLS}
    assert not any(day.vision._faults.values())
    assert day.differences() == []


def limit(**limits: Any) -> Callable[[WholeDay], None]:
    """What the tier has room for."""

    def set_limits(day: WholeDay) -> None:
        day.vision.service.limits = replace(S0, **limits)

    return set_limits


def fail(operation: str, fault: Fault, times: int = 400) -> Callable[[WholeDay], None]:
    """So many calls of a kind, one after the other."""
    return lambda day: day.vision.inject(operation, *[fault] * times)


def put_some_images_there(day: WholeDay) -> None:
    """By hand, at the portal, without tags: a batch will hold new ones and duplicates."""
    project = day.vision.service.create_project("imaging-assets", "", GENERAL, "Multiclass")
    for number in range(0, IMAGES, 5):
        day.vision.service.add_image(project, "by hand", day.original(number), [])


def take_some_images_late(day: WholeDay) -> None:
    """207: some images are taken at once, some when they come again, some when they come for the third time."""
    statuses = (["ErrorUnknown"], ["ErrorStorage", "ErrorSource"])
    shas = [sha256_of(day.original(number)) for number in range(IMAGES)]
    day.vision.service.image_statuses = {sha256: [*statuses[place % 2]] for place, sha256 in enumerate(shas[::3])}


COMPLETING = {
    "408 on every batch over 20 kB": limit(request_bytes=20_000),
    "413 on a batch": fail("create_images_from_files", Unavailable(413), 1),
    "207, some later": take_some_images_late,
    "duplicates in a batch": put_some_images_there,
}


@pytest.mark.parametrize(
    "disturb", cases(COMPLETING, "408 on every batch over 20 kB", "207, some later", "duplicates in a batch")
)
def test_a_day_whose_uploads_are_taken_bit_by_bit_completes(disturb: Callable[[WholeDay], None], day: WholeDay) -> None:
    disturb(day)

    work(day.open())

    assert day.vision.calls["create_images_from_files"] > 1 or day.vision.calls["get_images_by_ids"] == 1
    assert day.differences() == []


def test_an_image_that_is_refused_for_good_costs_the_day_that_image_alone_and_is_told(day: WholeDay) -> None:
    refused = uploaded()[3]
    day.vision.service.image_statuses = {refused: ["ErrorImageFormat"]}

    work(day.open())

    state = day.state()
    assert {image for image, *_ in state["projects"][0]["images"]} == {*uploaded()} - {refused}
    record = state[f"models/{state['ledger'][0]['model_id']}/custom_vision.json"][0]
    assert record["rejected"] == {refused: "ErrorImageFormat: not a JPEG, PNG, BMP or GIF that the service can read"}
    assert state["indexes"][0].keys() == undisturbed()["indexes"][0].keys()
    assert state["behind"] is None


@pytest.mark.slow
def test_pictures_that_differ_only_in_what_is_taken_out_are_one_image_of_the_project_and_a_document_each(day: WholeDay) -> None:
    pipeline = day.open()
    twins = {f"twin-{number}.jpg": with_a_place(day.original(number), number) for number in range(4)}
    land(pipeline, twins)
    state_labels(pipeline, {name: ("red", "blue")[number % 2] for number, name in enumerate(twins)}, "twins.csv")

    work(pipeline)

    images = training_images(pipeline.manifests.read(pipeline.manifests.find("training_sets", DAY), TRAINING_SETS))
    taught = [sha256_of(day.store.read(image.blob).data) for image in images if image.split != "test"]
    assert len(taught) > len({*taught})
    assert Counter({*taught}) == Counter(image.sha256 for image in day.vision.only_project().images.values())
    assert len(day.state()["indexes"][0]) == IMAGES + len(twins)
    assert day.state()["behind"] is None


def with_a_place(picture: bytes, degrees: int) -> bytes:
    """The JPEG with coordinates in it."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (float(degrees), 0.0, 0.0)
    segment = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    return picture[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + picture[2:]


@pytest.mark.slow
def test_a_memory_of_the_project_that_is_lost_costs_calls_and_doubles_nothing(day: WholeDay) -> None:
    day.vision.inject("train_project", *[Unavailable(503)] * 6)
    with pytest.raises(ServiceError):
        work(day.open())
    for blob in list(day.store.list_blobs("models/custom_vision/")):
        day.store.delete(blob.path)

    work(day.open())

    assert day.vision.calls["create_images_from_files"] == 2
    assert day.differences() == []


@dataclass(frozen=True)
class Stop:
    """What stops a day, what is said at the end of the line, and what lets it go on."""

    begin: Callable[[WholeDay], object]
    error: type[ImagingError]
    remedy: str
    end: Callable[[WholeDay], object] = lambda day: day.vision._faults.clear()


LATER = "Run again later, or raise the tier and custom_vision.tier with it; what was done stays done."
MINUTES = "Run again in a few minutes; what was done stays done."
NETWORK = "Check custom_vision.endpoint and the network, then run again."

AWAY = ("create_project", "create_images_from_files", "train_project", "quick_test_image", "publish_iteration")

STOPS = {
    **{f"503 of {call}": Stop(fail(call, Unavailable(503)), ServiceError, MINUTES) for call in AWAY},
    "429 without Retry-After": Stop(fail("create_images_from_files", Throttled()), ServiceError, LATER),
    "429 for a day": Stop(fail("classify_image_with_no_store", Throttled(86_400)), ServiceError, LATER),
    "cut mid-body": Stop(fail("get_iteration", Cut(done=True)), ServiceError, NETWORK),
    "408 even of one image": Stop(limit(request_bytes=2_000), ServiceError, MINUTES, limit()),
}


@pytest.mark.parametrize("stop", cases(STOPS, "503 of train_project"))
def test_a_day_that_is_stopped_says_what_to_do_and_the_next_run_ends_where_an_undisturbed_one_does(
    stop: Stop, day: WholeDay
) -> None:
    stop.begin(day)
    with pytest.raises(stop.error) as caught:
        work(day.open())
    assert str(caught.value).endswith(stop.remedy)
    stop.end(day)

    work(day.open())

    assert day.differences() == []


QUOTAS = (
    ({"projects": 0}, "Delete a project that nobody uses, or name an existing one in custom_vision.project."),
    ({"tags": 1}, "Use fewer tags (F0 has 50, S0 500), or raise the resource's tier."),
    ({"images": 7}, "Raise the resource's tier (F0 holds 5,000, S0 100,000), or train on fewer days."),
    ({"iterations": 0}, "Delete iterations in the portal; a project has room for 20."),
)


def test_a_day_that_meets_one_quota_after_the_other_says_what_to_do_each_time_and_ends_where_an_undisturbed_one_does(
    day: WholeDay,
) -> None:
    for limits, remedy in QUOTAS:
        limit(**limits)(day)
        with pytest.raises(QuotaError) as caught:
            work(day.open())
        assert str(caught.value).endswith(remedy)
    limit()(day)

    work(day.open())

    assert day.differences() == []


@pytest.mark.slow
def test_a_service_that_goes_away_amid_the_predictions_lets_the_day_complete_and_is_asked_for_what_it_owes(day: WholeDay) -> None:
    day.vision.inject("classify_image_with_no_store", *[None] * 5, *[Unavailable(503)] * 400)

    work(day.open())

    behind = Days(day.open()).behind(DAY)
    assert behind is not None
    assert behind.steps[0] == "predictions"
    asked = sum("/scores/" in blob.path for blob in day.store.list_blobs("models/"))
    day.vision._faults.clear()
    before = day.vision.calls["classify_image_with_no_store"]

    run_chain(day.open())

    assert day.vision.calls["classify_image_with_no_store"] - before == IMAGES - asked
    assert day.differences() == []


def test_a_day_whose_training_fails_says_so_and_the_next_run_trains_anew(day: WholeDay) -> None:
    day.vision.service.fail_training = ["The images could not be read."]
    with pytest.raises(
        TrainingError, match=r"could not be read\..*Run again to train anew; .* look at the iteration in the portal\.$"
    ):
        work(day.open())

    work(day.open())

    state, expected = day.state(), deepcopy(undisturbed())
    expected["projects"][0]["iterations"].insert(0, ("Iteration 1", "Failed", None, len(uploaded())))
    assert differences(expected, state) == []
