"""`pull-labels` takes what people tag in Custom Vision's portal, whatever the profile, and leaves the project as it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from imaging_assets.stages.manifests.portal_labels import portal_file
from imaging_assets_tests.azure.custom_vision import World
from imaging_assets_tests.azure.custom_vision_server import CustomVisionServer
from imaging_assets_tests.azure.test_custom_vision_annotations import tagged_in_the_portal
from imaging_assets_tests.builders import a_pipeline
from imaging_assets_tests.cli.command_line import call_cli
from imaging_assets_tests.cli.test_compare import name_custom_vision
from imaging_assets_tests.embedded.pictures import plain


@pytest.fixture
def server() -> Iterator[CustomVisionServer]:
    with CustomVisionServer() as running:
        yield running


def test_tags_of_the_portal_become_a_label_file(server: CustomVisionServer, tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path / ".imaging")
    name_custom_vision(tmp_path, server)
    assert "has no project 'imaging-assets'" in call_cli(tmp_path, "pull-labels").complaint
    world = World(server, tmp_path / "elsewhere", plain(["red", "blue"], 5))
    world.train()
    digest = tagged_in_the_portal(world)
    done = call_cli(tmp_path, "pull-labels", "--json")
    assert (done.code, done.err) == (0, "")
    assert (done.value["statements"], done.value["new"], done.value["file"]) == (11, 11, portal_file(pipeline))
    assert digest in pipeline.store.read(portal_file(pipeline)).data.decode()
    again = call_cli(tmp_path, "pull-labels", "--json")
    assert (again.value["new"], again.value["changed"], again.value["withdrawn"]) == (0, 0, 0)
    assert len(world.project.images) == 11


def test_without_a_resource_the_setting_is_named(tmp_path: Path) -> None:
    a_pipeline(tmp_path / ".imaging")
    assert "custom_vision" in call_cli(tmp_path, "pull-labels").complaint
