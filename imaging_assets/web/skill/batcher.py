"""Images of all calls, handed to a step by a few threads, several at once where several wait.

Belongs here: threads and futures. Does not: what a step does with images (`steps`). A single image never waits for others; when all
threads are busy, what has gathered meanwhile goes together.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

from imaging_assets.web.metrics import Metrics
from imaging_assets.web.skill.contract import Answer
from imaging_assets.web.skill.images import NoImageError
from imaging_assets.web.skill.steps import Step

ReadImage = Callable[[], bytes]
"""Gives the image's bytes, or raises NoImageError; called in a thread."""


@dataclass(frozen=True, slots=True)
class _Item:
    read: ReadImage
    answer: Future[Answer] = field(default_factory=Future)


class Batcher:
    """`workers` threads; at most `batch` images go to a step at once."""

    def __init__(self, workers: int, batch: int, metrics: Metrics) -> None:
        self._workers = workers
        self._pool: ThreadPoolExecutor | None = None
        self._batch = batch
        self._metrics = metrics
        self._waiting: dict[str, deque[_Item]] = {}
        self._lock = Lock()

    def open(self) -> None:
        """Make the threads; a server may be started more than once."""
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="skill")

    def close(self) -> None:
        """Forget what waits and end the threads."""
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def submit(self, step: Step, read: ReadImage) -> Future[Answer]:
        """The answer about one image, later; cancelling the future takes it out of the row while it still waits."""
        assert self._pool is not None, "opened when the server starts"
        item = _Item(read)
        with self._lock:
            self._waiting.setdefault(step.name, deque()).append(item)
        self._pool.submit(self._work, step)
        return item.answer

    def _work(self, step: Step) -> None:
        items = [item for item in self._take(step.name) if item.answer.set_running_or_notify_cancel()]
        if not items:
            return  # an earlier turn took what this one was made for
        try:
            self._answer(step, items)
        except BaseException as error:
            for item in items:
                if not item.answer.done():
                    item.answer.set_exception(error)
            raise

    def _take(self, name: str) -> list[_Item]:
        with self._lock:
            row = self._waiting[name]
            return [row.popleft() for _ in range(min(self._batch, len(row)))]

    def _answer(self, step: Step, items: list[_Item]) -> None:
        images: list[tuple[_Item, bytes]] = []
        for item in items:
            try:
                images.append((item, item.read()))
            except NoImageError as error:
                item.answer.set_result(Answer({}, str(error)))
        if not images:
            return
        self._metrics.images_per_batch.labels(step.name).observe(len(images))
        answers = step.run([image for _, image in images])
        for (item, _), answer in zip(images, answers, strict=True):
            item.answer.set_result(answer)
