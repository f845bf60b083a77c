"""The code that stands in the pages of `docs/` and in README.

Belongs here: finding it, and running a page's commands in a folder as a reader would. Does not: expectations.
"""

import itertools
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from imaging_assets_tests.cli.command_line import clean_environment

ROOT = Path(__file__).parent.parent
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])

_FENCE = re.compile(r"^```(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_NEVER_END = re.compile(r"imaging-assets (ui|serve)\b")
_OURS = re.compile(r"(?:\.venv/bin/)?imaging-assets\b")


@dataclass(frozen=True)
class Snippet:
    """A fenced block: `language`, the file it is (`title`), its text, where it stands."""

    page: Path
    line: int
    language: str
    title: str
    text: str

    @property
    def place(self) -> str:
        """For messages and names of tests."""
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """Lines that are typed: those behind `$ `, or all of a block of the language shell; comments are off."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console" and any(line.startswith("$ ") for line in lines):
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        elif self.language not in {"console", "shell"}:
            return []
        return [typed for line in lines if (typed := re.sub(r"(?:^|\s+)#.*", "", line).strip())]


def snippets(page: Path) -> Iterator[Snippet]:
    """Those of a page, from top to bottom."""
    text = page.read_text("utf-8")
    for found in _FENCE.finditer(text):
        yield Snippet(page, text.count("\n", 0, found.start()) + 1, found[1], found[2] or "", found[3])


def calls_of_ours() -> Iterator[tuple[str, list[str]]]:
    """Place and words of every `imaging-assets …` that a page types."""
    for page in PAGES:
        for snippet in snippets(page):
            for command in snippet.commands:
                words = _first_call(command)
                start = next((at for at, word in enumerate(words) if _OURS.fullmatch(word)), None)
                if start is not None:
                    yield f"{snippet.place} {command}", words[start + 1 :]


def _first_call(command: str) -> list[str]:
    """Words of a line up to a pipe, a semicolon or the like."""
    words = shlex.shlex(command, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    return list(itertools.takewhile(lambda word: not set(word) <= set("|&;<>()"), words))


def follow(page: str, folder: Path, home: Path, **variables: str) -> list[str]:
    """Do in a folder what a page says: write its files, type its commands; returns what was typed.

    What never ends (`ui`, `serve`) and what makes the virtual environment (`make`) is left out. The first command that fails is told.
    """
    typed = []
    for snippet in snippets(ROOT / page):
        if snippet.title:
            with (folder / snippet.title).open("a", encoding="utf-8") as file:
                file.write(snippet.text)
        for command in snippet.commands:
            if not command.startswith("make ") and not _NEVER_END.search(command):
                _type(command, folder, {"HOME": str(home), **variables}, snippet.place)
                typed.append(command)
    return typed


def _type(command: str, folder: Path, variables: Mapping[str, str], place: str) -> None:
    environment = clean_environment(variables)
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    command = command.replace(".venv/bin/", "")
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{place} {command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
