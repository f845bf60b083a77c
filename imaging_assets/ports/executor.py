"""Port: runs one function over many items side by side (threads, processes, an existing Dask cluster).

Promises: results come in the order of the items, each as soon as its turn is ready; a bounded number of items is in flight; an
exception of a task is raised where its result would have come. Tasks must be picklable (module-level functions and plain
values) so that every implementation can take them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Executor(ABC):
    """Runs a task over items."""

    @abstractmethod
    def map(self, task: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """`task(item)` for each item, in order."""
