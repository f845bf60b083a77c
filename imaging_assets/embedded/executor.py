"""Executor over threads of this process: codecs and ONNX release the interpreter lock, so threads do use all cores.

Belongs here: running tasks side by side on this machine. Does not: what the tasks do.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from typing_extensions import override

from imaging_assets.ports.executor import Executor, Item, Result


class ThreadExecutor(Executor):
    """At most `workers` tasks at a time, twice as many handed out."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    @override
    def map(self, task: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        waiting: deque[Future[Result]] = deque()
        with ThreadPoolExecutor(self.workers) as pool:
            try:
                for item in items:
                    waiting.append(pool.submit(task, item))
                    if len(waiting) >= 2 * self.workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()
