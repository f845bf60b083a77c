"""Messages about blobs: both schemas, plain or base64, and which message is done with."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from imaging_assets.azure.containers import Containers
from imaging_assets.embedded.event_queue import DirectoryEventQueue
from imaging_assets.errors import UnreadableEventError
from imaging_assets.records.events import BlobEvent
from imaging_assets.stages.events import News, read_events, settle, take_news
from imaging_assets.stages.images.landing import Landing
from imaging_assets_tests.builders import a_pipeline, land

SUBJECT = "/blobServices/default/containers/imaging/blobs/landing/2026/03/02/a b.jpg"


def grid(identity: str = "1", subject: str = SUBJECT, kind: str = "Microsoft.Storage.BlobCreated") -> dict[str, Any]:
    return {
        "topic": "/subscriptions/0/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acme",
        "subject": subject,
        "eventType": kind,
        "id": identity,
        "data": {
            "api": "PutBlob",
            "eTag": "0x8D4BCC2E4835CD0",
            "contentLength": 524288,
            "sequencer": "00000000000004420000000000028963",
        },
        "dataVersion": "",
        "metadataVersion": "1",
        "eventTime": "2026-03-02T02:51:26.4248221Z",
    }


def cloud(identity: str = "1", source: str = "/subscriptions/0/storageAccounts/acme") -> dict[str, Any]:
    event = grid(identity)
    return {
        "specversion": "1.0",
        "source": source,
        "id": identity,
        "type": event["eventType"],
        "subject": event["subject"],
        "time": event["eventTime"],
        "data": event["data"],
    }


@pytest.mark.parametrize("event", [grid(), cloud()], ids=["Event Grid", "CloudEvents"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["alone", "in a list"])
@pytest.mark.parametrize("encoded", [False, True], ids=["plain", "base64"])
def test_both_schemas_are_read_alone_or_in_a_list_plain_or_in_base64(
    event: dict[str, Any], *, wrapped: bool, encoded: bool
) -> None:
    text = json.dumps([event] if wrapped else event)
    (read,) = read_events(base64.b64encode(text.encode()).decode() if encoded else text)
    assert (read.kind, read.container, read.name) == (
        "Microsoft.Storage.BlobCreated",
        "imaging",
        "landing/2026/03/02/a b.jpg",
    )


@pytest.mark.parametrize(
    "text",
    ["", "hello", "bm90IEpTT04=", "7", "null", "[7]", "{}", '{"eventType": 1, "id": "1"}', json.dumps(grid(subject="/nothing"))],
)
def test_what_is_no_event_is_told_with_its_beginning(text: str) -> None:
    with pytest.raises(UnreadableEventError, match=r"JSON|no event|names no blob"):
        read_events(text)


def test_cloud_events_of_two_sources_with_one_id_are_two() -> None:
    one, other = (read_events(json.dumps(cloud("1", source)))[0] for source in ("/a", "/b"))
    assert one.id != other.id
    assert isinstance(one, BlobEvent)


def news_of(tmp_path: Path, *events: Any, **settings: Any) -> tuple[News, DirectoryEventQueue]:
    pipeline = a_pipeline(tmp_path, **settings)
    queue = DirectoryEventQueue(tmp_path / "events", hidden_seconds=0.0)
    for event in events:
        queue.send(event if isinstance(event, str) else json.dumps(event))
    return take_news(pipeline, queue, 100, Landing(pipeline)), queue


def test_messages_name_days_and_what_is_none_of_ours_is_counted(tmp_path: Path) -> None:
    news, _ = news_of(
        tmp_path,
        grid("1"),
        grid("1"),
        [grid("2"), grid("3", SUBJECT.replace("/02/a", "/05/a"), "Microsoft.Storage.BlobDeleted")],
        grid("4", SUBJECT.replace("landing/", "resized/")),
        grid("5", kind="Microsoft.Storage.BlobTierChanged"),
        grid("6", SUBJECT.replace("2026/03/02", "holiday")),
        "hello",
    )
    assert news.days == {"2026-03-02", "2026-03-05"}
    assert (news.duplicates, news.elsewhere, news.unreadable) == (1, 2, 1)
    assert news.undated == ("landing/holiday/a b.jpg",)


def test_news_of_every_landing_source_are_news(tmp_path: Path) -> None:
    landing = {"sources": [{"name": "factory", "folder": "line/one"}]}
    elsewhere = SUBJECT.replace("landing/", "line/one/")
    news, _ = news_of(
        tmp_path,
        grid("1", elsewhere),
        grid("2", elsewhere.replace("2026/03/02/a b.jpg", "_imaging_assets.json")),
        grid("3", SUBJECT.replace("landing/", "line/two/")),
        landing=landing,
    )
    assert (news.days, news.elsewhere, news.undated) == ({"2026-03-02"}, 2, ())


def test_undated_blobs_belong_to_the_day_they_arrived_on_where_that_is_the_setting(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path, partitions={"undated": "arrival"})
    land(pipeline, {}, "2026-03-02")
    arrived = pipeline.store.write("landing/a.jpg", b"1").modified_at.date().isoformat()
    news, _ = news_of(
        tmp_path, grid(subject="/blobServices/default/containers/c/blobs/landing/a.jpg"), partitions={"undated": "arrival"}
    )
    assert news.days == {arrived}


def test_a_message_goes_when_all_its_days_are_recorded_and_aside_when_it_came_too_often(tmp_path: Path) -> None:
    both = [grid("1"), grid("2", SUBJECT.replace("/02/a", "/05/a"))]
    news, queue = news_of(tmp_path, grid("3"), both, "hello")
    assert settle(queue, news, {"2026-03-02"}, 2) == []
    again = take_news(a_pipeline(tmp_path), queue, 100, Landing(a_pipeline(tmp_path)))
    assert sorted(message.dequeues for message, _ in again.messages) == [2, 2]

    told = settle(queue, again, {"2026-03-05"}, 2)

    assert len(told) == 2
    assert any("'hello' is no JSON" in line for line in told)
    assert any("never taken note of (2 events)" in line for line in told)
    assert sorted(queue.aside()[1]) == sorted([json.dumps(both), "hello"])
    assert queue.receive(100) == []


def test_places_in_containers_of_their_own_are_found_again() -> None:
    containers = Containers("imaging", {"landing": "photos/camera", "labels": "imaging/notes"})
    assert containers.path_of("photos", "camera/2026/03/02/a.jpg") == "landing/2026/03/02/a.jpg"
    assert containers.path_of("photos", "other/a.jpg") is None
    assert containers.path_of("imaging", "landing/2026/03/02/a.jpg") is None  # the landing place lies elsewhere
    assert containers.path_of("imaging", "notes/a.csv") == "labels/a.csv"
    assert containers.path_of("nobody", "a") is None
