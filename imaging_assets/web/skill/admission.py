"""How many calls are worked on at once, and when a call is told to come again.

Belongs here: counting. Does not: answering (`routes`). A call waits before its body is read, so that waiting costs no memory.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from imaging_assets.web.metrics import Metrics


class BusyError(Exception):
    """Too many calls wait already, or one waited as long as its caller would."""


class Admission:
    """At most `at_once` calls inside, at most `waiting` before the door."""

    def __init__(self, at_once: int, waiting: int, metrics: Metrics) -> None:
        self._door = asyncio.Semaphore(at_once)
        self._most_waiting = waiting
        self._waiting = 0
        self._metrics = metrics

    @asynccontextmanager
    async def enter(self, deadline: float) -> AsyncIterator[None]:
        """Be inside; `deadline` on the event loop's clock.

        Raises:
            BusyError: There is no place, or none in time.
        """
        await self._wait(deadline)
        self._metrics.calls_inside.inc()
        try:
            yield
        finally:
            self._metrics.calls_inside.dec()
            self._door.release()

    async def _wait(self, deadline: float) -> None:
        if self._door.locked() and self._waiting >= self._most_waiting:
            raise BusyError
        self._waiting += 1
        try:
            async with asyncio.timeout_at(deadline):
                await self._door.acquire()
        except TimeoutError as error:
            raise BusyError from error
        finally:
            self._waiting -= 1
