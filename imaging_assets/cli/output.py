"""What commands give back: lines for people or one JSON value for scripts, and an exit code.

Belongs here: the console, the global options, errors as one clear line. Does not: any command.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from imaging_assets.settings import Settings

OK, FAILED, USAGE, NEEDS_CONSENT = 0, 1, 2, 3
STOPPED = 130
"""By Ctrl-C; what shells expect."""


@dataclass
class Session:
    """Global options of one invocation.

    Attributes:
        config: The user's settings file, or None for the default place.
        as_json: Print one JSON value on standard output and nothing else.
    """

    config: Path | None = None
    as_json: bool = False
    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))

    def settings(self) -> "Settings":
        """Settings from all sources; raises SettingsError."""
        from imaging_assets.settings import CONFIG_VARIABLE, load_settings  # noqa: PLC0415 - half of what `--help` would cost

        if self.config is not None:
            # Code that Dagster starts reads the same file.
            os.environ[CONFIG_VARIABLE] = str(self.config.resolve())
        return load_settings(self.config)

    def say(self, text: str) -> None:
        """A line for people."""
        if not self.as_json:
            self.console.print(text, markup=False)

    def answer(self, value: Mapping[str, object]) -> None:
        """The result for scripts."""
        if self.as_json:
            print(json.dumps(value, ensure_ascii=False, indent=1, default=_plain))  # noqa: T201 - this is what was asked for


def counted(number: int, thing: str) -> str:
    """`1 day`, `2 days`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def printable(name: str) -> str:
    """A file's name as any terminal can show it, when it is no valid text."""
    return name.encode("utf-8", "backslashreplace").decode()


@contextmanager
def quiet_decoders(log: Path) -> Iterator[None]:
    """Let what is written to the error stream go into a file.

    Libraries in C (libtiff above all) tell the terminal what is wrong with a broken image, past Python; people read it in the
    image's reason, and who wants every word of it reads the file.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    try:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)


def warn(text: str) -> None:
    """What is odd but stops nothing, on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[yellow]note:[/yellow] {_escape(text)}")


def complain(text: str) -> None:
    """An error, on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]error:[/red] {_escape(text)}")


def _escape(text: str) -> str:
    return text.replace("[", "\\[")


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
