"""Nobody who installs imaging-assets gets a package whose licence would bind their own code."""

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import pytest

from imaging_assets_tests.packaging.archives import CHECKOUT


def _script() -> ModuleType:
    spec = spec_from_file_location("licences", CHECKOUT / "docs" / "licences.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = _script()


def is_allowed(licence: str) -> bool:
    """Whether one of the alternatives binds nobody; a licence that is not told counts as one that does."""
    return any(all(_part_is_allowed(part) for part in choice.split(" AND ")) for choice in licence.split(" OR "))


def _part_is_allowed(part: str) -> bool:
    strong = re.search(r"\bA?GPL|Affero|GNU General Public", part)
    return part not in {"", "unknown"} and (strong is None or bool(re.search(r"exception", part, re.IGNORECASE)))


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("LGPL-3.0-or-later", True),
        ("GNU Lesser General Public License v3 (LGPLv3)", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", True),
        ("GPL-3.0-only", False),
        ("GPLv2", False),
        ("MIT AND AGPL-3.0-only", False),
        ("GNU Affero General Public License v3", False),
        ("GNU General Public License v2 (GPLv2)", False),
        ("unknown", False),
    ],
)
def test_what_counts_as_binding(licence: str, allowed: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_allowed(licence) is allowed


def test_no_dependency_binds_the_code_of_who_installs_it() -> None:
    licences = {name: SCRIPT.licence(of) for name, of in SCRIPT.needed().items()}
    assert {"dagster", "polars", "scikit-learn"} <= licences.keys()
    assert {name: told for name, told in licences.items() if not is_allowed(told)} == {}


def test_extras_are_followed_and_tools_of_developers_are_not() -> None:
    needed = SCRIPT.needed()
    assert {"dagster-postgres", "psycopg2-binary"} <= needed.keys()
    assert needed.keys() & {"pytest", "ruff", "mypy", "hypothesis"} == set()


@pytest.mark.skipif(sys.platform != "linux", reason="packages that only other systems need are not on the page")
def test_the_page_lists_every_dependency() -> None:
    listed = set(re.findall(r"^\| ([a-z0-9-]+) \|", SCRIPT.PAGE.read_text("utf-8"), re.MULTILINE)) - {"package", "---"}
    assert SCRIPT.needed().keys() - listed == set(), "run `python docs/licences.py`"
