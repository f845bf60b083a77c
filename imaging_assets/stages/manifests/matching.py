"""Which image does a line of a label file mean?

Belongs here: the rule, the same for every label format. Does not: remembering the answer (`labels`).

The rule, first hit wins: the whole landing path; the end of exactly one path (a bare file name is such an end); the same without
regard to case and extension; the same three for the name as the source's settings rewrite it. A source that says which images it is
about finds no others. Several hits with the same bytes are one image; with different bytes the line is ambiguous. Names are
compared in Unicode form NFC, whichever form a store or a label file uses.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_DATED = re.compile(r"(?:.*/)?([0-9]{4}/[0-9]{2}/[0-9]{2}/.+)")


@dataclass(frozen=True, slots=True)
class Match:
    """The image found, or why there is none: `reason` is "" on success; `rivals` are the paths an ambiguous line may mean."""

    path: str = ""
    sha256: str = ""
    status: str = "bound"
    reason: str = ""
    rivals: tuple[str, ...] = ()


@dataclass
class ImageIndex:
    """Landed images by the ways a person may name them.

    Attributes:
        landing: The landing place.
        images: Beginning of the paths that count, below the landing place or below the day; "" for all.
        rewrite: Regular expression to replacement, for names that nothing has.
    """

    landing: str
    images: str = ""
    rewrite: Mapping[str, str] = field(default_factory=dict)
    _sha256: dict[str, str] = field(default_factory=dict)
    _by_path: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _by_name: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _by_stem: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, images: Iterable[tuple[str, str]]) -> None:
        """Add (landing path, sha256) pairs."""
        for path, sha256 in images:
            if self.images and not self._counts(_composed(path)):
                continue
            self._sha256[path] = sha256
            whole = _composed(path)
            name = whole.rpartition("/")[2]
            self._by_path[whole].append(path)
            self._by_name[name].append(path)
            self._by_stem[_stem(name)].append(path)

    def match(self, selector: str) -> Match:
        """The image that `selector` means."""
        selector = _composed(selector)
        found = self._find(selector)
        if not found and (other := self._rewritten(selector)):
            found = self._find(other)
        return self._only(found)

    def landing_path(self, selector: str) -> str:
        """The whole path that `selector` stands for when it is no mere end of one.

        What stands before the landing place or a dated folder (`2026/03/02/`) is dropped: a container, an export's folder of images.
        """
        _, landing, below = f"/{selector}".rpartition(f"/{self.landing}/")
        dated = _DATED.fullmatch(selector)
        return f"{self.landing}/{below if landing else dated[1] if dated else selector}"

    def _find(self, selector: str) -> list[str]:
        whole = self.landing_path(selector)
        inside = f"{self.landing}/{self.images}/{selector}"
        if exact := self._by_path.get(whole) or self._by_path.get(inside):
            return exact
        name = selector.rpartition("/")[2]
        if ends := [path for path in self._by_name.get(name, []) if f"/{_composed(path)}".endswith(f"/{selector}")]:
            return ends
        stems = (f"/{_stem(selector)}", f"/{_stem(whole)}")
        return [path for path in self._by_stem.get(_stem(name), []) if f"/{_stem(_composed(path))}".endswith(stems)]

    def _rewritten(self, selector: str) -> str:
        """The name by the first rule that fits, or ""."""
        return next((re.sub(rule, text, selector) for rule, text in self.rewrite.items() if re.search(rule, selector)), "")

    def _counts(self, path: str) -> bool:
        below = path.removeprefix(f"{self.landing}/")
        below_day = below.split("/", 3)[-1]
        return below.startswith(self.images) or below_day.startswith(self.images)

    def _only(self, paths: list[str]) -> Match:
        if not paths:
            where = f" below {self.images}" if self.images else ""
            return Match(status="unmatched", reason=f"no landed image{where} has this name")
        digests = {self._sha256[path] for path in paths}
        if len(digests) > 1:
            reason = f"{len(paths)} different images have this name: {min(paths)}, {max(paths)}"
            return Match(status="ambiguous", reason=reason, rivals=tuple(sorted(paths)))
        return Match(min(paths), digests.pop())


def _composed(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def _stem(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return (folder + slash + (name.rpartition(".")[0] or name)).casefold()
