"""`new_images` by events: what it looks at, what it asks for, and when a message may go."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typing_extensions import override

from imaging_assets.defs.sensors import new_images
from imaging_assets.errors import EventQueueError
from imaging_assets.ports.event_queue import EventQueue
from imaging_assets.records.events import Message
from imaging_assets.stages.images.uploads import Uploads
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import a_picture, a_pipeline, land, run_chain
from imaging_assets_tests.defs.in_process import a_history
from imaging_assets_tests.defs.test_sensors import ago, days_of, follow

LISTED = json.dumps({"swept": "", "listed": time.time() + 3600, "watched": []})
"""The cursor of a tick that has just listed the landing place."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with a_history(tmp_path_factory.mktemp("events") / "history") as history:
        yield history


@pytest.fixture
def instance(shared: dg.DagsterInstance) -> dg.DagsterInstance:
    shared.wipe()
    return shared


def an_eventful_pipeline(home: Path) -> Pipeline:
    """Messages come again at once, unless they are deleted."""
    return a_pipeline(home, sensors={"source": "events", "event_hidden_seconds": 1})


def events_of(pipeline: Pipeline) -> EventQueue:
    assert pipeline.events is not None
    return pipeline.events


def tell(pipeline: Pipeline, day: str, name: str = "a.jpg") -> None:
    events_of(pipeline).tell(f"landing/{day.replace('-', '/')}/{name}")


def waiting(home: Path) -> int:
    """Messages in the queue, hidden or not."""
    return sum(file.suffix in (".json", ".held") for file in (home / "events").glob("*"))


def come_again(home: Path) -> None:
    """As if the time that messages are hidden were over."""
    for file in (home / "events").glob("*.held"):
        key, dequeues, _ = file.stem.rsplit(".", 2)
        file.rename(file.with_name(f"{key}.{dequeues}.0.held"))


def tick(pipeline: Pipeline, instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
    result = new_images(dg.build_sensor_context(instance=instance, cursor=cursor, resources={"pipeline": pipeline}))
    assert isinstance(result, dg.SensorResult)
    return result


def asked_days(result: dg.SensorResult) -> list[str | None]:
    return days_of(list(result.run_requests or []))


def watched(result: dg.SensorResult) -> Any:
    return json.loads(result.cursor or "{}")["watched"]


def test_only_the_days_that_events_name_are_looked_at(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = an_eventful_pipeline(tmp_path)
    for number, day in enumerate((ago(0), ago(1), ago(400))):
        land(pipeline, {"a.jpg": a_picture(number, (48, 32))}, day)
    tell(pipeline, ago(400))

    assert asked_days(tick(pipeline, instance, LISTED)) == [ago(400)]


def test_a_message_stays_until_a_stored_cursor_watches_its_day_and_then_goes(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    pipeline = an_eventful_pipeline(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1, (48, 32))}, ago(1))
    tell(pipeline, ago(1))

    first = tick(pipeline, instance, LISTED)
    assert (asked_days(first), watched(first), waiting(tmp_path)) == ([ago(1)], [ago(1)], 1)
    come_again(tmp_path)
    lost = tick(pipeline, instance, LISTED)  # the daemon died before it stored the first answer: all is said again
    assert (asked_days(lost), waiting(tmp_path)) == ([ago(1)], 1)

    come_again(tmp_path)
    follow(instance, lost.run_requests[0])  # type: ignore[index]
    second = tick(pipeline, instance, lost.cursor)
    assert (asked_days(second), watched(second), waiting(tmp_path)) == ([], [ago(1)], 0)


def test_a_watched_day_that_failed_is_asked_for_again_without_any_message(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = an_eventful_pipeline(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1, (48, 32))}, ago(1))
    tell(pipeline, ago(1))
    first = tick(pipeline, instance, LISTED)
    follow(instance, first.run_requests[0], ended_minutes_ago=2)  # type: ignore[index]

    assert asked_days(tick(pipeline, instance, first.cursor)) == [ago(1)]


def test_a_day_that_is_up_to_date_is_watched_no_more_and_its_messages_go_at_once(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    pipeline = an_eventful_pipeline(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1, (48, 32))}, ago(1))
    run_chain(pipeline, ago(1))
    for _ in range(3):
        tell(pipeline, ago(1))

    result = tick(pipeline, instance, LISTED)

    assert (asked_days(result), watched(result), waiting(tmp_path)) == ([], [], 0)


def test_a_deletion_is_followed_as_a_landing_is(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = an_eventful_pipeline(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1, (48, 32)), "b.jpg": a_picture(2, (48, 32))}, ago(1))
    run_chain(pipeline, ago(1))
    pipeline.store.delete(f"landing/{ago(1).replace('-', '/')}/b.jpg")
    subject = f"/blobServices/default/containers/imaging/blobs/landing/{ago(1).replace('-', '/')}/b.jpg"
    events_of(pipeline).send(json.dumps({"id": "1", "eventType": "Microsoft.Storage.BlobDeleted", "subject": subject}))

    assert asked_days(tick(pipeline, instance, LISTED)) == [ago(1)]


def test_without_events_nothing_is_listed_until_the_safety_net_is_due_which_finds_what_no_event_told(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    pipeline = an_eventful_pipeline(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1, (48, 32))}, ago(1))

    idle = tick(pipeline, instance, LISTED)
    assert asked_days(idle) == []
    assert "no event came" in str(idle.skip_reason)
    long_ago = json.dumps({"swept": "", "listed": time.time() - 601, "watched": []})
    due = tick(pipeline, instance, long_ago)
    assert asked_days(due) == [ago(1)]
    assert abs(json.loads(due.cursor or "")["listed"] - datetime.now(UTC).timestamp()) < 60


def test_poison_is_set_aside_after_its_tries_and_nothing_is_lost(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = an_eventful_pipeline(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1, (48, 32))}, ago(1))
    events_of(pipeline).send("hello")
    tell(pipeline, ago(1))
    cursor: str | None = LISTED
    asked = []
    for turn in range(5):
        assert events_of(pipeline).aside()[0] == 0, turn
        result = tick(pipeline, instance, cursor)
        asked += asked_days(result)
        for request in result.run_requests or []:
            follow(instance, request)
        cursor = result.cursor
        come_again(tmp_path)

    assert events_of(pipeline).aside() == (1, ["hello"])
    assert waiting(tmp_path) == 0
    assert asked == [ago(1)]


class NoQueue(EventQueue):
    """Answers nothing."""

    @property
    @override
    def name(self) -> str:
        return "nowhere"

    @override
    def receive(self, most: int) -> list[Message]:
        raise EventQueueError("Cannot receive from 'nowhere'. Make it.")

    @override
    def delete(self, messages: Any) -> None: ...

    @override
    def set_aside(self, messages: Any) -> None: ...

    @override
    def aside(self) -> tuple[int, list[str]]:
        raise EventQueueError("Cannot look into 'nowhere'. Make it.")

    @override
    def send(self, text: str) -> None: ...

    @override
    def path_of(self, container: str, name: str) -> str | None:
        return None

    @override
    def tell(self, path: str) -> None: ...


def test_while_the_queue_does_not_answer_the_landing_place_is_listed(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    from dataclasses import replace

    pipeline = replace(an_eventful_pipeline(tmp_path), events=NoQueue())
    land(pipeline, {"a.jpg": a_picture(1, (48, 32))}, ago(1))
    assert asked_days(tick(pipeline, instance, LISTED)) == [ago(1)]


def test_days_that_lost_all_their_images_are_left_alone_however_few_are_looked_at(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    pipeline = an_eventful_pipeline(tmp_path)
    days = [ago(number) for number in (1, 2, 3)]
    for number, day in enumerate(days):
        land(pipeline, {"a.jpg": a_picture(number, (48, 32))}, day)
        run_chain(pipeline, day)
        pipeline.store.delete(f"landing/{day.replace('-', '/')}/a.jpg")
        tell(pipeline, day)

    result = tick(pipeline, instance, LISTED)

    assert asked_days(result) == []
    assert watched(result) == days  # until a person agrees, or they are back


def test_the_cursor_stays_small_and_every_day_of_a_flood_has_its_turn(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = an_eventful_pipeline(tmp_path)
    days = [ago(number) for number in range(50)]
    for day in days:
        land(pipeline, {"a.jpg": b""}, day)
        tell(pipeline, day)
    cursor: str | None = LISTED
    asked: set[str | None] = set()
    for _ in range(3):
        result = tick(pipeline, instance, cursor)
        for request in result.run_requests or []:
            follow(instance, request)
        asked |= {*asked_days(result)}
        cursor = result.cursor
        come_again(tmp_path)
    assert asked == {*days}
    assert len(cursor or "") < 50 * 14 + 60
    assert waiting(tmp_path) == 0


def test_what_we_land_ourselves_is_told_where_nobody_else_would(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pipeline = an_eventful_pipeline(tmp_path)
    Uploads(pipeline).add(datetime.fromisoformat(ago(1)).date(), "a.jpg", a_picture(1, (48, 32)))
    assert asked_days(tick(pipeline, instance, LISTED)) == [ago(1)]
