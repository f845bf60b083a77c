"""Writes `docs/licences.md` from the metadata of what is installed: `python docs/licences.py`.

The page is the same on every machine: markers are read as Linux with the oldest Python would, and of an extra that is not installed here
(torch is large) the rows stay that are there already.

Belongs here: who is needed by imaging-assets and under which licence. Does not: what is allowed (a test).
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PAGE = Path(__file__).parent / "licences.md"
PINS = Path(__file__).parent.parent / "constraints.txt"

_INTRO = """\
# Licences

imaging-assets is MIT. What it installs, with all extras but `dev`, and under which licence, by the packages' own metadata. Each package
brings its licence's text. A test fails when a package is missing here, or when one is GPL or AGPL without an exception: those would
bind your own code. LGPL and MPL do not; the libraries they are about can be exchanged. Builds of torch for NVIDIA's cards bring NVIDIA's
libraries under NVIDIA's own licence, which are not listed; the build for processors alone brings none.

This page is generated: `python docs/licences.py`.

| package | licence |
| --- | --- |
"""

_SHORT = {
    "apache software license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "bsd license": "BSD",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "gnu library or lesser general public license (lgpl)": "LGPL",
    "the unlicense (unlicense)": "Unlicense",
}
"""Classifiers and free texts to short names."""


_THERE = {"python_version": "3.11", "python_full_version": "3.11.0", "os_name": "posix", "sys_platform": "linux"}
_THERE |= {"platform_system": "Linux", "platform_machine": "x86_64"}
"""Where the page's dependencies are read for, whatever machine writes it."""

_FOR_CARDS = ("nvidia-", "cuda-", "triton")
"""How those begin that come with builds of torch for graphics cards only."""


def needed(name: str = "imaging-assets") -> tuple[dict[str, Distribution], set[str]]:
    """What a package and its extras but `dev` need, and theirs in turn: those that are here, and names of those that are not."""
    root = distribution(name)
    extras = set(root.metadata.get_all("Provides-Extra") or ()) - {"dev"}
    found: dict[str, Distribution] = {}
    absent: set[str] = set()
    open_ends = list(_requirements(root, extras))
    seen: set[tuple[str, frozenset[str]]] = set()
    while open_ends:
        requirement = open_ends.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            found[key[0]] = distribution(requirement.name)
        except PackageNotFoundError:
            absent.add(key[0])
            continue
        open_ends += _requirements(found[key[0]], requirement.extras)
    return dict(sorted(found.items())), absent


def _requirements(of: Distribution, extras: set[str]) -> Iterator[Requirement]:
    for line in of.requires or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if requirement.name.startswith(_FOR_CARDS):
            continue
        if marker is None or any(marker.evaluate({**_THERE, "extra": extra}) for extra in ("", *extras)):
            yield requirement


def licence(of: Distribution) -> str:
    """Its licence in a few words, or "unknown"."""
    told = of.metadata.get("License-Expression")
    if told:
        return told
    classifiers = [
        line.rpartition(" :: ")[2] for line in of.metadata.get_all("Classifier") or () if line.startswith("License ::")
    ]
    named = [_SHORT.get(text.lower(), text) for text in classifiers if text != "OSI Approved"]
    if named:
        return " AND ".join(named)
    first = next(iter((of.metadata.get("License") or "").strip().splitlines()), "")
    return _SHORT.get(first.lower(), first) or _of_its_text(of)


def _of_its_text(of: Distribution) -> str:
    """Told by the title of its licence file, where nothing else tells it."""
    for file in of.files or ():
        if re.match(r"licen[cs]e", file.name, re.IGNORECASE):
            title = file.read_text().strip().splitlines()[0].strip()
            return _SHORT.get(title.lower(), title)
    return "unknown"


def rows(found: dict[str, str], absent: set[str], written: dict[str, str], pinned: set[str]) -> dict[str, str]:
    """Licences by package: what is here, and while something is absent also what the page says already of packages that are pinned.

    What an absent package needs in turn cannot be asked; so a row that nobody needs any more may stay until all extras are here.
    """
    kept = {name: told for name, told in written.items() if name in pinned} if absent else {}
    unknown = absent - kept.keys()
    if unknown:
        sys.exit(
            f"Not installed here, and not on the page: {', '.join(sorted(unknown))}. Install them with -c constraints.txt, try again."
        )
    return dict(sorted({**kept, **found}.items()))


def written() -> dict[str, str]:
    """The rows that the page has, its heading among them."""
    return dict(re.findall(r"^\| ([a-z0-9-]+) \| ([^|]+) \|$", PAGE.read_text("utf-8"), re.MULTILINE))


def pinned() -> set[str]:
    """Packages that constraints.txt pins, by canonical name."""
    return {canonicalize_name(line.partition("==")[0]) for line in PINS.read_text("utf-8").splitlines() if "==" in line}


def page() -> str:
    """The whole page."""
    found, absent = needed()
    told = rows({name: licence(of) for name, of in found.items()}, absent, written(), pinned())
    return _INTRO + "".join(f"| {name} | {licence} |\n" for name, licence in told.items())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.exit(0)
