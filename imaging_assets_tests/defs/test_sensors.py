"""Sensors called as functions: what they ask for, what they leave alone, and what they say."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from typing_extensions import override

from imaging_assets.defs.attempts import Attempts
from imaging_assets.defs.partitions import DAILY
from imaging_assets.defs.sensors import label_changes, model_rollout, new_images, training
from imaging_assets.defs.tags import CONSENT_TAG, DAY_TAG, MODEL_TAG, WANTED_TAG
from imaging_assets.errors import StoreUnavailableError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.images import BlobInfo
from imaging_assets.stages.days import MADE_OF_ALL, Days
from imaging_assets.stages.manifests.training_sets import gather_training_set
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import CHAIN, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.defs.in_process import LOADED, a_history
from imaging_assets_tests.doubles import ForwardingBlobStore, over

TODAY = datetime.now(UTC).date()
STATUS = dg.DagsterRunStatus


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """A history on disk, which sensors insist on; it is emptied for each test, for making one takes a second."""
    with a_history(tmp_path_factory.mktemp("sensors") / "history") as history:
        yield history


@pytest.fixture
def instance(shared: dg.DagsterInstance) -> dg.DagsterInstance:
    shared.wipe()
    return shared


def ago(days: int) -> str:
    """ISO day so many days before today."""
    return (TODAY - timedelta(days=days)).isoformat()


def landed_days(pipeline: Pipeline, days: list[str], *, done: bool = False) -> None:
    """One small image per day."""
    for number, day in enumerate(days):
        land(pipeline, {"a.jpg": a_picture(number, (48, 32))}, day)
        if done:
            run_chain(pipeline, day)


def tick(
    sensor: dg.SensorDefinition, pipeline: Pipeline, instance: dg.DagsterInstance, cursor: str | None = None
) -> dg.SensorResult | dg.SkipReason:
    """One evaluation."""
    result = sensor(dg.build_sensor_context(instance=instance, cursor=cursor, resources={"pipeline": pipeline}))
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def asked(
    sensor: dg.SensorDefinition, pipeline: Pipeline, instance: dg.DagsterInstance, cursor: str | None = None
) -> list[dg.RunRequest]:
    """The requests of one evaluation."""
    result = tick(sensor, pipeline, instance, cursor)
    return list(result.run_requests or []) if isinstance(result, dg.SensorResult) else []


def days_of(requests: list[dg.RunRequest]) -> list[str | None]:
    """Their days, in order."""
    return [request.partition_key for request in requests]


def steps_of(request: dg.RunRequest) -> list[str]:
    """What a request materialises."""
    return [key.to_user_string() for key in request.asset_selection or ()]


def a_run(
    instance: dg.DagsterInstance,
    tags: dict[str, str],
    *,
    ended_minutes_ago: float | None = None,
    success: bool = False,
    assets: tuple[str, ...] = CHAIN,
) -> dg.DagsterRun:
    """A run in the history: failed or successful so long ago, or still under way."""
    keys = frozenset(dg.AssetKey(asset) for asset in assets)
    run = instance.add_run(dg.DagsterRun("job", run_id=str(uuid.uuid4()), tags=tags, asset_selection=keys, status=STATUS.STARTED))
    if ended_minutes_ago is None:
        return run
    kind = dg.DagsterEventType.RUN_SUCCESS if success else dg.DagsterEventType.RUN_FAILURE
    event = dg.DagsterEvent(kind.value, job_name="job")
    instance.run_storage.handle_run_event(run.run_id, event, datetime.now(UTC) - timedelta(minutes=ended_minutes_ago))
    return run


def follow(instance: dg.DagsterInstance, request: dg.RunRequest, **run: Any) -> None:
    """A run of a request in the history."""
    tags = {**request.tags, **({DAY_TAG: request.partition_key} if request.partition_key else {})}
    a_run(instance, tags, assets=tuple(steps_of(request)), **run)


# --- new images ---


def test_new_images_asks_for_the_days_that_differ_newest_first(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1), ago(2), ago(3)], done=True)
    landed_days(pipeline, [ago(0), ago(5)])
    land(pipeline, {"more.jpg": a_picture(99, (48, 32))}, ago(2))

    requests = asked(new_images, pipeline, instance)

    assert days_of(requests) == [ago(0), ago(2), ago(5)]
    assert {tuple(steps_of(request)) for request in requests} == {CHAIN}


def test_a_request_says_what_it_wants_and_which_attempt_it_is(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1)])

    [request] = asked(new_images, pipeline, instance)
    behind = Days(pipeline).behind(ago(1))

    assert behind is not None
    assert request.tags[WANTED_TAG] == f"{ago(1)}@{behind.wanted}"
    assert request.run_key == f"{ago(1)}@{behind.wanted}#0"


def test_nothing_is_asked_for_when_all_days_are_done(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1), ago(2)], done=True)

    for sensor in (new_images, label_changes, model_rollout):
        result = tick(sensor, pipeline, instance)
        reason = result.skip_reason if isinstance(result, dg.SensorResult) else result
        assert isinstance(reason, dg.SkipReason | str)
        assert asked(sensor, pipeline, instance) == []


def test_at_most_so_many_days_are_asked_for_at_once(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(number) for number in range(40)])

    requests = asked(new_images, pipeline, instance)

    assert days_of(requests) == [ago(number) for number in range(14)] + days_of(requests)[14:]
    assert len(requests) == 25


def test_old_days_are_looked_at_in_turns_until_each_was(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    old = [ago(number) for number in range(70, 20, -1)]
    landed_days(pipeline, old)

    seen: list[str | None] = []
    cursor = None
    for _ in range(3):
        result = tick(new_images, pipeline, instance, cursor)
        assert isinstance(result, dg.SensorResult)
        seen += days_of(list(result.run_requests or []))
        cursor = result.cursor

    assert sorted({*seen}, key=str) == old
    assert json.loads(cursor or "") == {"swept": old[9]}  # 60 looks at 50 days: the second round has begun


def test_a_day_with_an_unfinished_run_is_left_to_it(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1), ago(2)])
    a_run(instance, {DAY_TAG: ago(1)})

    assert days_of(asked(new_images, pipeline, instance)) == [ago(2)]


def test_a_run_that_ends_while_a_tick_looks_at_the_state_is_not_asked_for_once_more(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1), ago(2)])
    run = a_run(instance, {DAY_TAG: ago(1)})

    def end() -> None:
        run_chain(pipeline, ago(1))
        instance.report_run_canceled(run)  # an end that nothing waits after

    assert days_of(asked(new_images, over(pipeline, _Overtaken(pipeline.store, end)), instance)) == [ago(2)]


class _Overtaken(ForwardingBlobStore):
    """What it lists of the inventories is old when it is read: the run ends in between."""

    def __init__(self, inner: BlobStore, end: Callable[[], None]) -> None:
        super().__init__(inner)
        self._end: Callable[[], None] | None = end

    @override
    def list_blobs(self, prefix: str = "") -> Iterator[BlobInfo]:
        found = list(super().list_blobs(prefix))
        if "raw_images" in prefix and (end := self._end):
            self._end = None
            end()
        return iter(found)


def test_a_training_under_way_does_not_keep_the_day_s_images_waiting(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1)])
    a_run(instance, {DAY_TAG: ago(1)}, assets=("training_iterations",))

    assert days_of(asked(new_images, pipeline, instance)) == [ago(1)]


@pytest.mark.parametrize(("failures", "pause"), [(1, 1), (2, 5), (3, 30)])
def test_a_failed_day_waits_longer_after_each_failure(
    tmp_path: Path, instance: dg.DagsterInstance, failures: int, pause: float
) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1)])
    [request] = asked(new_images, pipeline, instance)
    for number in range(failures - 1):
        follow(instance, request, ended_minutes_ago=1000 - number)

    follow(instance, request, ended_minutes_ago=pause - 0.5)
    assert asked(new_images, pipeline, instance) == []
    instance.wipe()
    for number in range(failures):
        follow(instance, request, ended_minutes_ago=pause + 0.5 + 100 * (failures - 1 - number))
    [again] = asked(new_images, pipeline, instance)
    assert again.run_key == f"{request.tags[WANTED_TAG]}#{failures}"


def test_after_the_last_attempt_a_day_rests_until_its_images_change(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1)])
    [request] = asked(new_images, pipeline, instance)
    for number in range(4):
        follow(instance, request, ended_minutes_ago=100_000 - number)
    assert asked(new_images, pipeline, instance) == []

    land(pipeline, {"more.jpg": a_picture(9, (48, 32))}, ago(1))
    [changed] = asked(new_images, pipeline, instance)
    assert changed.tags[WANTED_TAG] != request.tags[WANTED_TAG]


def test_other_days_go_on_while_one_rests(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1), ago(2)])
    first, _ = asked(new_images, pipeline, instance)
    follow(instance, first, ended_minutes_ago=0)

    assert days_of(asked(new_images, pipeline, instance)) == [ago(2)]


def test_a_day_that_failed_pauses_although_it_got_further_than_before(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1)], done=True)
    pipeline.store.delete(pipeline.manifests.find("image_vectors", ago(1)).blob.path)
    a_run(instance, {DAY_TAG: ago(1), WANTED_TAG: f"{ago(1)}@something"}, ended_minutes_ago=0.5)
    assert asked(new_images, pipeline, instance) == []

    instance.wipe()
    a_run(instance, {DAY_TAG: ago(1), WANTED_TAG: f"{ago(1)}@something"}, ended_minutes_ago=1.5)
    assert days_of(asked(new_images, pipeline, instance)) == [ago(1)]


def test_inputs_that_go_back_to_what_they_were_are_followed_every_time(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1)])
    [request] = asked(new_images, pipeline, instance)
    for number in range(9):
        follow(instance, request, ended_minutes_ago=500 - number, success=True)

    assert [again.run_key for again in asked(new_images, pipeline, instance)] == [f"{request.tags[WANTED_TAG]}#9"]


def test_a_run_that_needs_consent_is_never_repeated_by_itself(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1)])
    [request] = asked(new_images, pipeline, instance)
    refused = request._replace(tags={**request.tags, CONSENT_TAG: "yes"})
    follow(instance, refused, ended_minutes_ago=100_000)

    assert asked(new_images, pipeline, instance) == []


def test_three_days_that_vanish_at_once_are_left_alone(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1), ago(2), ago(3)], done=True)
    landed_days(pipeline, [ago(4)])
    for number in (1, 2):
        pipeline.store.delete(f"landing/{ago(number).replace('-', '/')}/a.jpg")
    assert days_of(asked(new_images, pipeline, instance)) == [ago(1), ago(2), ago(4)]

    pipeline.store.delete(f"landing/{ago(3).replace('-', '/')}/a.jpg")
    assert days_of(asked(new_images, pipeline, instance)) == [ago(4)]


def test_a_store_that_is_not_there_is_waited_for(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1)], done=True)
    (tmp_path / "store").rename(tmp_path / "elsewhere")

    for sensor in (new_images, label_changes, training, model_rollout):
        result = tick(sensor, pipeline, instance)
        assert isinstance(result, dg.SkipReason)
        assert "There is no store at" in (result.skip_message or "")


def test_a_landing_place_without_its_marker_is_an_error_of_the_tick(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1)])
    asked(new_images, pipeline, instance)
    pipeline.store.delete("landing/_imaging_assets.json")

    with pytest.raises(StoreUnavailableError, match=r"The marker landing/_imaging_assets\.json is gone"):
        tick(new_images, pipeline, instance)


def test_a_day_outside_the_partitions_is_left_alone_with_a_warning(
    tmp_path: Path, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    pipeline = a_pipeline(tmp_path)
    before = (date.fromisoformat(DAILY.get_first_partition_key() or "") - timedelta(days=1)).isoformat()
    landed_days(pipeline, [before, ago(1)])

    assert days_of(asked(new_images, pipeline, instance)) == [ago(1)]
    assert f"Days outside the partitions are left alone; move partitions.start back: {before}" in capfd.readouterr().err


def test_predictions_that_were_lost_are_made_again_even_without_a_model(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1)], done=True)
    pipeline.store.delete(pipeline.manifests.find("predictions", ago(1)).blob.path)

    [request] = asked(new_images, pipeline, instance)
    assert steps_of(request) == ["predictions", *MADE_OF_ALL]


def test_a_day_whose_first_run_ended_before_the_label_records_gets_those_too(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1)], done=True)
    for asset, key in (("label_records", "all"), ("tagged_manifests", ago(1))):
        pipeline.store.delete(pipeline.manifests.find(asset, key).blob.path)

    [request] = asked(new_images, pipeline, instance)
    assert steps_of(request) == ["label_records", "tagged_manifests", *MADE_OF_ALL]


# --- labels ---


def test_label_changes_asks_for_the_records_first_then_for_the_days_they_concern(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1), ago(2), ago(3)], done=True)
    assert asked(label_changes, pipeline, instance) == []
    state_labels(pipeline, {f"{ago(number).replace('-', '/')}/a.jpg": "cat" for number in (1, 3)})

    [records] = asked(label_changes, pipeline, instance)
    assert (records.partition_key, steps_of(records)) == (None, ["label_records"])

    run_chain(pipeline, ago(2))  # does the label records on its way
    requests = asked(label_changes, pipeline, instance)
    assert days_of(requests) == [ago(1), ago(3)]
    assert steps_of(requests[0]) == ["tagged_manifests", *MADE_OF_ALL]
    assert asked(new_images, pipeline, instance) == []


def test_label_changes_waits_for_a_run_that_follows_the_files(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    landed_days(pipeline, [ago(1)], done=True)
    state_labels(pipeline, {f"{ago(1).replace('-', '/')}/a.jpg": "cat"})
    a_run(instance, {DAY_TAG: ago(5)})

    result = tick(label_changes, pipeline, instance)
    assert isinstance(result, dg.SkipReason)
    assert result.skip_message == "A run that follows the label files is under way."


def test_label_changes_has_nothing_to_say_before_there_are_images(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path)
    state_labels(pipeline, {"a.jpg": "cat"})

    assert asked(label_changes, pipeline, instance) == []


# --- training ---


def a_labelled_pipeline(home: Path, **training: Any) -> Pipeline:
    """Yesterday with twelve labelled images, and its training set behind."""
    pipeline = a_pipeline(home, training={"budget_seconds": 0.2, "min_images_per_tag": 2, **training})
    land(
        pipeline, {f"{tag}-{n}.jpg": a_picture(10 * n + len(tag), (48, 32)) for tag in ("cat", "horse") for n in range(6)}, ago(1)
    )
    label(pipeline, "horse")
    return pipeline


def label(pipeline: Pipeline, other: str) -> None:
    """Yesterday's images: cats, and others by that name."""
    day = ago(1).replace("-", "/")
    names = {f"{day}/{tag}-{n}.jpg": said for tag, said in (("cat", "cat"), ("horse", other)) for n in range(6)}
    state_labels(pipeline, names)
    run_chain(pipeline, ago(1))


def gather(pipeline: Pipeline) -> None:
    """Bring yesterday's training set up to date."""
    pipeline.manifests.commit(gather_training_set(pipeline, ago(1), pipeline.manifests.newest("tagged_manifests"))[0])


def judged(pipeline: Pipeline, minutes_ago: float) -> None:
    """A verdict in the ledger on a model trained on nothing we know."""
    registry = Registry(pipeline.store, pipeline.places.models, lambda: datetime.now(UTC) - timedelta(minutes=minutes_ago))
    registry.note("judged", "20250101-00000000", training_digest="0" * 16)


def skipped(sensor: dg.SensorDefinition, pipeline: Pipeline, instance: dg.DagsterInstance) -> str:
    """Why a tick asked for nothing."""
    result = tick(sensor, pipeline, instance)
    assert isinstance(result, dg.SkipReason)
    return result.skip_message or ""


def test_training_asks_for_the_set_first_and_then_for_the_iteration(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_labelled_pipeline(tmp_path)
    [request] = asked(training, pipeline, instance)
    assert (request.partition_key, steps_of(request)) == (ago(1), ["training_sets"])

    gather(pipeline)
    [request] = asked(training, pipeline, instance)
    assert (request.partition_key, steps_of(request)) == (ago(1), ["training_iterations"])


def test_training_waits_for_a_training_under_way_and_for_the_newest_day_s_run(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    pipeline = a_labelled_pipeline(tmp_path)
    a_run(instance, {DAY_TAG: ago(9)}, assets=("training_iterations",))
    assert skipped(training, pipeline, instance) == "A training is under way."

    instance.wipe()
    a_run(instance, {DAY_TAG: ago(1)})
    assert "being worked on" in skipped(training, pipeline, instance)


def test_training_cools_down_after_the_last(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_labelled_pipeline(tmp_path, cool_down_minutes=60)
    gather(pipeline)
    judged(pipeline, minutes_ago=50)
    assert "may start in 10 minutes" in skipped(training, pipeline, instance)


def test_training_goes_on_when_it_has_cooled_down(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_labelled_pipeline(tmp_path, cool_down_minutes=60)
    gather(pipeline)
    judged(pipeline, minutes_ago=61)
    assert [steps_of(request) for request in asked(training, pipeline, instance)] == [["training_iterations"]]


def test_training_waits_until_enough_images_changed(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_labelled_pipeline(tmp_path, min_changed_images=13)
    gather(pipeline)
    judged(pipeline, minutes_ago=1)
    assert "12 images changed since the last training; 13 are waited for." in skipped(training, pipeline, instance)


def test_the_training_set_follows_a_retag_although_training_has_to_wait(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_labelled_pipeline(tmp_path, cool_down_minutes=60)
    gather(pipeline)
    judged(pipeline, minutes_ago=1)
    label(pipeline, "pony")

    assert [steps_of(request) for request in asked(training, pipeline, instance)] == [["training_sets"]]


def test_training_has_nothing_to_do_without_a_tagged_day(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    assert "or there is none" in skipped(training, a_pipeline(tmp_path), instance)


# --- rollout ---


def test_a_new_model_reaches_days_newest_first_and_a_few_at_a_time(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path, rollout={"days_per_tick": 3})
    landed_days(pipeline, [ago(number) for number in range(1, 7)], done=True)
    Registry(pipeline.store, pipeline.places.models).publish("m1", "first")

    requests = asked(model_rollout, pipeline, instance)
    assert days_of(requests) == [ago(1), ago(2), ago(3)]
    assert {request.tags[MODEL_TAG] for request in requests} == {"m1"}
    assert {tuple(steps_of(request)) for request in requests} == {("predictions", *MADE_OF_ALL)}
    target = model_rollout.job
    assert isinstance(target, UnresolvedAssetJobDefinition)
    assert {*target.selection.resolve(LOADED.resolve_asset_graph())} == {
        dg.AssetKey(step) for step in ("predictions", *MADE_OF_ALL)
    }
    assert asked(new_images, pipeline, instance) == []

    for request in requests[:2]:
        follow(instance, request)
    assert days_of(asked(model_rollout, pipeline, instance)) == [ago(3)]  # two of three places are taken


def test_days_predicted_by_an_older_model_are_left_alone_outside_the_window(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path, rollout={"days": 3})
    registry = Registry(pipeline.store, pipeline.places.models)
    registry.publish("m1", "first")
    landed_days(pipeline, [ago(number) for number in range(1, 7)])
    for number in range(1, 7):
        run_chain_as_if_predicted(pipeline, ago(number), "m1")
    assert asked(model_rollout, pipeline, instance) == []

    registry.publish("m2", "better")
    assert days_of(asked(model_rollout, pipeline, instance)) == [ago(1), ago(2), ago(3), ago(4)]


def test_a_rollout_is_superseded_by_a_newer_model_within_the_same_limit(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = a_pipeline(tmp_path, rollout={"days_per_tick": 3})
    landed_days(pipeline, [ago(number) for number in range(1, 7)], done=True)
    registry = Registry(pipeline.store, pipeline.places.models)
    registry.publish("m1", "first")
    older = asked(model_rollout, pipeline, instance)
    assert days_of(older) == [ago(1), ago(2), ago(3)]
    for request in older[:2]:
        follow(instance, request)  # under way when the next is published

    registry.publish("m2", "better")
    newer = asked(model_rollout, pipeline, instance)
    assert days_of(newer) == [ago(3)]  # one place is free, and days under way are not asked for twice
    assert newer[0].tags[MODEL_TAG] == "m2"

    instance.wipe()  # both ended; one had begun before the new model was there, the other predicted by it
    run_chain_as_if_predicted(pipeline, ago(2), "m2")
    again = asked(model_rollout, pipeline, instance)
    assert days_of(again) == [ago(1), ago(3), ago(4)]
    assert {request.tags[MODEL_TAG] for request in again} == {"m2"}


def run_chain_as_if_predicted(pipeline: Pipeline, day: str, model_id: str) -> None:
    """A day whose one image the model scored before, so that it need not exist."""
    from imaging_assets.stages.digests import sha256_of

    sha256 = sha256_of(pipeline.store.read(f"landing/{day.replace('-', '/')}/a.jpg").data)
    answer = {"predictions": [{"tag": "cat", "probability": 0.9, "box": None}], "error": ""}
    pipeline.store.write(f"models/{model_id}/scores/{sha256[:2]}/{sha256}.json", json.dumps(answer).encode())
    run_chain(pipeline, day)


def test_there_is_no_rollout_before_the_first_model(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    assert skipped(model_rollout, a_pipeline(tmp_path), instance) == "No model has been published yet."


# --- attempts ---


@pytest.mark.parametrize(
    ("attempts", "wait"),
    [
        (Attempts(), 0),
        (Attempts(runs=1, failures=1, ended=0), 60),
        (Attempts(runs=2, failures=2, ended=0), 300),
        (Attempts(runs=9, failures=3, ended=0), 1800),
        (Attempts(runs=1, failures=0, ended=0), 60),
        (Attempts(runs=5, failures=0, ended=0), 1800),
        (Attempts(day_failed=0), 60),
        (Attempts(runs=1, failures=1, ended=0, day_failed=30), 90),
    ],
)
def test_what_was_tried_may_be_tried_again_after_its_pause(attempts: Attempts, wait: float) -> None:
    waits = (1.0, 5.0, 30.0)
    assert attempts.may_try(waits, now=wait)
    assert wait == 0 or not attempts.may_try(waits, now=wait - 1)


@pytest.mark.parametrize("attempts", [Attempts(runs=4, failures=4, ended=0), Attempts(1, 1, ended=0, needs_consent=True)])
def test_what_was_given_up_is_never_tried_again(attempts: Attempts) -> None:
    assert not attempts.may_try((1.0, 5.0, 30.0), now=1e12)
