"""Executor over a Dask cluster that is there already (extra `dask`).

Belongs here: handing tasks to the cluster, and saying what is wrong with it. Does not: starting or sizing one.

Dask itself gives the tasks of a lost worker to another.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from functools import cache
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from imaging_assets.embedded.executor import in_order
from imaging_assets.errors import SettingsError, WorkerLostError
from imaging_assets.ports.executor import Executor, Item, Result

if TYPE_CHECKING:
    from distributed import Client


class DaskExecutor(Executor):
    """At most twice as many tasks handed out as the cluster has threads; makes no call before the first of them.

    Raises (`map`):
        SettingsError: The extra is missing, nobody answers at the address, or the cluster has no worker.
        WorkerLostError: Worker after worker died of a task, or the scheduler went away.
    """

    def __init__(self, address: str, seconds: float = 30.0) -> None:
        self.address = address
        self.seconds = seconds

    @override
    def map(self, task: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        client = _client(self.address, self.seconds)
        threads = sum(_threads(client, self.address, self.seconds).values())
        executor = client.get_executor(pure=False)  # type: ignore[no-untyped-call]
        try:
            yield from in_order(lambda item: executor.submit(task, item), items, 2 * threads)
        except _lost() as error:
            raise WorkerLostError(
                f"The Dask cluster at {self.address} lost a task for good ({error!r}). Finished batches are "
                "kept: look at the logs of its workers (memory?), then run the day again."
            ) from error


@cache
def _client(address: str, seconds: float) -> "Client":
    """One connection per process; it finds back to a scheduler that was restarted."""
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


def _threads(client: "Client", address: str, seconds: float) -> dict[str, int]:
    """Threads by worker; waits for the first worker."""
    try:
        client.wait_for_workers(1, timeout=seconds)
        threads: dict[str, int] = client.nthreads()  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError) as error:
        raise SettingsError(
            f"The Dask scheduler at {address} named no worker within {seconds:g} s. Start workers (`dask worker {address}`) that have "
            'imaging-assets installed, or set executor.kind = "threads".'
        ) from error
    return threads


def _lost() -> tuple[type[BaseException], ...]:
    from distributed.comm.core import CommClosedError  # noqa: PLC0415 - of an extra
    from distributed.scheduler import KilledWorker  # noqa: PLC0415

    kinds: tuple[Any, ...] = (KilledWorker, CommClosedError, CancelledError)
    return kinds
