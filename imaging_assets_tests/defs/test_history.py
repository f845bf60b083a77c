"""One history: what commands did in a folder is what Dagster's web interface shows there."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from imaging_assets_tests.builders import a_free_port, a_picture
from imaging_assets_tests.defs.daemon import CHECKOUT, Deployment

pytestmark = pytest.mark.slow

DAYS = ("2026-03-02", "2026-03-03")
MATERIALISED = (
    '{ assetNodeOrError(assetKey: {path: ["resized_images"]}) { ... on AssetNode { partitionStats { numMaterialized } } } }'
)
"""How many days the web interface counts."""

NO_HOME = {"DAGSTER_HOME": ""}

SHOWN = """
query ($days: [String!]) {
  assetNodeOrError(assetKey: {path: ["resized_images"]}) {
    ... on AssetNode {
      assetMaterializations(partitions: $days) {
        partition
        metadataEntries { label ... on IntMetadataEntry { intValue } }
      }
    }
  }
}
"""


def ask(port: int, query: str, **variables: object) -> Any:
    """Dagster's GraphQL."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - a server of our own
        return json.load(response)


def answers(port: int) -> bool:
    """Whether the web interface is there and has loaded the code location."""
    try:
        return "data" in ask(port, MATERIALISED) and "partitionStats" in ask(port, MATERIALISED)["data"]["assetNodeOrError"]
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def imaging_assets(project: Deployment, *arguments: str) -> None:
    """The command line in the project's folder."""
    command = [sys.executable, "-c", "from imaging_assets.cli import main; main()", *arguments]
    told = subprocess.run(
        command, cwd=project.root, env=project.environment | NO_HOME, capture_output=True, timeout=100, check=False
    )
    assert told.returncode == 0, told.stderr.decode()


def test_days_that_the_command_line_ran_are_shown_by_the_web_interface(tmp_path: Path) -> None:
    project = Deployment(tmp_path / "project")
    # As a user has it: the project's own file with its relative places, and no DAGSTER_HOME.
    (project.root / "dagster.yaml").write_bytes((CHECKOUT / "dagster.yaml").read_bytes())
    try:
        for number, day in enumerate(DAYS):
            folder = tmp_path / f"pictures-{number}"
            folder.mkdir()
            (folder / "a.jpg").write_bytes(a_picture(number, (64, 48)))
            imaging_assets(project, "add", str(folder), "--day", day)
        imaging_assets(project, "run")

        port = a_free_port()
        web = ("dagster_webserver", "-w", "workspace.yaml", "--host", "127.0.0.1", "--port", str(port))
        project.launch(*web, **NO_HOME)
        project.until(lambda: answers(port), "an answer of the web interface")

        assert ask(port, MATERIALISED)["data"]["assetNodeOrError"]["partitionStats"] == {"numMaterialized": 2}
        told = ask(port, SHOWN, days=DAYS)["data"]["assetNodeOrError"]["assetMaterializations"]
        entries = [(event["partition"], entry) for event in told for entry in event["metadataEntries"]]
        assert {day: entry["intValue"] for day, entry in entries if entry["label"] == "images"} == dict.fromkeys(DAYS, 1)
    finally:
        project.stop()
