"""`imaging-assets plan`: what `run` would do, by a rehearsal that writes nothing and costs nothing.

Belongs here: which days, prices, wording. Does not: the rehearsal (`stages/rehearsal`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date

from imaging_assets.backends import spends_on_training
from imaging_assets.cli.output import OK, Session, counted
from imaging_assets.cli.run import check_range, choose_days
from imaging_assets.policies import CUSTOM_VISION_NOTICE, CustomVision, Prices
from imaging_assets.rehearsals import Stage, rehearse
from imaging_assets.stages.days import Days
from imaging_assets.stages.rehearsal.days import DayAhead, Rehearsal, TrainingAhead

_SERVICES = ("custom vision", "search", "vision")
_PREDICTIONS = ("quick_test_image", "classify_image_with_no_store", "detect_image_with_no_store")
_TRAINING = "training begun"
_SHOWN = 30


@dataclass(frozen=True)
class Numbers:
    """What was counted up to a moment: calls by service and name, contents of uploads, seconds at the services' pace."""

    calls: Mapping[str, Mapping[str, int]]
    content: Mapping[str, int]
    seconds: Mapping[str, float]

    def since(self, before: "Numbers") -> "Numbers":
        """What was counted after an earlier moment."""
        return Numbers(
            {service: _less(names, before.calls[service]) for service, names in self.calls.items()},
            _less(self.content, before.content),
            {service: seconds - before.seconds[service] for service, seconds in self.seconds.items()},
        )


@dataclass(frozen=True)
class Cost:
    """A sum of what has a price, and the settings that lack one."""

    amount: float | None
    unpriced: tuple[str, ...] = field(default=())


def plan_days(session: Session, day: date | None, since: date | None, until: date | None) -> int:
    """The command.

    Raises:
        UsageError: As `run`.
    """
    check_range(day, since, until)
    settings = session.settings()
    stage = rehearse(settings)
    chosen = choose_days(Days(stage.pipeline).known, day, since, until)
    rehearsal = Rehearsal(stage.pipeline, stage.store)
    rehearsal.run(chosen)
    done = _numbers(stage)
    days = [DayAhead(**asdict(ahead)) for ahead in rehearsal.days.values()]
    training, more, more_days = rehearsal.training, None, {}
    if training and training.open:
        rehearsal.publish()
        rehearsal.run(chosen)
        more = _numbers(stage).since(done)
        more_days = {key: _days_more(ahead, days) for key, ahead in rehearsal.days.items()}
    billed = spends_on_training(settings)
    value = {
        "days": [asdict(ahead) for ahead in sorted(days, key=lambda ahead: ahead.day)],
        "training": asdict(training) if training else None,
        **_as_json(done, settings.prices, settings.custom_vision),
        "if_published": _as_json(more, settings.prices, settings.custom_vision)
        | {"predictions": sum(number for number, _ in more_days.values()), "documents": sum(n for _, n in more_days.values())}
        if more
        else None,
    }
    _tell(session, days, training, chosen)
    if billed and training and training.trains and not done.content.get(_TRAINING):
        session.say("            no training is begun: the iteration that is there already, or that runs, learns from the same")
    _tell_numbers(session, done, settings.prices, settings.custom_vision)
    if more:
        predictions, documents = value["if_published"]["predictions"], value["if_published"]["documents"]  # type: ignore[index]
        session.say(
            f"if the new model is published: {counted(predictions, 'prediction')} and {counted(documents, 'document')} more"
        )
        _tell_numbers(session, more, settings.prices, settings.custom_vision)
    if billed and training and training.trains:
        session.say(CUSTOM_VISION_NOTICE)
    session.answer(value)
    return OK


def _numbers(stage: Stage) -> Numbers:
    calls = {service: stage.tally.of(service) for service in _SERVICES}
    return Numbers(calls, stage.tally.of("custom vision content"), {"search": 0.0, **stage.seconds()})


def _less(after: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {name: rest for name, number in after.items() if (rest := number - before.get(name, 0))}


def _days_more(ahead: DayAhead, before: Sequence[DayAhead]) -> tuple[int, int]:
    """Predictions and documents of a day that came on top."""
    then = next((day for day in before if day.day == ahead.day), DayAhead(ahead.day))
    return ahead.predictions - then.predictions, ahead.documents - then.documents


def cost_of(numbers: Numbers, prices: Prices, policy: CustomVision) -> Cost:
    """What is billed, as far as its price is set."""
    custom_vision = numbers.calls["custom vision"]
    trainings = numbers.content.get(_TRAINING, 0)
    hours = trainings * policy.budget_hours if policy.training_type == "advanced" else 0
    units = {
        "custom_vision_1000_uploads": numbers.content.get("images uploaded", 0) / 1000,
        "custom_vision_1000_predictions": sum(custom_vision.get(name, 0) for name in _PREDICTIONS) / 1000,
        "custom_vision_training_hour": float(hours),
        "vision_1000_calls": sum(numbers.calls["vision"].values()) / 1000,
    }
    priced = {name: getattr(prices, name) for name, number in units.items() if number}
    unpriced = [f"prices.{name}" for name, price in priced.items() if price is None]
    if trainings and not hours:  # the service takes as long as it takes
        unpriced.append("the hours of a regular training")
    if not priced and not unpriced:
        return Cost(0.0)
    known = [units[name] * price for name, price in priced.items() if price is not None]
    return Cost(sum(known) if known else None, tuple(unpriced))


def _as_json(numbers: Numbers, prices: Prices, policy: CustomVision) -> dict[str, object]:
    cost = cost_of(numbers, prices, policy)
    return {
        "calls": numbers.calls,
        "custom_vision": numbers.content,
        "minutes": {service: round(seconds / 60, 2) for service, seconds in numbers.seconds.items()},
        "cost": {
            "amount": None if cost.amount is None else round(cost.amount, 4),
            "currency": prices.currency,
            "as_of": prices.as_of,
            "not_included": list(cost.unpriced),
        },
    }


def _tell(session: Session, days: Sequence[DayAhead], training: TrainingAhead | None, chosen: Sequence[str]) -> None:
    for ahead in sorted(days, key=lambda ahead: ahead.day)[-_SHOWN:]:
        session.say(f"{ahead.day}  {_day(ahead)}")
    if len(days) > _SHOWN:
        session.say(f"... and {counted(len(days) - _SHOWN, 'earlier day')}; --json lists them all")
    if idle := len(chosen) - len(days):
        session.say(f"{idle} of {counted(len(chosen), 'day')} up to date")
    if any(ahead.to_read for ahead in days):
        session.say(
            "Images that nobody read yet count as good and different; broken ones, copies and those that only moved cost less."
        )
    if training is None:
        session.say("training    none: the newest training set was trained on, or there is none")
    elif not training.trains:
        session.say(f"training    none: {training.reason}")
    else:
        session.say(
            f"training    as of {training.day} on {counted(training.images, 'image')}, {training.test_images} of them for tests. "
            + training.reason
        )
        if training.sensor:
            session.say(f"            the sensor would wait: {training.sensor}")


def _day(ahead: DayAhead) -> str:
    if ahead.stopped:
        return f"stops: {ahead.stopped}"
    parts = [
        (ahead.new, "new"),
        (ahead.changed, "changed"),
        (ahead.gone, "gone"),
        (ahead.insights, "insights"),
        (ahead.predictions, "predictions"),
        (ahead.documents, "documents to send"),
        (ahead.documents_deleted, "to delete"),
    ]
    told = [f"{number} {what}" for number, what in parts if number]
    if ahead.to_read:
        told.insert(0, f"{counted(ahead.to_read, 'image')} to read ({ahead.bytes_to_read / 1e6:.1f} MB)")
    return ", ".join(told) or "only manifests to write"


def _tell_numbers(session: Session, numbers: Numbers, prices: Prices, policy: CustomVision) -> None:
    if numbers.content:
        session.say("custom vision  " + ", ".join(f"{number} {what}" for what, number in numbers.content.items()))
    for service, calls in numbers.calls.items():
        if calls:
            minutes = numbers.seconds.get(service, 0.0) / 60
            pace = f", {minutes:.1f} minutes at its pace" if service != "search" else ""
            some = ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in calls.items())
            session.say(f"{service}: {counted(sum(calls.values()), 'call')}{pace} ({some})")
    cost = cost_of(numbers, prices, policy)
    if cost.amount is None:
        session.say(f"cost        not known: set {', '.join(cost.unpriced)}")
    elif cost.amount or cost.unpriced:
        dated = f", by your prices of {prices.as_of}" if prices.as_of else ", by your prices"
        without = f", without {', '.join(cost.unpriced)}" if cost.unpriced else ""
        session.say(f"cost        {cost.amount:.2f} {prices.currency}".rstrip() + dated + without)
    else:
        session.say("cost        none")
