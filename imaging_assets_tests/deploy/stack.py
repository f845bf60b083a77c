"""The services of `compose.yaml` without containers: the same commands, files and variables, as processes of this machine.

Belongs here: what stands for a container's folders, host names and ports. Does not: expectations.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from typing_extensions import override

from imaging_assets_tests.builders import a_free_port
from imaging_assets_tests.defs.daemon import Deployment
from imaging_assets_tests.deploy.files import DEPLOY, read_yaml
from imaging_assets_tests.deploy.postgres import Server

MODULES = {"dagster": "dagster", "dagster-webserver": "dagster_webserver", "dagster-daemon": "dagster._daemon"}
"""Commands of the image to modules of this Python."""


class Stack(Deployment):
    """`deploy/` on this machine, over a PostgreSQL server; `root` is what containers have as DAGSTER_HOME."""

    def __init__(self, root: Path, server: Server, **settings: dict[str, Any]) -> None:
        super().__init__(root, **settings)
        self.scratch = root.parent / "tmp"
        self.scratch.mkdir()
        self.compose = read_yaml("compose.yaml")["services"]
        self.web_port = a_free_port()
        code_port = a_free_port()
        self._here = {
            "/opt/dagster/dagster_home": root.as_posix(),
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - what is replaced
            "3000": str(self.web_port),
            "4000": str(code_port),
            "/var/lib/dagster": (root / "logs").as_posix(),
        }
        self.postgres = {
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_PORT": str(server.port),
            "DAGSTER_PG_PASSWORD": server.password,
        }
        (root / "dagster.yaml").write_text((DEPLOY / "compose/dagster.yaml").read_text("utf-8"), encoding="utf-8")
        workspace = (DEPLOY / "workspace.yaml").read_text("utf-8")
        assert "host: code-server" in workspace
        workspace = workspace.replace("host: code-server", "host: 127.0.0.1").replace("port: 4000", f"port: {code_port}")
        (root / "workspace.yaml").write_text(workspace, encoding="utf-8")

    @property
    def containers(self) -> dict[str, str]:
        """The variables that compose gives the containers, true for this machine."""
        told = {name: self._here.get(value, value) for name, value in self.compose["code-server"]["environment"].items()}
        return told | self.postgres

    @property
    @override
    def environment(self) -> dict[str, str]:
        folders = {"IMAGING_HOME": str(self.root / ".imaging"), "HOME": str(self.scratch)}
        return super().environment | self.containers | folders

    def start_service(self, name: str) -> subprocess.Popen[bytes]:
        """Start a service by its command, or the image's."""
        program, *arguments = self.compose[name].get("command") or _instruction("CMD")
        return self.launch(MODULES[program], *(self._local(argument) for argument in arguments))

    def is_healthy(self, name: str) -> bool:
        """What a service's own health check says, or the image's."""
        own = self.compose[name].get("healthcheck", {}).get("test", ["CMD"])[1:]
        program, *arguments = own or _instruction("HEALTHCHECK .*CMD")
        module = ["-m", MODULES[program]] if program in MODULES else []
        command = [sys.executable, *module, *map(self._local, arguments)]
        return subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, check=False).returncode == 0

    def _local(self, argument: str) -> str:
        for there, here in self._here.items():
            argument = re.sub(rf"(?<!\d){re.escape(there)}(?!\d)", here, argument)
        return argument


def _instruction(start: str) -> list[str]:
    """Words of an instruction that the Dockerfile has once, such as CMD."""
    found = re.findall(rf"^{start} (\[.*\])$", (DEPLOY / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert len(found) == 1, found
    words: list[str] = json.loads(found[0])
    return words
