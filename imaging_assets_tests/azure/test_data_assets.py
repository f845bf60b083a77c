"""Data sets registered in Azure ML: what its own client accepts of what we write. No workspace is asked; uploading is not proved here."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError

from imaging_assets.azure.data_assets import DataAssets, connect
from imaging_assets.cli.export import Registration, export_dataset
from imaging_assets.cli.output import Session
from imaging_assets.errors import DataAssetError, SettingsError, UsageError
from imaging_assets_tests.cli.command_line import call_cli
from imaging_assets_tests.cli.test_export import a_project

pytest.importorskip("azure.ai.ml", reason="Azure ML's client is not installed; pip install 'imaging-assets[aml]'")

STORE = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/workspaceblobstore/paths/LocalUpload"


class LocalWorkspace:
    """Looks at data as Azure ML's client does before it uploads, and gives them addresses."""

    def __init__(self) -> None:
        self.registered: dict[str, Any] = {}

    def create_or_update(self, data: Any) -> Any:
        from azure.ai.ml._utils._data_utils import read_local_mltable_metadata_contents
        from azure.ai.ml.entities._data.mltable_metadata import MLTableMetadata

        assert Path(data.path).is_dir()
        if data.type == "mltable":
            told = MLTableMetadata._load(read_local_mltable_metadata_contents(path=data.path), Path(data.path, "MLTable"))
            for uri in told.referenced_uris():
                assert (Path(data.path) / str(uri)).is_file()
        self.registered[data.name] = data
        return SimpleNamespace(path=f"{STORE}/{data.name}/", version="3")


class LockedWorkspace:
    """Lets nobody in."""

    def create_or_update(self, data: Any) -> Any:
        del data
        raise ClientAuthenticationError("no token; sig=secret123")


@pytest.mark.filterwarnings("ignore:The `context` parameter is deprecated")  # Azure ML's client, of its own library
def test_an_export_is_uploaded_and_registered_with_lines_that_point_to_the_upload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    workspace = LocalWorkspace()

    session, folder = Session(), tmp_path / "out"
    export_dataset(
        session, folder, "automl", None, None, images=True, image_url="", register=Registration("pets", DataAssets(workspace))
    )

    assert {name: data.type for name, data in workspace.registered.items()} == {
        "pets-images": "uri_folder",
        **{f"pets-{path.name}": "mltable" for path in folder.iterdir() if path.is_dir() and path.name != "images"},
    }
    assert "pets-train" in workspace.registered
    lines = [json.loads(line) for path in folder.rglob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 6
    for line in lines:
        below = line["image_url"].removeprefix(f"{STORE}/pets-images/")
        assert (folder / "images" / below).is_file()


def test_a_refusal_names_the_data_set_and_the_remedy_without_secrets(tmp_path: Path) -> None:
    with pytest.raises(
        DataAssetError, match=r"Cannot register pets in Azure ML: .*AzureML Data Scientist.*--workspace"
    ) as caught:
        DataAssets(LockedWorkspace()).add_images("pets", tmp_path)
    assert "secret123" not in str(caught.value)


@pytest.mark.parametrize("workspace", ["", "name", "a/b", "a//c", "a/b/c/d"])
def test_a_workspace_is_named_in_three_parts(workspace: str) -> None:
    with pytest.raises(SettingsError, match=r"Give SUBSCRIPTION/RESOURCE-GROUP/NAME\."):
        connect(workspace, None)  # type: ignore[arg-type]


def test_only_azure_ml_s_format_with_its_images_is_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    register = Registration("pets", DataAssets(LocalWorkspace()))
    with pytest.raises(UsageError, match="Only --format automl with its images can be registered"):
        export_dataset(Session(), tmp_path / "out", "coco", None, None, images=True, image_url="", register=register)
    told = call_cli(tmp_path, "export", "--format", "automl", "--register", "pets", "out")
    assert (told.code, "Give SUBSCRIPTION/RESOURCE-GROUP/NAME" in told.complaint) == (2, True)
