"""A Dask scheduler and workers as processes of their own on this machine, as a cluster has them.

Belongs here: starting and ending them. Does not: what is run on them.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

QUIET = {"DASK_DISTRIBUTED__DASHBOARD__LINK": "", "PYTHONWARNINGS": "ignore"}


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class DaskCluster:
    """A context manager; workers have one process each, no nanny, so that a killed one stays dead."""

    def __init__(self, workers: int = 1, threads: int = 1, folder: Path | None = None) -> None:
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self._wanted = workers
        self._threads = threads
        self._folder = folder
        self._scheduler: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        port = self.address.rpartition(":")[2]
        self._scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
        for _ in range(self._wanted):
            self.add_worker()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in [*self.workers, self._scheduler]:
            if process:
                process.kill()
                process.wait()

    def add_worker(self) -> None:
        """One more."""
        threads = str(self._threads)
        self.workers.append(self._start("worker", self.address, "--no-nanny", "--nthreads", threads, "--no-dashboard"))

    def _start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-W", "ignore", "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]]
        silent = subprocess.DEVNULL
        return subprocess.Popen(command, env=os.environ | QUIET, cwd=self._folder, stdout=silent, stderr=silent)
