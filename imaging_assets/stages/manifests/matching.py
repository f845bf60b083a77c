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
from collections.abc import Collection, Iterable, Mapping, Sequence
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
        roots: Folders that images land in.
        images: Beginning of the paths that count, below one of those folders or below the day, or such a folder and what follows; "" for
            all.
        rewrite: Regular expression to replacement, for names that nothing has.
        selectors: The only ones that will be asked for, where they are known: images that none of them can mean are left out, for a day
            may have a million.
    """

    roots: Sequence[str]
    images: str = ""
    rewrite: Mapping[str, str] = field(default_factory=dict)
    selectors: Iterable[str] | None = None
    _sha256: dict[str, str] = field(default_factory=dict)
    _by_path: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _by_name: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _by_stem: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _stems: Collection[str] | None = None

    def __post_init__(self) -> None:
        if self.selectors is not None:
            named = {_composed(selector) for selector in self.selectors}
            named |= {self._rewritten(selector) for selector in named}
            self._stems = {_stem(selector.rpartition("/")[2]) for selector in named}

    def add(self, images: Iterable[tuple[str, str]]) -> None:
        """Add (landing path, sha256) pairs."""
        for path, sha256 in images:
            whole = _composed(path)
            name = whole.rpartition("/")[2]
            stem = _stem(name)
            if (self._stems is not None and stem not in self._stems) or (self.images and not self._counts(whole)):
                continue
            self._sha256[path] = sha256
            self._by_path[whole].append(path)
            self._by_name[name].append(path)
            self._by_stem[stem].append(path)

    def match(self, selector: str) -> Match:
        """The image that `selector` means."""
        selector = _composed(selector)
        found = self._find(selector)
        if not found and (other := self._rewritten(selector)):
            found = self._find(other)
        return self._only(found)

    def whole_paths(self, selector: str) -> list[str]:
        """The whole paths that `selector` may stand for when it is no mere end of one: one, or one in each folder that images land in.

        What stands before such a folder or a dated one (`2026/03/02/`) is dropped: a container, an export's folder of images.
        """
        parts = {root: f"/{selector}".rpartition(f"/{root}/") for root in self.roots}
        if found := [f"{root}/{below}" for root, (_, inside, below) in parts.items() if inside]:
            return found
        dated = _DATED.fullmatch(selector)
        return [f"{root}/{dated[1] if dated else selector}" for root in self.roots]

    def inner_paths(self, selector: str) -> list[str]:
        """The paths that `selector` may stand for as what follows `images`."""
        return [f"{self.images}/{selector}" if self._in_root(root) else f"{root}/{self.images}/{selector}" for root in self.roots]

    def _find(self, selector: str) -> list[str]:
        whole = self.whole_paths(selector)
        for paths in (whole, self.inner_paths(selector)):
            if exact := [path for candidate in dict.fromkeys(paths) for path in self._by_path.get(candidate, [])]:
                return exact
        name = selector.rpartition("/")[2]
        if ends := [path for path in self._by_name.get(name, []) if f"/{_composed(path)}".endswith(f"/{selector}")]:
            return ends
        stems = (f"/{_stem(selector)}", *(f"/{_stem(path)}" for path in whole))
        return [path for path in self._by_stem.get(_stem(name), []) if f"/{_stem(_composed(path))}".endswith(stems)]

    def _rewritten(self, selector: str) -> str:
        """The name by the first rule that fits, or ""."""
        return next((re.sub(rule, text, selector) for rule, text in self.rewrite.items() if re.search(rule, selector)), "")

    def _counts(self, path: str) -> bool:
        root = next((root for root in self.roots if path.startswith(f"{root}/")), self.roots[0])
        if self._in_root(root):
            return f"{path}/".startswith(f"{self.images}/")
        below = path.removeprefix(f"{root}/")
        below_day = below.split("/", 3)[-1]
        return below.startswith(self.images) or below_day.startswith(self.images)

    def _in_root(self, root: str) -> bool:
        """Whether `images` names this folder, or one below it."""
        return f"{self.images}/".startswith(f"{root}/")

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
