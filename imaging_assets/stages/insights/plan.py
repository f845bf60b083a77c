"""Which steps there are, in which order.

Belongs here: dependencies, checked. Does not: which analyser stands behind a step (`analyzers.py`), running one (`steps.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter

from imaging_assets.errors import SettingsError
from imaging_assets.ports.analyzer import ImageAnalyzer

VECTORS = "image_vectors"
"""The one step that an `ImageEmbedder` does; all others are an `ImageAnalyzer`'s."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step as configured.

    Attributes:
        name: Its asset.
        analyzer: Who answers.
        requires: Steps whose output the analyser is shown.
        images: Patterns (`*`, `?`) of landing paths; an image is asked about when one of its paths matches one of them.
    """

    name: str
    analyzer: ImageAnalyzer
    requires: tuple[str, ...] = ()
    images: tuple[str, ...] = ("*",)

    def wants(self, path: str) -> bool:
        """Whether an image at that landing path is asked about."""
        return any(fnmatchcase(path, pattern) for pattern in self.images)


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps that run, and why others do not.

    Attributes:
        order: Names, each after those it requires; `image_vectors` among them where it is on.
        steps: By name, without `image_vectors`.
        off: Steps that are wanted and cannot run here, with the reason and the remedy.
    """

    order: tuple[str, ...] = ()
    steps: Mapping[str, Step] = field(default_factory=dict)
    off: Mapping[str, str] = field(default_factory=dict)


def in_order(requires: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Names of steps, each after those it requires, otherwise as given.

    Raises:
        SettingsError: A step requires one that does not run, or steps require each other in a circle.
    """
    for name, needed in requires.items():
        for other in needed:
            if other not in requires:
                raise SettingsError(
                    f"The step {name} requires {other}, which does not run. Enable it ([insights.steps.{other}]), or disable {name}."
                )
    sorter = TopologicalSorter(requires)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise SettingsError(
            f"The steps require each other in a circle: {circle}. Take one of them out of the other's `requires`."
        ) from error
    order: list[str] = []
    places = {name: place for place, name in enumerate(requires)}
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=places.__getitem__)
        order += ready
        sorter.done(*ready)
    return tuple(order)
