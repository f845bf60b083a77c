"""What messages about new and deleted blobs say: which days to look at.

Belongs here: reading both schemas, and which message is done with. Does not: queues (`ports/event_queue.py`), looking (`stages/days.py`).

An event is a hint, never a fact: it names a day, and what stands is then compared with what is there. So order, repetition and a
message too many do no harm, and nothing is done twice. Messages are read in Event Grid's schema and in that of CloudEvents, alone or as
a list, plain or in base64.
"""

import base64
import binascii
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from imaging_assets.errors import UnreadableEventError
from imaging_assets.ports.event_queue import EventQueue
from imaging_assets.records.events import BlobEvent, Message
from imaging_assets.stages.images.landing import MARKER, Landing, dated_day, root_of
from imaging_assets.stages.pipeline import Pipeline

_TOLD = {"Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted", "Microsoft.Storage.BlobRenamed"}
_CONTAINER, _BLOB = "/containers/", "/blobs/"
_SHOWN = 80


@dataclass(frozen=True)
class News:
    """One round of messages.

    Attributes:
        messages: Each with the ISO days it is about (none for what does not concern us), or None for one that cannot be read.
        duplicates: Events that were among them twice.
        elsewhere: What happened to blobs that are none of ours, or is no news of a blob.
        undated: Landed blobs whose path tells no day.
    """

    messages: list[tuple[Message, frozenset[str] | None]] = field(default_factory=list)
    duplicates: int = 0
    elsewhere: int = 0
    undated: tuple[str, ...] = ()

    @property
    def days(self) -> set[str]:
        """Every day that something happened on."""
        return {day for _, days in self.messages if days for day in days}

    @property
    def unreadable(self) -> int:
        """Messages that cannot be read."""
        return sum(days is None for _, days in self.messages)


def read_events(text: str) -> list[BlobEvent]:
    """The events of one message.

    Raises:
        UnreadableEventError: It is neither of the two schemas; the words say why.
    """
    value = _json(text)
    return [_event(one, text) for one in (value if isinstance(value, list) else [value])]


def take_news(pipeline: Pipeline, queue: EventQueue, most: int, landing: Landing) -> News:
    """Messages of the queue and the days they are about; they stay in the queue, hidden for a while, until `settle`."""
    seen: set[str] = set()
    messages: list[tuple[Message, frozenset[str] | None]] = []
    duplicates, elsewhere, undated = 0, 0, list[str]()
    markers = {f"{root}/{MARKER}" for root in pipeline.roots}
    for message in queue.receive(most):
        try:
            events = read_events(message.text)
        except UnreadableEventError:
            messages.append((message, None))
            continue
        days = set()
        for event in events:
            path = queue.path_of(event.container, event.name) if event.kind in _TOLD else None
            ours = path is not None and root_of(pipeline, path) != "" and path not in markers
            day = _day(pipeline, landing, path) if path and ours else None
            if day:
                days.add(day)
            if event.id in seen:
                duplicates += 1
            elif not ours:
                elsewhere += 1
            elif path and not day:
                undated.append(path)
            seen.add(event.id)
        messages.append((message, frozenset(days)))
    return News(messages, duplicates, elsewhere, tuple(undated))


def settle(queue: EventQueue, news: News, recorded: Collection[str], tries: int) -> list[str]:
    """Delete the messages whose every day is recorded, and set aside what was handed out `tries` times; the rest comes again.

    Args:
        recorded: Days that are up to date, or that somebody has taken note of for good.

    Returns:
        What was set aside, a line each.
    """
    done, aside = [], []
    for message, days in news.messages:
        if days is not None and days <= set(recorded):
            done.append(message)
        elif message.dequeues >= tries:
            aside.append(message)
    queue.set_aside(aside)
    queue.delete(done)
    return [why_aside(message.text) for message in aside]


def why_aside(text: str) -> str:
    """A line about a message that was set aside."""
    try:
        events = read_events(text)
    except UnreadableEventError as error:
        return str(error)
    return f"{_start(text)} was handed out again and again, and its day never taken note of ({len(events)} events)"


def _day(pipeline: Pipeline, landing: Landing, path: str) -> str | None:
    """The path's own day, or the day of arrival where those count."""
    if (day := dated_day(pipeline, path)) or pipeline.partitions.undated != "arrival":
        return day
    landing.look_for_arrivals()
    return landing.day_of(path)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return json.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise UnreadableEventError(f"{_start(text)} is no JSON, neither plain nor in base64") from None


def _event(value: Any, text: str) -> BlobEvent:
    kind = value.get("eventType") or value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(kind, str) or not isinstance(value.get("id"), str):
        raise UnreadableEventError(f"{_start(text)} is no event: neither Event Grid's schema nor CloudEvents")
    subject = value.get("subject")
    _, _, place = (subject if isinstance(subject, str) else "").partition(_CONTAINER)
    container, _, name = place.partition(_BLOB)
    if kind in _TOLD and not name:
        raise UnreadableEventError(f"{_start(text)} names no blob in its subject")
    # CloudEvents are told apart by source and id, those of Event Grid by id alone.
    return BlobEvent(f"{value.get('source', '')} {value['id']}", kind, container, name)


def _start(text: str) -> str:
    return repr(text[:_SHOWN] + ("…" if len(text) > _SHOWN else ""))
