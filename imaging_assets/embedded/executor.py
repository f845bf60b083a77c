"""Executors of this machine: threads of this process, or processes beside it.

Belongs here: running tasks side by side on this machine. Does not: what the tasks do, other machines (`dask_executor.py`).

Codecs and ONNX release the interpreter lock, so threads do use all cores; processes are for steps that do not release it.
"""

import multiprocessing
import os
import reprlib
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial
from typing import Any, Generic, Protocol, TypeVar

from typing_extensions import override

from imaging_assets.errors import WorkerLostError
from imaging_assets.ports.executor import Executor, Item, Result

Made_co = TypeVar("Made_co", covariant=True)

_TRIES = 3
"""Worker processes that may die of one item before it is given up."""


class ThreadExecutor(Executor):
    """At most `workers` tasks at a time, twice as many handed out."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    @override
    def map(self, task: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        with ThreadPoolExecutor(self.workers) as pool:
            yield from in_order(lambda item: pool.submit(task, item), items, 2 * self.workers)


class ProcessExecutor(Executor):
    """As `ThreadExecutor` over processes, which stay for the next call; what a process that died was at is done again."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    @override
    def map(self, task: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        pool = _pool(self.workers)
        yield from in_order(lambda item: _Tried(pool, task, item), items, 2 * self.workers)


class Waiting(Protocol[Made_co]):
    """A result that is on its way."""

    def result(self) -> Made_co:
        """Wait for it."""

    def cancel(self) -> object:
        """It is not wanted any more."""


def in_order(submit: Callable[[Item], Waiting[Result]], items: Iterable[Item], ahead: int) -> Iterator[Result]:
    """Results in the order of the items, of which at most `ahead` are handed out."""
    waiting: deque[Waiting[Result]] = deque()
    try:
        for item in items:
            waiting.append(submit(item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


class _Pool:
    """Worker processes; a pool that broke is replaced."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._lock = threading.Lock()
        self._pool = self._new()

    def submit(self, task: Callable[[Any], Any], item: Any) -> Future[Any]:
        with self._lock:
            try:
                return self._pool.submit(task, item)
            except BrokenProcessPool:
                self._pool = self._new()
                return self._pool.submit(task, item)

    def _new(self) -> ProcessPoolExecutor:
        # Not forked: threads of this process may hold locks that would stay locked in the child.
        return ProcessPoolExecutor(self._workers, multiprocessing.get_context("spawn"), _live_as_long_as_the_parent)


@cache
def _pool(workers: int) -> _Pool:
    """One for the whole process: a worker's imports take longer than many a batch."""
    return _Pool(workers)


class _Tried(Generic[Item, Result]):
    """A task that is handed out again when its process died, only now, so that one that kills its process is found out alone."""

    def __init__(self, pool: _Pool, task: Callable[[Item], Result], item: Item) -> None:
        self._hand_out = partial(pool.submit, task, item)
        self._item = item
        self._future: Future[Result] = self._hand_out()

    def result(self) -> Result:
        for _ in range(_TRIES):
            try:
                return self._future.result()
            except BrokenProcessPool:
                self._future = self._hand_out()
        self._future.cancel()
        raise WorkerLostError(
            f"Worker processes died {_TRIES} times of {reprlib.repr(self._item)}. If memory ran out, lower resize.workers; else look "
            'at that image. executor.kind = "threads" does without processes.'
        )

    def cancel(self) -> object:
        return self._future.cancel()


def _live_as_long_as_the_parent() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
