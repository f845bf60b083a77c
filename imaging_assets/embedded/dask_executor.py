"""Executor over a Dask cluster that is there already (extra `dask`).

Belongs here: handing tasks to the cluster, and saying what is wrong with it. Does not: starting or sizing one.

Dask itself gives the tasks of a lost worker to another. Its scheduler unpickles what it is sent, so tasks and items are sent as bytes:
it shall build no pipeline.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import override

from imaging_assets.embedded.executor import in_order
from imaging_assets.errors import SettingsError, WorkerLostError
from imaging_assets.ports.executor import Executor, Item, Result

if TYPE_CHECKING:
    from distributed import Client

_PATIENCE = 5.0
"""Seconds of waiting for a task after which the cluster is looked at."""


class DaskExecutor(Executor):
    """At most twice as many tasks handed out as the cluster has threads; makes no call before the first of them.

    Raises (`map`):
        SettingsError: The extra is missing, nobody answers at the address, or the cluster has no worker.
        WorkerLostError: Worker after worker died of a task, all of them left, or the scheduler went away.
    """

    def __init__(self, address: str, seconds: float = 30.0) -> None:
        self.address = address
        self.seconds = seconds

    @override
    def map(self, task: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        client = _client(self.address, self.seconds)
        executor = client.get_executor(pure=False)  # type: ignore[no-untyped-call]
        sent = pickle.dumps(task)

        def hand_out(item: Item) -> "_Handed[Result]":
            return _Handed(executor.submit(_work, sent, pickle.dumps(item)), partial(self._count_threads, client))

        try:
            yield from in_order(hand_out, items, 2 * self._count_threads(client))
        except _lost() as error:
            raise WorkerLostError(
                f"The Dask cluster at {self.address} lost a task for good ({error!r}). Finished batches are "
                "kept: look at the logs of its workers (memory?), then run the day again."
            ) from error

    def _count_threads(self, client: "Client") -> int:
        """Of all workers; waits for the first one."""
        if client.status == "closed":
            raise SettingsError(f"The Dask scheduler at {self.address} went away. Start the cluster again.")
        try:
            client.wait_for_workers(1, timeout=self.seconds)
            return sum(client.nthreads().values())  # type: ignore[no-untyped-call]
        except (OSError, TimeoutError) as error:
            raise SettingsError(
                f"The Dask scheduler at {self.address} named no worker within {self.seconds:g} s. Start workers "
                f'(`dask worker {self.address}`) that have imaging-assets installed, or set executor.kind = "threads".'
            ) from error


class _Handed(Generic[Result]):
    """A task of the cluster; whoever waits for it learns that nobody is there to do it any more."""

    def __init__(self, future: Future[Result], look: Callable[[], int]) -> None:
        self._future = future
        self._look = look

    def result(self) -> Result:
        while True:
            try:
                return self._future.result(timeout=_PATIENCE)
            except TimeoutError as error:
                if self._future.done():  # the task's own
                    return self._future.result()
                try:
                    self._look()
                except SettingsError as nobody:
                    raise WorkerLostError(f"Finished batches are kept. {nobody}") from error

    def cancel(self) -> object:
        return self._future.cancel()


def _work(task: bytes, item: bytes) -> Any:
    return _task(task)(pickle.loads(item))  # noqa: S301 - from the run, which may run any code here


@lru_cache(4)
def _task(sent: bytes) -> Callable[[Any], Any]:
    """One for all items of a batch, so that they share what they find out."""
    task: Callable[[Any], Any] = pickle.loads(sent)  # noqa: S301 - as above
    return task


def _client(address: str, seconds: float) -> "Client":
    """One connection per process, made again when its scheduler had gone away."""
    client = _connected(address, seconds)
    if client.status == "closed":
        _connected.cache_clear()
        return _connected(address, seconds)
    return client


@cache
def _connected(address: str, seconds: float) -> "Client":
    try:
        from distributed import Client  # noqa: PLC0415 - of an extra
    except ImportError as error:
        raise SettingsError(
            'executor.kind is "dask", but Dask is not installed. Install imaging-assets[dask], here and on the workers.'
        ) from error
    try:
        return Client(address, timeout=seconds, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise SettingsError(
            f"No Dask scheduler answers at {address} within {seconds:g} s ({type(error).__name__}). Correct executor.address or "
            'start the cluster; executor.kind = "threads" does without.'
        ) from error


def _lost() -> tuple[type[BaseException], ...]:
    from distributed.comm.core import CommClosedError  # noqa: PLC0415 - of an extra
    from distributed.scheduler import KilledWorker  # noqa: PLC0415

    kinds: tuple[Any, ...] = (KilledWorker, CommClosedError, CancelledError)
    return kinds
