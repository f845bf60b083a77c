"""Options that several commands take, and days as people write them.

Belongs here: declaring and reading them. Does not: options of one command (beside its name: `app.py`, `*_commands.py`).
"""

from datetime import date
from typing import Annotated

import typer

from imaging_assets.errors import UsageError

FLAG = ""
"""In the help, what stands behind an option that takes no value."""

Day = Annotated[str | None, typer.Option("--day", metavar="DAY", help="One day, as 2026-11-19.")]
Since = Annotated[str | None, typer.Option("--since", metavar="DAY", help="First day of a range.")]
Until = Annotated[str | None, typer.Option("--until", metavar="DAY", help="Last day of a range.")]


def parse_day(text: str | None) -> date | None:
    """The day, or None for None.

    Raises:
        UsageError: It is no ISO date.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise UsageError(f"{text!r} is not a day. Write it as 2026-11-19.") from error
