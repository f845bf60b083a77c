"""Writes the pages of `docs/` that follow from the code: `python docs/generate.py`.

Belongs here: rendering. Does not: any fact; a test fails when a page is not what this writes.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

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


PAGES = {"configuration.md": configuration}


def main() -> int:
    """Write all pages."""
    for name, render in PAGES.items():
        (HERE / name).write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
