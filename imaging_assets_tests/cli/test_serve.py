"""`serve`: starts, says where, answers, and ends by Ctrl-C; what is missing is told before it starts."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from imaging_assets_tests.builders import a_free_port, a_pipeline
from imaging_assets_tests.cli.command_line import COMMAND, clean_environment, run_cli


def test_the_server_says_where_it_is_logs_json_lines_and_ends_by_a_signal(tmp_path: Path) -> None:
    a_pipeline(tmp_path / ".imaging")
    port = a_free_port()
    command = [sys.executable, "-c", COMMAND, "serve", "--port", str(port)]
    environment = clean_environment({"KEY": "k3y", "PYTHONUNBUFFERED": "1"})
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert f"http://127.0.0.1:{port}/" in server.stdout.readline()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/skill", headers={"Ocp-Apim-Subscription-Key": "k3y"})
        steps = _answer_of(request)
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=30)
    assert {step["name"] for step in steps["steps"]} >= {"predictions", "image_vectors"}
    note, *lines = errors.splitlines()
    assert "KEY is used for serve.key" in note
    assert any(json.loads(line).get("route") == "/api/skill" for line in lines)
    assert "k3y" not in errors


def _answer_of(request: urllib.request.Request) -> dict[str, list[dict[str, str]]]:
    for _ in range(300):
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - the address is ours
                answer: dict[str, list[dict[str, str]]] = json.load(response)
                return answer
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


def test_other_machines_are_not_let_in_without_a_key(tmp_path: Path) -> None:
    a_pipeline(tmp_path / ".imaging")
    done = run_cli(tmp_path, "serve", "--host", "0.0.0.0")  # noqa: S104 - that is the point
    assert done.code == 2
    assert "serve.key is not set. Set IMAGING_SERVE__KEY" in done.complaint


def test_without_a_store_there_is_nothing_to_serve(tmp_path: Path) -> None:
    done = run_cli(tmp_path, "serve")
    assert done.code == 1
    assert done.complaint.startswith("There is no store at ")
