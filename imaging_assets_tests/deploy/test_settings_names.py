"""Names in `deploy/` are settings that the code reads, and settings that a deployment must give are given."""

import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel, SecretStr

from imaging_assets.settings import CONFIG_VARIABLE, Settings
from imaging_assets_tests.deploy.files import CHECKOUT, DEPLOY
from imaging_assets_tests.deploy.hcl import local_values

GIVEN_BY_TERRAFORM = {"azure", "catalog", "custom_vision", "search_pipeline", "vision"}
"""Groups whose settings without a usable default Terraform must give."""

OPTIONAL = {
    "custom_vision.negative_tag",  # there is none
    "search_pipeline.container",  # the landing place's
    "search_pipeline.folder",
    "search_pipeline.skill_url",  # the name that people give to what stands in front of the pods
}
"""Settings that mean something by being empty, and those that Terraform cannot know."""


def variables() -> Iterator[tuple[str, str]]:
    """Each variable of ours that a file of `deploy/` names, with the file."""
    for path in sorted(DEPLOY.rglob("*")):
        if path.is_file() and path.suffix not in {".pyc"}:
            for name in re.findall(r"\bIMAGING_[A-Z0-9_]+", path.read_text("utf-8")):
                yield name, path.relative_to(CHECKOUT).as_posix()


def group_of(name: str) -> type[BaseModel] | None:
    """A group of settings, or None for a plain setting or none at all."""
    field = Settings.model_fields.get(name)
    kind = field.annotation if field else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def is_known(variable: str) -> bool:
    """Whether the code reads it."""
    if variable == CONFIG_VARIABLE:
        return True
    head, _, setting = variable.removeprefix("IMAGING_").lower().partition("__")
    group = group_of(head)
    return setting in group.model_fields if group else head in Settings.model_fields and not setting


def test_every_variable_that_deploy_names_is_a_setting() -> None:
    named = list(variables())
    assert {"IMAGING_HOME", "IMAGING_PROFILE", "IMAGING_PARTITIONS__START"} <= {name for name, _ in named}
    assert [f"{path}: {name}" for name, path in named if not is_known(name)] == []


@pytest.mark.parametrize("name", ["IMAGING_NO_SUCH", "IMAGING_RESIZE__NO_SUCH", "IMAGING_PROFILE__X", "IMAGING_NO_SUCH__X"])
def test_a_name_that_no_setting_has_is_found(name: str) -> None:
    assert not is_known(name)


def test_terraform_gives_every_setting_that_profile_azure_cannot_do_without() -> None:
    given = {name.removeprefix("IMAGING_").lower().replace("__", ".") for name in local_values()["app_settings"]}
    assert {"profile", "partitions.start"} <= given
    groups = {name: group_of(name) for name in GIVEN_BY_TERRAFORM}
    needed = {
        f"{name}.{setting}"
        for name, group in groups.items()
        for setting, field in (group.model_fields.items() if group else ())
        if field.is_required() or field.default in ("", SecretStr(""))
    }
    assert needed - OPTIONAL - given == set()


def test_values_that_terraform_gives_outright_are_accepted() -> None:
    told = {name: value for name, value in local_values()["app_settings"].items() if "${" not in value}
    assert Settings(profile=told["IMAGING_PROFILE"]).profile == "azure"
