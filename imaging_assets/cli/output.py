"""What commands print: lines for people or one JSON value for scripts.

Belongs here: the console, the global options, errors as one clear line. Does not: any command.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from imaging_assets.settings import CONFIG_VARIABLE, Settings, load_settings


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

    def settings(self) -> Settings:
        """Settings from all sources; raises SettingsError."""
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
            print(json.dumps(value, ensure_ascii=False, indent=1, default=str))  # noqa: T201 - this is what was asked for


def complain(text: str) -> None:
    """An error, on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]error:[/red] {_escape(text)}")


def _escape(text: str) -> str:
    return text.replace("[", "\\[")
