"""A Dask scheduler and workers as processes of their own on this machine, as a cluster has them.

Belongs here: starting and ending them, counting what passes the scheduler. Does not: what is run on them.
"""

import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from distributed import Client

ENVIRONMENT = {"PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class DaskCluster:
    """A context manager.

    Args:
        nannies: Whether a worker that was killed is started again, as `dask worker` does by itself.
    """

    def __init__(self, workers: int = 1, threads: int = 1, folder: Path | None = None, *, nannies: bool = False) -> None:
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self._wanted = workers
        self._threads = threads
        self._folder = folder
        self._nanny = "--nanny" if nannies else "--no-nanny"
        self.scheduler: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        port = self.address.rpartition(":")[2]
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
        for _ in range(self._wanted):
            self.add_worker()
        with Client(self.address, timeout=120, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            if self._wanted:
                client.wait_for_workers(self._wanted, timeout=120)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in [*self.workers, self.scheduler]:
            if process:
                process.terminate()  # a nanny ends its worker
        for process in [*self.workers, self.scheduler]:
            if process:
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def add_worker(self) -> None:
        """One more."""
        threads = str(self._threads)
        self.workers.append(self._start("worker", self.address, self._nanny, "--nthreads", threads, "--no-dashboard"))

    def _start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-W", "ignore", "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]]
        silent = subprocess.DEVNULL
        return subprocess.Popen(command, env=os.environ | ENVIRONMENT, cwd=self._folder, stdout=silent, stderr=silent)


class CountingRelay:
    """A context manager between a run and its scheduler that counts what goes to and fro.

    All that a scheduler passes on to workers comes from the run, and what it passes on from them goes to the run: nothing is missed.
    """

    def __init__(self, scheduler: str) -> None:
        host, _, port = scheduler.removeprefix("tcp://").rpartition(":")
        self._target = (host, int(port))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._listening.getsockname()[1]}"
        self.bytes = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)  # or it would go on accepting
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                here, _ = self._listening.accept()
                there = socket.create_connection(self._target)
                for source, target in ((here, there), (there, here)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with source, suppress(OSError):
            while data := source.recv(65_536):
                with self._lock:
                    self.bytes += len(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
