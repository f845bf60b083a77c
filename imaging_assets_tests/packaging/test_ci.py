"""The workflow runs what developers run, on every system and Python that is promised."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from imaging_assets_tests.packaging.archives import CHECKOUT

MAKEFILE = (CHECKOUT / "Makefile").read_text("utf-8")


@pytest.fixture(name="jobs")
def _jobs() -> dict[str, Any]:
    jobs: dict[str, Any] = yaml.safe_load((CHECKOUT / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]
    return jobs


def commands(job: dict[str, Any]) -> list[str]:
    """Lines that a job runs."""
    return [line for step in job["steps"] for line in step.get("run", "").splitlines()]


def target(name: str) -> list[str]:
    """Commands of a target, without their comments."""
    found = re.search(rf"^{name}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert found is not None
    return [re.sub(r"\s+#.*", "", line.strip()) for line in found[1].splitlines()]


def test_where_there_is_no_make_the_commands_of_its_targets_are_run(jobs: dict[str, Any]) -> None:
    lines = [line for line in [*target("check"), *target("test")] if "$(MAKE)" not in line]
    wanted = [line.replace("$(BIN)", ".venv/Scripts") for line in lines]
    assert len(wanted) == 4
    assert [line for line in wanted if line not in commands(jobs["test"])] == []


def test_every_promised_system_and_python_is_tested(jobs: dict[str, Any]) -> None:
    matrix = jobs["test"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    lowest = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"].removeprefix(">=")
    assert matrix["python"] == [lowest, "3.12", "3.13"]


def test_the_slow_tests_run_as_ci_run_says(jobs: dict[str, Any]) -> None:
    assert ".ci/run" in commands(jobs["slow"])
    script = (CHECKOUT / ".ci" / "run").read_text("utf-8")
    assert re.findall(r"^make .*", script, re.MULTILINE) == ["make test", "make test-all"]


def test_the_chart_is_of_dagsters_release(jobs: dict[str, Any]) -> None:
    lines = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    (release,) = (line.partition("==")[2] for line in lines if line.startswith("dagster=="))
    named = [
        *re.findall(r"--version (\S+)", " ".join(commands(jobs["chart"]))),
        *re.findall(r"--version (\S+)", (CHECKOUT / "deploy/helm/values.yaml").read_text("utf-8")),
        *re.findall(r"--version (\S+)", (CHECKOUT / "docs/deploy.md").read_text("utf-8")),
    ]
    assert len(named) == 3
    assert set(named) == {release}


def test_everything_has_a_time_limit_and_no_right_to_write(jobs: dict[str, Any]) -> None:
    text = (CHECKOUT / ".github/workflows/ci.yml").read_text("utf-8")
    assert re.search(r"^permissions:\n  contents: read$", text, re.MULTILINE)
    assert [name for name, job in jobs.items() if "timeout-minutes" not in job] == []
