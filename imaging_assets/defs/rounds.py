"""Which days does a tick of `new_images` look at? The newest and a few older ones by turns, or those that events name.

Belongs here: choosing, and what the sensor's cursor keeps of it. Does not: looking (`stages/days.py`), asking for runs (`sensors.py`).

With events, a day that something happened on is *watched*: it stands in the cursor until it is up to date. A message is deleted once all
its days are up to date, or are watched by a cursor that Dagster has stored: then nothing depends on the message any more. One that came
first thing in this very tick is left in the queue, hidden for a while, and deleted when it comes again. Now and then the landing place is
listed all the same, and also whenever the queue does not answer: a lost event costs time, never an image.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from imaging_assets.errors import EventQueueError
from imaging_assets.ports.event_queue import EventQueue
from imaging_assets.settings import load_settings
from imaging_assets.stages.days import Days
from imaging_assets.stages.events import News, settle, take_news
from imaging_assets.stages.models.registry import now_utc
from imaging_assets.stages.pipeline import Pipeline

_settings = load_settings()
_policy = _settings.sensors
_AT_ONCE = _policy.look_back_days + _policy.sweep_days_per_tick
"""Days looked at in one tick; no more because of events than because of a listing."""

_MOST_WATCHED = 1000
"""More are not taken from the queue: a cursor of 14 KB."""


@dataclass(frozen=True)
class Cursor:
    """What is remembered from tick to tick.

    Attributes:
        swept: The last of the older days that was looked at.
        listed: When the landing place was last listed (seconds since 1970), with events.
        watched: Days that events named and that were not up to date, the next to look at first.
    """

    swept: str = ""
    listed: float = 0.0
    watched: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """The cursor of the last tick, or of none."""
        kept = json.loads(text) if text else {}
        return cls(str(kept.get("swept", "")), float(kept.get("listed", 0)), tuple(kept.get("watched", ())))

    def written(self) -> str:
        """As Dagster keeps it."""
        kept: dict[str, object] = {"swept": self.swept}
        if self.listed:
            kept |= {"listed": round(self.listed), "watched": self.watched}
        return json.dumps(kept, separators=(",", ":"))


@dataclass(frozen=True)
class Round:
    """What one tick looks at.

    Attributes:
        days: ISO days, the newest first.
        guarded: Those, and all others that events named: deletions are counted over all of them.
        told: What was looked at, in words.
    """

    days: list[str]
    guarded: list[str]
    told: str
    before: Cursor
    after: Cursor
    hinted: tuple[str, ...] = ()
    news: News = field(default_factory=News)
    queue: EventQueue | None = None

    def finish(self, context: dg.SensorEvaluationContext, unsettled: set[str]) -> str:
        """Let go of messages that are done with; the cursor for the next tick.

        Args:
            unsettled: Days of `days` that are not up to date.
        """
        if self.queue is None:
            return self.after.written()
        looked_at = {*self.days}
        waiting = [day for day in self.hinted if day not in looked_at]
        still = [day for day in self.hinted if day in looked_at & unsettled]
        try:
            aside = settle(self.queue, self.news, {*self.before.watched, *(looked_at - unsettled)}, _policy.event_tries)
        except EventQueueError as error:
            aside = []
            context.log.error("%s", error)  # noqa: TRY400 - the message is meant for people
        if aside:
            context.log.error("%d messages were set aside from %s: %s", len(aside), self.queue.name, "; ".join(aside))
        return replace(self.after, watched=(*waiting, *still)).written()


def begin_round(context: dg.SensorEvaluationContext, pipeline: Pipeline, days: Days) -> Round:
    """What to look at now; asks the queue where there is one."""
    before, queue, now = Cursor.read(context.cursor), pipeline.events, now_utc().timestamp()
    if queue is None:
        listed, swept = _days_to_look_at(days.known, before.swept)
        return Round(listed, listed, f"{len(listed)} days were looked at", before, Cursor(swept))
    news = _hear(context, pipeline, queue, days, before)
    hinted = (*sorted((news.days if news else set()) - {*before.watched}, reverse=True), *before.watched)
    looked_at, after, told = {*hinted[:_AT_ONCE]}, before, "no event came and the landing place was listed lately"
    if news is None or now - before.listed >= 60 * _policy.listing_minutes:
        listed, swept = _days_to_look_at(days.known, before.swept)
        looked_at |= {*listed}
        after = Cursor(swept, now)
    if looked_at:
        told = f"{len(looked_at)} days were looked at"
    newest_first = sorted(looked_at, reverse=True)
    return Round(newest_first, [*{*newest_first, *hinted}], told, before, after, hinted, news or News(), queue)


def _hear(context: dg.SensorEvaluationContext, pipeline: Pipeline, queue: EventQueue, days: Days, before: Cursor) -> News | None:
    """What the queue tells, or None where the landing place must be listed instead."""
    if len(before.watched) >= _MOST_WATCHED:
        context.log.warning("%d days are waited for already; the queue %s has to wait.", len(before.watched), queue.name)
        return News()
    try:
        news = take_news(pipeline, queue, _policy.events_per_tick, days.landing)
    except EventQueueError as error:
        context.log.error("%s The landing place is listed instead.", error)  # noqa: TRY400 - the message is meant for people
        return None
    if news.messages:
        context.log.info(
            "%d messages of %d days; %d events twice, %d of other blobs, %d messages cannot be read",
            len(news.messages),
            len(news.days),
            news.duplicates,
            news.elsewhere,
            news.unreadable,
        )
    if news.undated:
        context.log.warning(
            "%d blobs tell no day, so they are left alone (raw_images_all_have_a_day lists them): %s",
            len(news.undated),
            ", ".join(news.undated[:5]),
        )
    return news


def _days_to_look_at(known: Sequence[str], last: str) -> tuple[list[str], str]:
    """The newest days, then the next few of the rest, newest first; and the last of those, from which the round goes on."""
    today = datetime.now(ZoneInfo(_settings.partitions.timezone)).date()
    first_recent = (today - timedelta(days=_policy.look_back_days - 1)).isoformat()
    recent = [day for day in known if day >= first_recent]
    older = [day for day in known if day < first_recent]
    turn = ([day for day in older if day > last] + [day for day in older if day <= last])[: _policy.sweep_days_per_tick]
    return sorted({*recent, *turn}, reverse=True), turn[-1] if turn else last
