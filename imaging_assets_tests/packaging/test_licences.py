"""Nobody who installs imaging-assets gets a package whose licence would bind their own code."""

import re
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
    licences = SCRIPT.rows({name: SCRIPT.licence(of) for name, of in SCRIPT.needed()[0].items()}, {"torch"}, *on_the_page())
    assert {"dagster", "polars", "scikit-learn", "torch"} <= licences.keys()
    assert {name: told for name, told in licences.items() if not is_allowed(told)} == {}


def test_extras_are_followed_and_tools_of_developers_are_not() -> None:
    needed = SCRIPT.needed()[0]
    assert {"dagster-postgres", "psycopg2-binary"} <= needed.keys()
    assert needed.keys() & {"pytest", "ruff", "mypy", "hypothesis"} == set()


def test_the_page_lists_every_dependency_and_nothing_else() -> None:
    listed = re.findall(r"^\| ([a-z0-9-]+) \|", SCRIPT.page(), re.MULTILINE)
    assert listed == re.findall(r"^\| ([a-z0-9-]+) \|", SCRIPT.PAGE.read_text("utf-8"), re.MULTILINE), (
        "run `python docs/licences.py`"
    )
    assert "torch" in listed, "an extra stands on the page whether it is installed here or not"


def test_rows_stay_only_while_their_packages_cannot_be_asked() -> None:
    written = {"sympy": "BSD", "torch": "MIT", "gone": "MIT"}
    assert SCRIPT.rows({"numpy": "BSD"}, {"torch"}, written, {"sympy", "torch"}) == {
        "numpy": "BSD",
        "sympy": "BSD",
        "torch": "MIT",
    }
    assert SCRIPT.rows({"torch": "Apache-2.0"}, set(), written, {"sympy", "torch"}) == {"torch": "Apache-2.0"}


def test_a_package_of_which_nothing_is_known_is_no_silent_gap() -> None:
    with pytest.raises(SystemExit, match="not on the page: torch"):
        SCRIPT.rows({}, {"torch"}, {}, {"torch"})


def on_the_page() -> tuple[dict[str, str], set[str]]:
    return SCRIPT.written(), SCRIPT.pinned()
