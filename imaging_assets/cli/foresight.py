"""The commands to give before others: `plan` and `doctor`.

Belongs here: their options and help texts. Does not: what they do (the modules of their names).
"""

import typer

from imaging_assets.cli.days import Day, Since, Until, parse_day


def plan(context: typer.Context, day: Day = None, since: Since = None, until: Until = None) -> None:
    """Tell what `run` would do, call and cost; writes nothing and costs nothing."""
    from imaging_assets.cli.plan import plan_days  # noqa: PLC0415 - each command pays only for itself

    raise typer.Exit(plan_days(context.obj, parse_day(day), parse_day(since), parse_day(until)))


def doctor(context: typer.Context) -> None:
    """Check this machine, the settings and, by a real call each, every right that is needed; exit code 1 when one is missing."""
    from imaging_assets.cli.doctor import examine  # noqa: PLC0415

    raise typer.Exit(examine(context.obj))
