"""Wheel and source archive hold what they must, and nothing else."""

import re
import shutil
import tarfile
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from imaging_assets_tests.packaging.archives import CHECKOUT, build, build_from, tracked

if shutil.which("git") is None or not (CHECKOUT / ".git").exists():
    pytest.skip("archives are built of the files that git knows", allow_module_level=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build("wheel", tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def test_the_wheel_holds_every_file_of_the_package_and_no_test(wheel: zipfile.ZipFile) -> None:
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == {name for name in tracked() if name.startswith("imaging_assets/")}
    assert {"imaging_assets/py.typed", "imaging_assets/cli/dagster.yaml"} <= held


def test_the_wheel_is_for_every_system_and_installs_the_command(wheel: zipfile.ZipFile) -> None:
    assert str(wheel.filename).endswith("-py3-none-any.whl")
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "imaging-assets = imaging_assets.cli:main" in wheel.read(name).decode()


def test_the_metadata_says_licence_python_and_extras(metadata: Message) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    assert (metadata["License-Expression"], metadata["Requires-Python"]) == ("MIT", project["requires-python"])
    assert set(metadata.get_all("Provides-Extra") or ()) == set(project["optional-dependencies"])
    assert "# imaging-assets" in str(metadata.get_payload())


def test_every_dependency_has_a_lower_bound_and_a_pin(metadata: Message) -> None:
    pinned = {
        canonicalize_name(line.partition("==")[0])
        for line in (CHECKOUT / "constraints.txt").read_text("utf-8").splitlines()
        if "==" in line
    }
    for line in metadata.get_all("Requires-Dist") or ():
        wanted = Requirement(line)
        if wanted.name == "imaging-assets":  # `dev` asks for further extras
            continue
        assert any(bound.operator in {">=", "=="} for bound in wanted.specifier), line
        assert canonicalize_name(wanted.name) in pinned, line


def test_dagster_packages_are_of_one_release(metadata: Message) -> None:
    wanted = [Requirement(line) for line in metadata.get_all("Requires-Dist") or ()]
    bounds = {(of.name, str(of.specifier)) for of in wanted if of.name.startswith("dagster")}
    assert len(bounds) >= 5
    patches = {re.search(r"\.(\d+)$", bound)[1] for _, bound in bounds}  # type: ignore[index]  # every bound ends in one
    assert len(patches) == 1, bounds
    assert {bound for _, bound in bounds} <= {f"=={line}.{min(patches)}" for line in ("1.13", "0.29")}


def test_the_source_archive_builds_the_same_wheel(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    archive = build("sdist", tmp_path)
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    again = zipfile.ZipFile(build_from(source, "wheel", tmp_path))
    assert sorted(again.namelist()) == sorted(wheel.namelist())
    assert (source / "LICENSE").exists()
