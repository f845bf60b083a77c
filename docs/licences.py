"""Writes `docs/licences.md` from the metadata of what is installed: `python docs/licences.py`.

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

_INTRO = """\
# Licences

imaging-assets is MIT. What it installs, with all extras but `dev`, and under which licence, by the packages' own metadata. Each package
brings its licence's text. A test fails when a package is missing here, or when one is GPL or AGPL without an exception: those would
bind your own code. LGPL and MPL do not; the libraries they are about can be exchanged.

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


def needed(name: str = "imaging-assets") -> dict[str, Distribution]:
    """Distributions that a package and its extras but `dev` need here, and theirs in turn, by canonical name."""
    root = distribution(name)
    extras = set(root.metadata.get_all("Provides-Extra") or ()) - {"dev"}
    found: dict[str, Distribution] = {}
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
            continue  # an extra that is not installed here
        open_ends += _requirements(found[key[0]], requirement.extras)
    return dict(sorted(found.items()))


def _requirements(of: Distribution, extras: set[str]) -> Iterator[Requirement]:
    for line in of.requires or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
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


def page() -> str:
    """The whole page."""
    return _INTRO + "".join(f"| {name} | {licence(of)} |\n" for name, of in needed().items())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.exit(0)
