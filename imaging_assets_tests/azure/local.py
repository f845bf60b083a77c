"""`make azure-local`: Azurite, the local Custom Vision and AI Search, and a command through profile azure, by default the demo.

Belongs here: starting them and saying how to look further. Does not: the servers. Nothing outlives the command: all state is in memory,
but for Dagster's history in `.imaging/azure-local`.
"""

import os
import subprocess
import sys
from pathlib import Path

from imaging_assets_tests.azure.azurite import PROGRAM, REMEDY, connection_string, node, start
from imaging_assets_tests.azure.custom_vision_server import CustomVisionServer
from imaging_assets_tests.azure.search_server.server import ADMIN_KEY, a_search_server

HOME = ".imaging/azure-local"


def main(command: list[str]) -> int:
    """Run a command of imaging-assets (none: the demo, then wait for Ctrl-C); returns its exit code."""
    if node() is None or not PROGRAM.exists():
        sys.stderr.write(f"{REMEDY}.\n")
        return 1
    blob, _ = start()
    with a_search_server() as search, CustomVisionServer() as vision:
        variables = {
            "IMAGING_PROFILE": "azure",
            "IMAGING_HOME": HOME,
            "IMAGING_AZURE__CONNECTION_STRING": connection_string(blob),
            "IMAGING_AZURE__SEARCH_ENDPOINT": search.endpoint,
            "IMAGING_AZURE__SEARCH_KEY": ADMIN_KEY,
            "IMAGING_AZURE__TRAINER": os.environ.get("IMAGING_AZURE__TRAINER", "custom_vision"),
            "IMAGING_CUSTOM_VISION__ENDPOINT": vision.endpoint,
            "IMAGING_CUSTOM_VISION__TRAINING_KEY": vision.training_key,
            "IMAGING_CUSTOM_VISION__PREDICTION_KEY": vision.prediction_key,
            "IMAGING_CUSTOM_VISION__PREDICTION_RESOURCE_ID": vision.service.prediction_resource,
            "IMAGING_CUSTOM_VISION__POLL_SECONDS": "1",
        }
        code = _run(command or ["demo"], variables)
        sys.stdout.write(f"\n{vision.total} calls of Custom Vision, {len(search.calls)} of AI Search\n")
        assert search.broken_contract == []
        if not command and sys.stdin.isatty():
            sys.stdout.write("Blob Storage, Custom Vision and AI Search run until Ctrl-C. In another terminal:\n\n")
            sys.stdout.writelines(f"  export {name}='{value}'\n" for name, value in variables.items())
            _wait()
    return code


def _run(command: list[str], variables: dict[str, str]) -> int:
    return subprocess.run(
        [Path(sys.executable).with_name("imaging-assets"), *command], env=os.environ | variables, check=False
    ).returncode


def _wait() -> None:
    try:
        sys.stdin.read()
    except KeyboardInterrupt:
        sys.stdout.write("\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
