"""Writes the pages of `docs/` that follow from the code: `python docs/generate.py`.

Belongs here: rendering. Does not: any fact; a test fails when a page is not what this writes.
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.main import get_command

from imaging_assets import errors
from imaging_assets.cli.app import app
from imaging_assets.settings import Settings

HERE = Path(__file__).parent

_INTRO = """\
# Configuration

Sources, the first wins: variables (`IMAGING_RESIZE__MAX_BYTES=4000000`), `imaging.toml` in the current folder (write one with
`imaging-assets init`, or name another with `--config`), what `add` and `demo` remember in the state folder, the defaults.

```toml
home = ".imaging"

[resize]
max_bytes = 4000000
```

This page is generated from the code.
"""


_MADE = {"workers": "number of cores, at most 8"}
"""Defaults that are made when they are needed."""


def configuration() -> str:
    """Every setting with its variable, default and meaning."""
    plain = {name: field for name, field in Settings.model_fields.items() if not _group(field)}
    parts = [_INTRO, "## General\n", _table("", plain)]
    for name, field in Settings.model_fields.items():
        if group := _group(field):
            parts += [f"## `[{name}]`\n", f"{group.__doc__}\n", _table(f"{name}.", group.model_fields)]
            for inner, entry in _lists(group):
                parts += [f"### `[[{name}.{inner}]]`\n", f"{entry.__doc__}\n", _table("", entry.model_fields)]
    return "\n".join(parts)


def _group(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _lists(group: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Settings of a group that are lists of groups."""
    for name, field in group.model_fields.items():
        for kind in get_args(field.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield name, kind


def _table(prefix: str, fields: dict[str, FieldInfo]) -> str:
    lines = ["| setting | default | meaning |", "| --- | --- | --- |"]
    for name, field in fields.items():
        default = f"`{field.default}`" if field.default is not PydanticUndefined else _MADE.get(name, "`{}`")
        if field.is_required():
            default = "required"
        elif field.default in (None, ""):
            default = "unset"
        lines.append(f"| `{prefix}{name}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


_COMMANDS = """\
# Commands

Before a command: `--config FILE` (instead of `./imaging.toml`), `--json` (one JSON value and nothing else), `--version`. Exit codes:
0 well, 1 failed, 2 asked wrongly, 3 needs consent, 130 stopped by Ctrl-C. A stopped command, given again, goes on where it was.

This page is generated from the code.
"""


def commands() -> str:
    """Every command with its arguments and options."""
    parts = [_COMMANDS]
    for name, command in _leaves("imaging-assets", get_command(app)):
        shown = [(*_signature(parameter), parameter.help) for parameter in command.params if parameter.name != "help"]
        rows = [f"| `{told}` | {_in_a_cell(text)} | {default} |" for told, default, text in shown]
        table = ["| argument | meaning | default |", "| --- | --- | --- |", *rows, ""] if rows else []
        parts += [f"## `{name}`\n", f"{inspect.cleandoc(command.help or '')}\n", *table]
    return "\n".join(parts)


def _leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for word, inner in sorted(command.commands.items()):
            yield from _leaves(f"{name} {word}", inner)
    else:
        yield name, command


def _signature(parameter: Any) -> tuple[str, str]:
    """As it is typed, and what holds when it is left out."""
    if parameter.param_type_name == "argument":
        return parameter.metavar, "required" if parameter.required else "–"
    names = "/".join([*parameter.opts, *parameter.secondary_opts])
    default = "required" if parameter.required else "–" if parameter.default in {None, False, ""} else f"`{parameter.default}`"
    if parameter.is_flag:
        return names, "–" if not parameter.secondary_opts else f"`{parameter.opts[0]}`"
    return f"{names} {parameter.metavar or parameter.name.upper()}", default


def _in_a_cell(text: str) -> str:
    return text.replace("|", "\\|")


_ERRORS = """\
# Errors

Every error that is raised on purpose; each message names the thing and ends with the remedy. By message, with what to do beyond it:
[troubleshooting](troubleshooting.md). One bad image, label line or document is never an error: it is a row with its reason.

This page is generated from the code.

| error | meaning |
| --- | --- |
"""


def error_tree() -> str:
    """Every class of `errors.py`, children below their parent."""
    return _ERRORS + "\n".join(_error_rows(errors.ImagingError, 0)) + "\n"


def _error_rows(kind: type[Exception], depth: int) -> Iterator[str]:
    told = (inspect.getdoc(kind) or "").split("\n\n", maxsplit=1)[0].replace("\n", " ")
    yield f"| {'&emsp;' * depth}`{kind.__name__}` | {told} |"
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _error_rows(child, depth + 1)


PAGES = {"configuration.md": configuration, "commands.md": commands, "errors.md": error_tree}


def main() -> int:
    """Write all pages."""
    for name, render in PAGES.items():
        (HERE / name).write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
