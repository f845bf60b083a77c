"""`imaging-assets run`: bring every day that is behind up to date, train if that is worth it, let a new model reach older days.

Belongs here: the order of things when a person (or cron) starts them; the sensors do the same bit by bit. Does not: deciding what is
behind (`stages/days.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from imaging_assets.backends import build_on_store
from imaging_assets.cli.lines import lines_of
from imaging_assets.cli.output import FAILED, NEEDS_CONSENT, OK, Session, complain, counted, warn
from imaging_assets.cli.runs import Runner, RunOutcome
from imaging_assets.errors import UsageError
from imaging_assets.stages.days import Behind, Days, check_vanished, finish_rebuild
from imaging_assets.stages.images.landing import Landing

_ROUNDS = 10
"""Labels that follow moved images, and a new model, may put days behind again; more rounds than this mean a fault."""


@dataclass
class Progress:
    """What one invocation did."""

    runner: Runner
    say: Callable[[str], None]
    outcomes: list[RunOutcome] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    tried: set[str] = field(default_factory=set)

    def start(self, assets: tuple[str, ...], day: str | None, *, accept_deletions: bool = False) -> RunOutcome:
        """Run and tell."""
        outcome = self.runner.run(assets, day, accept_deletions=accept_deletions)
        self.outcomes.append(outcome)
        for line in lines_of(outcome):
            self.say(line)
        if outcome.failure:
            self.failed.add(outcome.key)
        return outcome

    @property
    def exit_code(self) -> int:
        """0, 1 when a step failed, 3 when only consent is missing."""
        kinds = {outcome.failure.error_kind for outcome in self.outcomes if outcome.failure}
        return OK if not kinds else NEEDS_CONSENT if kinds == {"MassDeletionError"} else FAILED


def run_days(
    session: Session, day: date | None, since: date | None, until: date | None, *, accept_deletions: bool = False
) -> int:
    """The command; returns its exit code.

    Raises:
        UsageError: The day has no images or is no partition, the range is empty, or day and range are both given.
    """
    check_range(day, since, until)
    settings = session.settings()
    days = Days(build_on_store(settings))
    _tell_strays(days.landing)
    known = days.known
    chosen = choose_days(known, day, since, until)
    with Runner(settings) as runner:
        progress = Progress(runner, session.say)
        chosen = [key for key in chosen if runner.has_day(key)]
        _tell_outside(runner, known, day)
        for name, reason in runner.pipeline.insights.off.items():
            warn(f"the step {name} is off: {reason}.")
        if not accept_deletions:
            check_vanished(Days(runner.pipeline), chosen)
        if day:
            progress.start(Days(runner.pipeline).chain, chosen[0], accept_deletions=accept_deletions)
        bring_up_to_date(progress, chosen, accept_deletions=accept_deletions)
        idle = [key for key in chosen if key not in {outcome.key for outcome in progress.outcomes}]
        if idle:
            session.say(up_to_date(len(idle), len(chosen)))
    for key in sorted(progress.failed):
        complain(f"{key} failed; the other days are done. What to do stands in its line above.")
    session.answer(
        {"runs": [_as_json(outcome) for outcome in progress.outcomes], "up_to_date": idle, "failed": sorted(progress.failed)}
    )
    return progress.exit_code


def bring_up_to_date(progress: Progress, chosen: list[str], *, accept_deletions: bool = False) -> None:
    """Run what is behind of the chosen days, train once nothing is, and begin again for the days a new model puts behind."""
    for _ in range(_ROUNDS):
        # What was tried and is still behind has errors that a person must see to; they stand in its lines.
        behind = [found for found in _behind(progress, chosen) if found.wanted not in progress.tried]
        progress.tried |= {found.wanted for found in behind}
        for found in _rollout_last(behind):
            progress.start(found.selection, found.day, accept_deletions=accept_deletions)
        if not behind and not _train(progress):
            break
    finish_rebuild(Days(progress.runner.pipeline))


def _behind(progress: Progress, chosen: list[str]) -> list[Behind]:
    """Days to run now; label files that changed are followed first, unless a day's own run will do it."""
    days = Days(progress.runner.pipeline)
    waiting = [key for key in chosen if key not in progress.failed]
    behind = [found for key in waiting if (found := days.behind(key))]
    follows = any("label_records" in found.selection for found in behind)
    if follows or "all" in progress.failed or not days.newest("resized_images") or not days.labels_behind():
        return behind
    progress.start(("label_records",), None)
    days = Days(progress.runner.pipeline)
    return [found for key in waiting if (found := days.behind(key))]


def _train(progress: Progress) -> bool:
    """Gather and train as of the newest tagged day; whether anything was run."""
    days = Days(progress.runner.pipeline)
    newest = days.newest_tagged
    if not newest or f"training {newest}" in progress.failed or not (days.training_set_behind() or days.iteration_behind()):
        return False
    outcome = progress.start(("training_sets", "training_iterations"), newest)
    if outcome.failure:
        progress.failed.discard(newest)
        progress.failed.add(f"training {newest}")
    return True


def _rollout_last(behind: list[Behind]) -> list[Behind]:
    """Days with news oldest first, then days that only wait for a newer model, newest first."""
    news = [found for found in behind if found.steps[0] != "predictions"]
    return news + sorted((found for found in behind if found not in news), key=lambda found: found.day, reverse=True)


def check_range(day: date | None, since: date | None, until: date | None) -> None:
    """Before anything is looked at.

    Raises:
        UsageError: The range is empty, or day and range are both given.
    """
    if day and (since or until):
        raise UsageError("--day and --since/--until exclude each other. Give one of them.")
    if since and until and since > until:
        raise UsageError(f"--since {since} is after --until {until}. Exchange them.")


def choose_days(known: list[str], day: date | None, since: date | None, until: date | None) -> list[str]:
    """The known days that are meant.

    Raises:
        UsageError: There is none.
    """
    first, last = (day, day) if day else (since, until)
    chosen = [key for key in known if (not first or key >= first.isoformat()) and (not last or key <= last.isoformat())]
    if chosen:
        return chosen
    if not known:
        raise UsageError("No image has landed yet. Begin with `imaging-assets add FOLDER` or `imaging-assets demo`.")
    told = f"on {day}" if day else " ".join(f"{word} {when}" for word, when in (("from", since), ("to", until)) if when)
    raise UsageError(f"No image landed {told}. There are images from {known[0]} to {known[-1]} ({counted(len(known), 'day')}).")


def _tell_outside(runner: Runner, known: list[str], day: date | None) -> None:
    """Days with images that are no partition are left alone, and it is said."""
    outside = [key for key in known if not runner.has_day(key)]
    start = runner.settings.partitions.start
    remedy = f"Days go from partitions.start ({start}) to today: move that in imaging.toml, or the images to another day"
    if day and day.isoformat() in outside:
        raise UsageError(f"{day} is not one of the days that exist. {remedy}.")
    if outside and not day:
        warn(f"left alone, because they are not days that exist: {', '.join(outside)}. {remedy}.")


def _tell_strays(landing: Landing) -> None:
    """Files whose folder tells no day are left alone, and it is said."""
    strays = [] if landing.undated else [blob.path for blob in landing.strays()]
    if strays:
        roots = landing.pipeline.roots
        where = " or ".join(f"{root}/{landing.pipeline.partitions.folder}/" for root in roots)
        warn(
            f"left alone, because no folder tells their day: {', '.join(strays[:5])}{', ...' if strays[5:] else ''} "
            f'({counted(len(strays), "file")}). Move them to {where}, or set partitions.undated = "arrival" in '
            "imaging.toml and each gets the day it arrived."
        )


def up_to_date(idle: int, of: int) -> str:
    """What to say of days on which nothing was to do."""
    were = "was" if idle == 1 else "were"
    return f"{idle} of {counted(of, 'day')} {were} up to date: no image read, no model asked, no document sent."


def _as_json(outcome: RunOutcome) -> dict[str, object]:
    hidden = {"contact_sheet", "confusion_matrix", "precision_by_recall"}
    steps = [
        {"asset": step.asset, "error": step.error, **{name: value for name, value in step.metadata.items() if name not in hidden}}
        for step in outcome.steps
    ]
    return {"day": outcome.key, "seconds": round(outcome.seconds, 3), "steps": steps}
