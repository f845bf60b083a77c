"""The files of `deploy/`, as tests read them.

Belongs here: paths, parsing. Does not: expectations.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

import imaging_assets

CHECKOUT = Path(imaging_assets.__file__).parents[1]

DEPLOY = CHECKOUT / "deploy"


def read_yaml(path: str) -> Any:
    """A file below `deploy/`, parsed; anchors and merges resolved."""
    return yaml.safe_load((DEPLOY / path).read_text(encoding="utf-8"))


def read_documents(path: str) -> list[Any]:
    """A file below `deploy/` of several YAML documents."""
    return list(yaml.safe_load_all((DEPLOY / path).read_text(encoding="utf-8")))


def shared(path: str) -> Path:
    """A file of the folder `shared` beside the checkout; skips the test where there is none."""
    found = CHECKOUT.parent / "shared" / path
    if not found.exists():
        pytest.skip(f"there is no {path} in a folder `shared` beside the checkout")
    return found
