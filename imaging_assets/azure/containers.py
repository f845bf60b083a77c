"""Where a path of the store lies in an account: which container, under which name.

Belongs here: the mapping, both ways. Does not: calls.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True, slots=True)
class Spot:
    """A blob name, or the beginning of names, in a container.

    Attributes:
        container: Container name.
        name: In the container.
        folder: Beginning of paths, "" or ending in "/", ...
        prefix: ... that stands for this beginning of names.
    """

    container: str
    name: str
    folder: str
    prefix: str

    def path_of(self, name: str) -> str:
        """The store's path of a blob name."""
        return self.folder + name.removeprefix(self.prefix)

    def covers(self, folder: str) -> bool:
        """Whether the paths of a folder lie here, but for those of folders that lie elsewhere."""
        return folder.startswith(self.folder)


class Containers:
    """One container for all, and others for some folders of the store.

    Args:
        container: Where every path lies ...
        places: ... but those of these folders: folder to `container` or `container/prefix`.
    """

    def __init__(self, container: str, places: Mapping[str, str]) -> None:
        elsewhere = {f"{folder.strip('/')}/": target.strip("/").partition("/") for folder, target in places.items()}
        self._homes = {"": (container, "")} | {
            folder: (name, f"{prefix}/" if prefix else "") for folder, (name, _, prefix) in sorted(elsewhere.items())
        }

    @property
    def names(self) -> list[str]:
        """The containers, each once."""
        return sorted({container for container, _ in self._homes.values()})

    def spot_of(self, path: str) -> Spot:
        """Where a path lies."""
        return self._spot(self._home_of(path), path)

    def path_of(self, container: str, name: str) -> str | None:
        """The store's path of a blob, or None for one that lies in no place of the store."""
        for folder, (home, prefix) in sorted(self._homes.items(), key=lambda item: -len(item[1][1])):
            path = folder + name[len(prefix) :]
            if home == container and name.startswith(prefix) and self._home_of(path) == folder:
                return path
        return None

    def below(self, prefix: str) -> Iterator[tuple[Spot, Callable[[str], bool]]]:
        """Everywhere that paths with this beginning may lie, each with a test for paths that really lie elsewhere."""
        for folder in self._homes:
            if folder.startswith(prefix) or prefix.startswith(folder):
                yield self._spot(folder, max(prefix, folder, key=len)), partial(self._is_outside, folder)

    def folders_in(self, folder: str) -> set[str]:
        """Names directly below a folder that lead to folders that lie elsewhere."""
        inside = (other[len(folder) :] for other in self._homes if other.startswith(folder) and other != folder)
        return {rest.partition("/")[0] for rest in inside}

    def _spot(self, folder: str, path: str) -> Spot:
        container, prefix = self._homes[folder]
        return Spot(container, prefix + path[len(folder) :], folder, prefix)

    def _home_of(self, path: str) -> str:
        return max((folder for folder in self._homes if path.startswith(folder)), key=len)

    def _is_outside(self, folder: str, path: str) -> bool:
        return self._home_of(path) != folder
