"""What every event queue promises, a folder of files or Azure Storage Queue.

Belongs here: the words of `ports/event_queue.py`, one test each. Another implementation joins by a line in `BUILDERS`.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imaging_assets.azure.containers import Containers
from imaging_assets.azure.credentials import StorageAccount
from imaging_assets.azure.event_queue import StorageEventQueue
from imaging_assets.embedded.event_queue import DirectoryEventQueue
from imaging_assets.ports.event_queue import EventQueue
from imaging_assets.records.events import Message
from imaging_assets_tests.azure.azurite import KEY, a_name, azurite, azurite_queues


def directory_queue(folder: Path, hidden: float) -> EventQueue:
    return DirectoryEventQueue(folder / "events", hidden_seconds=hidden)


def azure_queue(folder: Path, hidden: float) -> EventQueue:
    del folder
    service = StorageAccount(azurite(), KEY, queue_url=azurite_queues()).queue_service()
    queue = StorageEventQueue(service, a_name(), Containers("imaging", {}), hidden_seconds=hidden)
    queue.create()
    return queue


BUILDERS: dict[str, Callable[[Path, float], EventQueue]] = {"directory": directory_queue, "azure": azure_queue}

Build = Callable[..., EventQueue]


@pytest.fixture(params=BUILDERS)
def build(request: pytest.FixtureRequest, tmp_path: Path) -> Build:
    return lambda hidden=60.0: BUILDERS[request.param](tmp_path, hidden)


def texts(messages: list[Message]) -> list[str]:
    return sorted(message.text for message in messages)


def test_an_empty_queue_hands_out_nothing(build: Build) -> None:
    queue = build()
    assert queue.receive(32) == []
    assert queue.aside() == (0, [])


def test_what_was_sent_is_handed_out_word_for_word_and_counted(build: Build) -> None:
    queue = build()
    sent = sorted(['{"a": "ä <&> 東"}', "bm90IEpTT04=", "x" * 20_000])
    for text in sent:
        queue.send(text)

    messages = queue.receive(32)

    assert texts(messages) == sent
    assert [message.dequeues for message in messages] == [1, 1, 1]
    assert len({message.id for message in messages}) == 3


def test_what_is_handed_out_is_hidden_until_its_time_is_over_and_then_counted_once_more(build: Build) -> None:
    queue = build(1.0)
    queue.send("one")

    (first,) = queue.receive(32)
    assert queue.receive(32) == []
    time.sleep(1.2)
    (again,) = queue.receive(32)

    assert (again.id, again.text, again.dequeues) == (first.id, "one", 2)


def test_no_more_are_handed_out_than_asked_for_and_many_are_in_one_round(build: Build) -> None:
    queue = build()
    for number in range(40):
        queue.send(str(number))

    assert len(queue.receive(3)) == 3
    assert len(queue.receive(100)) == 37


def test_what_is_deleted_does_not_come_again_and_deleting_twice_is_no_error(build: Build) -> None:
    queue = build(1.0)
    queue.send("one")
    messages = queue.receive(32)
    queue.delete(messages)
    queue.delete(messages)
    time.sleep(1.2)
    assert queue.receive(32) == []


def test_a_message_that_somebody_else_holds_by_now_is_not_deleted(build: Build) -> None:
    queue = build(1.0)
    queue.send("one")
    late = queue.receive(32)
    time.sleep(1.2)
    assert len(queue.receive(32)) == 1

    queue.delete(late)
    time.sleep(1.2)

    assert texts(queue.receive(32)) == ["one"]


def test_what_is_set_aside_is_kept_word_for_word_and_handed_out_no_more(build: Build) -> None:
    queue = build(1.0)
    for text in ("bad ä", "good"):
        queue.send(text)
    queue.set_aside([message for message in queue.receive(32) if message.text == "bad ä"])
    time.sleep(1.2)

    assert queue.aside() == queue.aside() == (1, ["bad ä"])
    assert texts(queue.receive(32)) == ["good"]


def test_all_that_is_set_aside_is_counted_and_the_first_are_shown(build: Build) -> None:
    queue = build()
    for number in range(40):
        queue.send(str(number))
    queue.set_aside(queue.receive(100))

    count, shown = queue.aside()
    assert count == 40
    assert len(shown) == 32


def test_no_message_is_handed_to_two_at_once(build: Build) -> None:
    queue = build()
    for number in range(30):
        queue.send(str(number))
    with ThreadPoolExecutor(4) as threads:
        rounds = list(threads.map(lambda _: queue.receive(30), range(4)))
    assert texts([message for messages in rounds for message in messages]) == sorted(map(str, range(30)))


def test_events_of_a_landed_blob_name_its_path(build: Build) -> None:
    assert build().path_of("imaging", "landing/2026/03/02/a.jpg") == "landing/2026/03/02/a.jpg"
