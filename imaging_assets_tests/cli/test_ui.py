"""`ui`: Dagster comes up over this folder, and is gone with everything it started once the command is told to end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from imaging_assets_tests.builders import a_free_port, a_pipeline
from imaging_assets_tests.cli.command_line import COMMAND, clean_environment
from imaging_assets_tests.defs.test_history import answers

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to pass on")]


def alive(session: int) -> list[str]:
    """What runs in a session, as `ps` shows it."""
    shown = subprocess.run(["ps", "-eo", "sess=,pid=,stat=,args="], check=True, capture_output=True, text=True).stdout
    rows = [line.split(None, 3) for line in shown.splitlines()]
    return [" ".join(row) for row in rows if row[0] == str(session) and not row[2].startswith("Z")]


def until(condition: Callable[[], object], seconds: float) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.25)
    return bool(condition())


# How a script's `command &` starts it: with SIGINT ignored.
IN_THE_BACKGROUND = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]


@pytest.mark.parametrize(("start", "by"), [([], "SIGTERM"), ([], "SIGINT"), (IN_THE_BACKGROUND, "SIGTERM")])
def test_nothing_of_dagster_is_left_once_the_command_is_told_to_end(tmp_path: Path, start: list[str], by: str) -> None:
    a_pipeline(tmp_path / ".imaging")
    log, port = tmp_path / "log.txt", a_free_port()
    command = [*start, sys.executable, "-c", COMMAND, "ui", "--port", str(port)]
    with log.open("wb") as writing:
        started = subprocess.Popen(
            command, cwd=tmp_path, env=clean_environment(), stdout=writing, stderr=writing, start_new_session=True
        )
    try:
        assert until(lambda: answers(port), 120), log.read_text("utf-8")
        assert any("dagster._daemon" in line for line in alive(started.pid))
        started.send_signal(signal.Signals[by])
        assert started.wait(60) == 0, log.read_text("utf-8")
        assert until(lambda: not alive(started.pid), 30), alive(started.pid)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait(10)
    assert f"Dagster is starting on http://127.0.0.1:{port}" in log.read_text("utf-8")
