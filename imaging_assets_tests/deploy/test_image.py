"""The Dockerfile's steps as a script in an empty folder, without Docker; then its command, as its user, is healthy."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
if os.name != "posix":
    pytest.skip("the image is a Linux one", allow_module_level=True)

from imaging_assets_tests.builders import a_free_port  # noqa: E402
from imaging_assets_tests.deploy.dockerfile import instructions  # noqa: E402 - users are a matter of POSIX
from imaging_assets_tests.deploy.files import CHECKOUT  # noqa: E402

PLACES = re.compile(r"(?<![\w./])/(?=(opt|build|var/lib)(/|\b))")
"""Absolute paths of the image that are ours, in commands and variables."""


@dataclass
class Image:
    """What a build left below `root`; both stages share it."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict)
    workdir: Path = Path("/")
    user: int = 0
    words: dict[str, list[str]] = field(default_factory=dict)

    def local(self, text: str) -> str:
        """The text with the image's places below `root`."""
        return PLACES.sub(f"{self.root.as_posix()}/", text)

    def environment(self) -> dict[str, str]:
        """The image's variables, and of this machine only how pip finds packages."""
        path = {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "HOME": str(self.root)}
        machine = {
            name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.upper().endswith("_PROXY")
        }
        return path | machine | self.variables

    def run(self, command: str) -> None:
        """A RUN; its cache mounts are left out."""
        command = re.sub(r"--mount=\S+ ", "", command)
        done = subprocess.run(
            ["sh", "-ec", self.local(command)],
            cwd=self.workdir,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"

    def copy(self, words: list[str]) -> None:
        """A COPY."""
        if any(word.startswith("--from=") for word in words):
            assert words[-1] == words[-2], "stages share one folder here"
            return
        *sources, target = words
        goal = Path(self.local(target)) if target.startswith("/") else self.workdir / target
        for source in sources:
            path = CHECKOUT / source
            if path.is_dir():
                shutil.copytree(path, goal, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                goal.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, goal)

    def step(self, name: str, rest: str) -> None:
        """One instruction."""
        if name == "FROM":
            self.variables, self.workdir = {}, self.root
        elif name == "WORKDIR":
            self.workdir = Path(self.local(rest))
            self.workdir.mkdir(parents=True, exist_ok=True)
        elif name == "ENV":
            told = dict(word.split("=", 1) for word in shlex.split(rest))
            self.variables |= {key: self.local(value).replace("$PATH", self.environment()["PATH"]) for key, value in told.items()}
        elif name == "ARG":
            key, _, value = rest.partition("=")
            self.variables[key] = value.strip('"')
        elif name == "RUN":
            self.run(rest)
        elif name == "COPY":
            self.copy(shlex.split(rest))
        elif name == "USER":
            self.user = int(rest.partition(":")[0])
        elif name in {"CMD", "HEALTHCHECK"}:
            self.words[name] = json.loads(rest[rest.index("[") :])
        else:
            assert name == "EXPOSE", name


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """The image's files, in a folder that any user may enter."""
    if os.geteuid() != 0:
        pytest.skip("the Dockerfile gives folders to uid 10001, which only root may do")
    root = Path(tempfile.mkdtemp(prefix="imaging-image-"))
    root.chmod(0o755)
    (root / "bin").mkdir()
    (root / "bin" / "python").symlink_to(_base_image(root / "base"))
    built = Image(root)
    try:
        for name, rest in instructions():
            built.step(name, rest)
        yield built
    finally:
        shutil.rmtree(root)


def _base_image(folder: Path) -> Path:
    """This Python, copied where a user without rights may not enter its folder (below /root)."""
    python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    with suppress(PermissionError):
        subprocess.run([python, "-c", ""], user=10001, check=True)
        return python
    shutil.copytree(sys.base_prefix, folder, symlinks=True, ignore=shutil.ignore_patterns("site-packages", "test", "__pycache__"))
    return folder / "bin" / python.name


def test_the_image_holds_every_role_and_the_pinned_versions(image: Image) -> None:
    binaries = image.root / "opt/imaging/bin"
    for program in ("imaging-assets", "dagster", "dagster-webserver", "dagster-daemon"):
        assert (binaries / program).exists()
    assert not (binaries / "pip").exists()
    code = "import importlib.metadata as m, json; print(json.dumps({d.metadata['Name']: d.version for d in m.distributions()}))"
    out = subprocess.run(
        [binaries / "python", "-c", code], env=image.environment(), capture_output=True, text=True, check=True
    ).stdout
    installed = {name.lower().replace("_", "-"): version for name, version in json.loads(out).items()}
    pinned = dict(
        line.lower().replace("_", "-").split("==")
        for line in (CHECKOUT / "constraints.txt").read_text("utf-8").splitlines()
        if not line.startswith("#")
    )
    assert {"dagster", "dagster-azure", "dagster-k8s", "dagster-postgres", "imaging-assets"} <= installed.keys()
    assert installed.keys() - pinned.keys() <= {"imaging-assets", "pip", "setuptools"}
    assert {name for name, version in installed.items() if pinned.get(name, version) != version} <= {"setuptools"}
    assert installed.keys() & {"pytest", "mypy", "ruff", "hypothesis"} == set()


def test_the_code_server_serves_as_a_user_without_rights(image: Image) -> None:
    port = a_free_port()
    program, *arguments = (word.replace("4000", str(port)) for word in image.words["CMD"])
    command = [str(image.root / "opt/imaging/bin" / program), *arguments]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, user=image.user, group=image.user, cwd=image.workdir, env=image.environment(), stdout=log, stderr=log
        )
        try:
            health = [word.replace("4000", str(port)) for word in image.words["HEALTHCHECK"]]
            health[0] = str(image.root / "opt/imaging/bin" / health[0])
            deadline = time.monotonic() + 120
            while subprocess.run(health, env=image.environment(), capture_output=True, check=False).returncode != 0:
                log.seek(0)
                assert process.poll() is None, log.read().decode()
                assert time.monotonic() < deadline, log.read().decode()
        finally:
            process.kill()  # asked to end, gRPC sometimes waits for longer than a test would
            process.wait()
