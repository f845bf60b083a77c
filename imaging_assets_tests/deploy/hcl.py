"""The Terraform files, parsed: resources, variables, locals, outputs as plain values.

Belongs here: reading. Does not: expectations (`test_terraform.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import hcl2

from imaging_assets_tests.deploy.files import DEPLOY

TERRAFORM = DEPLOY / "terraform"

META = {"for_each", "count", "depends_on", "lifecycle", "provider"}
"""What any resource takes, whatever it is."""


@dataclass(frozen=True)
class Resource:
    """One `resource`; strings without quotes, references as `${…}`, blocks as lists of mappings."""

    kind: str
    name: str
    body: Mapping[str, Any]

    @property
    def address(self) -> str:
        """As other resources name it."""
        return f"{self.kind}.{self.name}"


def text() -> str:
    """All files."""
    return "\n".join(path.read_text("utf-8") for path in sorted(TERRAFORM.glob("*.tf")))


def resources() -> list[Resource]:
    """Every resource."""
    return [
        Resource(kind, name, body)
        for block in _blocks("resource")
        for kind, named in block.items()
        for name, body in named.items()
    ]


def named(what: str) -> dict[str, Any]:
    """`variable` or `output` blocks by name."""
    return {name: body for block in _blocks(what) for name, body in block.items()}


def local_values() -> dict[str, Any]:
    """What stands in `locals`."""
    return {name: value for block in _blocks("locals") for name, value in block.items()}


def _blocks(what: str) -> Iterator[Any]:
    for path in sorted(TERRAFORM.glob("*.tf")):
        with path.open(encoding="utf-8") as file:
            yield from (_plain(block) for block in hcl2.load(file).get(what, []))


def _plain(value: Any) -> Any:
    """Without the parser's quotes and marks."""
    if isinstance(value, dict):
        return {_plain(name): _plain(inner) for name, inner in value.items() if not str(name).startswith("__")}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value
