"""What goes wrong on the way to Custom Vision: nothing is lost or doubled, and the error names the remedy."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import ClientAuthenticationError

from imaging_assets.azure.custom_vision.calls import CALLS_PER_SECOND, Calls, Clock, Throttle
from imaging_assets.azure.custom_vision.client import Connection
from imaging_assets.azure.trainer import CustomVisionTrainer
from imaging_assets.errors import AccessDeniedError, ImagingError, QuotaError, ServiceError, TrainingError
from imaging_assets.records.models import TrainingImage
from imaging_assets_tests.azure.custom_vision import SwiftTime, World, a_connection, a_policy
from imaging_assets_tests.azure.custom_vision_server import F0, S0, CustomVisionServer, Cut, Fault, Throttled, Unavailable
from imaging_assets_tests.embedded.pictures import plain, training_images

COLOURS = ["red", "green", "blue"]


@pytest.fixture
def server() -> Iterator[CustomVisionServer]:
    with CustomVisionServer() as running:
        yield running


@pytest.fixture
def world(server: CustomVisionServer, tmp_path: Path) -> World:
    """Eighteen images of three colours."""
    return World(server, tmp_path, plain(COLOURS, 6))


def holds(world: World, images: Sequence[TrainingImage]) -> bool:
    """Whether the project is equal to the training set."""
    one_of_each = len(world.project.images) == len(images)
    return one_of_each and world.tags_held() == {image.sha256: [*image.tags] for image in images}


@pytest.mark.parametrize(
    "fault",
    [
        Throttled(7),
        Throttled(),
        Unavailable(503),
        Unavailable(503, done=True),
        Unavailable(500),
        Unavailable(408),
        Cut(),
        Cut(done=True),
    ],
    ids=["429 with Retry-After", "429 without", "503", "503 though done", "500", "408", "cut before", "cut mid-body"],
)
@pytest.mark.parametrize(
    "operation", ["get_projects", "create_project", "create_tag", "create_images_from_files", "train_project", "get_iteration"]
)
def test_a_fault_that_passes_is_not_noticed(world: World, operation: str, fault: Fault) -> None:
    world.server.inject(operation, fault)
    world.train()
    assert holds(world, world.images)
    assert len(world.server.service.projects) == len(world.project.iterations) == 1
    assert len(world.project.tags) == 3


def test_the_service_is_asked_again_when_it_said_and_else_later_and_later(world: World) -> None:
    world.server.inject("get_projects", Throttled(7), Throttled(), Unavailable(), Unavailable())
    world.train()
    waits = [round(wait, 1) for wait in world.time.slept if wait > 0.5]
    assert waits[:4] == [7.0, 1.5, 3.0, 6.0]


@pytest.mark.parametrize(
    ("faults", "remedy"),
    [
        ([Throttled(1)] * 6, r"429.*exceeded call rate limit.*raise the tier and custom_vision\.tier"),
        ([Unavailable(503)] * 6, r"503.*Run again in a few minutes"),
        ([Cut()] * 6, r"no answer.*Check custom_vision\.endpoint and the network"),
    ],
    ids=["429", "503", "cut"],
)
def test_a_fault_that_stays_is_an_error_with_the_remedy_and_the_next_run_goes_on(
    world: World, faults: list[Fault], remedy: str
) -> None:
    world.server.inject("create_images_from_files", *faults)
    with pytest.raises(ServiceError, match=remedy):
        world.train()
    assert world.server.calls["create_images_from_files"] == 6
    world.open()
    world.train()
    assert holds(world, world.images)


def test_a_service_that_wants_days_of_patience_is_told_at_once(world: World) -> None:
    world.server.inject("get_projects", Throttled(86_400))
    with pytest.raises(ServiceError, match="Please retry after 86400 seconds"):
        world.train()
    assert world.server.total == 1


def test_batches_that_are_too_big_are_halved_until_they_fit(server: CustomVisionServer, tmp_path: Path) -> None:
    server.service.limits = replace(S0, request_bytes=20_000)
    world = World(server, tmp_path, plain(COLOURS, 8))
    world.train()
    assert holds(world, world.images)
    assert server.calls["create_images_from_files"] == 7  # 24 images, then 12 twice, then 6 four times


def test_each_image_of_a_mixed_answer_is_judged_by_its_own_status(world: World) -> None:
    statuses = {0: ["ErrorUnknown"], 1: ["ErrorStorage", "ErrorSource"], 2: ["ErrorImageFormat"]}
    more = training_images(world.store, plain(["grey"], 7))
    world.server.service.image_statuses = {more[place].sha256: told for place, told in statuses.items()}
    model = world.train([*world.images, *more])
    assert holds(world, [*world.images, *more[:2], *more[3:]])
    assert model.details["rejected"] == "1"
    assert any(f"{more[2].sha256[:12]}: ErrorImageFormat" in message for message in world.messages)


def test_an_image_that_spoils_its_whole_batch_is_found_and_the_others_are_taken(world: World) -> None:
    more = training_images(world.store, plain(["grey"], 7))
    world.server.service.poison = {more[3].sha256}
    model = world.train([*world.images, *more])
    assert holds(world, [*world.images, *more[:3], *more[4:]])
    assert model.details["rejected"] == "1"
    assert any(f"{more[3].sha256[:12]}: BadRequestImageRegions" in message for message in world.messages)


def test_an_image_that_is_rejected_for_good_is_not_tried_again_and_one_that_failed_is(world: World) -> None:
    first, second = world.images[:2]
    world.server.service.image_statuses = {first.sha256: ["ErrorImageFormat"], second.sha256: ["ErrorUnknown"] * 3}
    world.train()
    assert holds(world, world.images[2:])
    world.server.service.image_statuses = {}
    world.train(world.images[:-1], "m2")
    assert holds(world, world.images[1:-1])


def test_a_tag_that_lost_too_many_images_is_left_out_and_the_others_are_trained(world: World) -> None:
    red = [image for image in world.images if image.tags == ("red",)]
    world.server.service.image_statuses = {image.sha256: ["ErrorImageSize"] for image in red[:2]}
    model = world.train()
    assert model.tags == ("blue", "green")
    assert {tag.name for tag in world.project.tags.values()} == {"blue", "green"}


def test_too_many_rejected_images_are_told_before_anything_is_trained(world: World) -> None:
    bad = [image for image in world.images if image.tags != ("red",)]
    world.server.service.image_statuses = {image.sha256: ["ErrorImageSize"] for image in bad}
    with pytest.raises(TrainingError, match=r"12 of 18 images could not be used\. 2 tags .* are needed"):
        world.train()
    assert not world.project.iterations


def test_the_same_bytes_twice_in_a_batch_are_one_image(world: World) -> None:
    twin = replace(world.images[0], sha256="0" * 64)
    world.train([twin, *world.images])
    assert holds(world, world.images)


def test_a_full_project_says_what_to_do_and_keeps_what_fitted(server: CustomVisionServer, tmp_path: Path) -> None:
    server.service.limits = replace(F0, images=20)
    world = World(server, tmp_path, plain(COLOURS, 8))
    with pytest.raises(QuotaError, match=r"no room for more images.*Raise the resource's tier"):
        world.train()
    assert len(world.project.images) == 20
    server.service.limits = S0
    world.open()
    world.train()
    assert holds(world, world.images)


@pytest.mark.parametrize(
    ("limits", "code", "remedy"),
    [
        (replace(F0, tags=2), "BadRequestExceedTagPerProjectLimit", "Use fewer tags"),
        (replace(F0, projects=0), "BadRequestExceedProjectLimit", r"custom_vision\.project"),
        (replace(F0, iterations=0), "BadRequestExceedIterationPerProjectLimit", "Delete iterations"),
    ],
    ids=["tags", "projects", "iterations"],
)
def test_a_limit_of_the_tier_is_named_with_the_way_out(
    server: CustomVisionServer, tmp_path: Path, limits: object, code: str, remedy: str
) -> None:
    server.service.limits = limits  # type: ignore[assignment]
    with pytest.raises(QuotaError, match=f"{code}.*{remedy}"):
        World(server, tmp_path, plain(COLOURS, 6)).train()


def test_a_wrong_key_is_told_at_once_without_the_key(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 6), training_key="hunter2")
    with pytest.raises(AccessDeniedError, match=r"401.*invalid subscription key.*custom_vision\.training_key") as caught:
        world.train()
    assert server.total == 2
    assert "hunter2" not in f"{caught.value!r}{caught.value.__cause__}{world.policy}{world.messages}"


class Tokens:
    """An identity that gives these tokens, one per request, and the last one for ever."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        """The next token."""
        assert scopes == ("https://cognitiveservices.azure.com/.default",)
        token = self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
        if not token:
            raise ClientAuthenticationError("sign in with az login")
        return AccessToken(token, 0)


def by_identity(world: World, credential: TokenCredential) -> None:
    """Let the trainer sign in without keys."""
    policy = a_policy(world.server, training_key=None, prediction_key=None)
    connection = Connection(policy, lambda: credential, clock=SwiftTime().clock())
    world.trainer = CustomVisionTrainer(world.store, connection, policy)


def test_an_identity_signs_in_and_a_token_that_ended_on_the_way_is_renewed(world: World) -> None:
    world.server.valid_tokens = {"first", "second"}
    by_identity(world, Tokens("first", "first", "ended", "second"))
    world.train()
    assert holds(world, world.images)


@pytest.mark.parametrize(("token", "said"), [("ended", "401"), ("", "no answer, ClientAuthenticationError")])
def test_an_identity_that_is_not_accepted_is_told_the_role_it_needs(world: World, token: str, said: str) -> None:
    by_identity(world, Tokens(token))
    with pytest.raises(AccessDeniedError, match=f"{said}.*'Cognitive Services Custom Vision Contributor'"):
        world.train()


def test_an_endpoint_that_nobody_answers_at_is_told(server: CustomVisionServer, tmp_path: Path) -> None:
    world = World(server, tmp_path, plain(COLOURS, 6), endpoint="http://127.0.0.1:9")
    with pytest.raises(ServiceError, match=r"no answer.*Check custom_vision\.endpoint"):
        world.train()


def test_calls_keep_to_the_tiers_pace() -> None:
    time = SwiftTime()
    throttle = Throttle(10, time.clock())
    for _ in range(21):
        throttle.wait()
    assert time.seconds == pytest.approx(2.1)
    throttle.pause(5)
    throttle.wait()
    assert time.seconds == pytest.approx(7.1)


def test_each_kind_of_call_has_its_own_pace() -> None:
    time = SwiftTime()
    calls = Calls("F0", clock=time.clock())
    for _ in range(5):
        calls.make("prediction", "predict", lambda: None)
    assert time.seconds == pytest.approx(4 * 1.05 / CALLS_PER_SECOND["F0"]["prediction"])
    calls.make("other", "list", lambda: None)
    assert time.seconds == pytest.approx(2.1)


def test_a_server_that_counts_calls_per_second_never_has_to_refuse_one(tmp_path: Path) -> None:
    strict = replace(S0, tps={"prediction": 20, "train": 10, "other": 10})
    with CustomVisionServer(strict) as server:
        policy = a_policy(server)
        world = World(server, tmp_path, plain(COLOURS, 6))
        world.trainer = CustomVisionTrainer(
            world.store, Connection(policy, _nobody, clock=Clock()), policy.model_copy(update={"poll_seconds": 0.01})
        )
        world.train()
        assert server.throttled == 0


def _nobody() -> TokenCredential:
    raise AssertionError


def test_errors_of_ours_are_what_leaves_the_package(world: World) -> None:
    connection = a_connection(world.policy)
    with pytest.raises(ImagingError):
        connection.calls.make("other", "read nothing", lambda: connection.training.get_tags(str(UUID(int=0))))
    assert connection.calls.made == 1
