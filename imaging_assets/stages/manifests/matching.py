"""Which image does a line of a label file mean?

Belongs here: the rule, the same for every label format. Does not: remembering the answer (`labels`).

The rule, first hit wins: the whole landing path; the end of exactly one path (a bare file name is such an end); the same without
regard to case and extension. Several hits with the same bytes are one image; with different bytes the line is ambiguous. Names are
compared in Unicode form NFC, whichever form a store or a label file uses.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field


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
    """Landed images by the ways a person may name them."""

    landing: str
    _sha256: dict[str, str] = field(default_factory=dict)
    _by_path: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _by_name: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _by_stem: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, images: Iterable[tuple[str, str]]) -> None:
        """Add (landing path, sha256) pairs."""
        for path, sha256 in images:
            self._sha256[path] = sha256
            whole = _composed(path)
            name = whole.rpartition("/")[2]
            self._by_path[whole].append(path)
            self._by_name[name].append(path)
            self._by_stem[_stem(name)].append(path)

    def match(self, selector: str) -> Match:
        """The image that `selector` means."""
        selector = _composed(selector)
        whole = selector if selector.startswith(f"{self.landing}/") else f"{self.landing}/{selector}"
        if whole in self._by_path:
            return self._only(self._by_path[whole])
        name = selector.rpartition("/")[2]
        ends = [path for path in self._by_name.get(name, []) if f"/{_composed(path)}".endswith(f"/{selector}")]
        stem = _stem(selector)
        alike = [path for path in self._by_stem.get(_stem(name), []) if f"/{_stem(_composed(path))}".endswith(f"/{stem}")]
        return self._only(ends or alike)

    def _only(self, paths: list[str]) -> Match:
        if not paths:
            return Match(status="unmatched", reason="no landed image has this name")
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
