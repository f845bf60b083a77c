"""What the pages tell readers to type and to write works as it stands."""

import ast
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from imaging_assets.cli.app import app
from imaging_assets.settings import load_settings
from imaging_assets_tests.azure.azurite import a_name, azurite, connection_string
from imaging_assets_tests.azure.custom_vision_server import CustomVisionServer
from imaging_assets_tests.azure.search_server.server import ADMIN_KEY, a_search_server
from imaging_assets_tests.builders import a_picture
from imaging_assets_tests.cli.command_line import a_folder, run_cli
from imaging_assets_tests.snippets import PAGES, calls_of_ours, follow, snippets

ALL = [snippet for page in PAGES for snippet in snippets(page)]


def of(language: str) -> pytest.MarkDecorator:
    """Snippets of a language, as parameters of a test."""
    found = [snippet for snippet in ALL if snippet.language == language]
    assert found
    return pytest.mark.parametrize("text", [pytest.param(each.text, id=each.place) for each in found])


@of("toml")
def test_settings_of_a_page_can_be_loaded(text: str, tmp_path: Path) -> None:
    file = tmp_path / "imaging.toml"
    file.write_text(text, "utf-8")
    assert load_settings(file).model_fields_set


@of("json")
def test_json_of_a_page_is_json(text: str) -> None:
    assert json.loads(text)


@of("python")
def test_code_of_a_page_is_python(text: str) -> None:
    assert ast.parse(text).body


def test_every_command_of_a_page_takes_what_is_given_to_it() -> None:
    calls = list(calls_of_ours())
    assert len(calls) > 80
    for place, words in calls:
        try:
            _parse(get_command(app), words)
        except Exception as error:  # noqa: BLE001 - whatever the parser says
            pytest.fail(f"{place}: {error}")


def _parse(command: Any, words: list[str]) -> None:
    context = command.make_context("imaging-assets", list(words))
    while hasattr(command, "commands"):
        _, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(command.name, rest, parent=context)


FLOWERS = {f"{('daisy', 'rose')[seed % 2]}/{seed:02d}.jpg": a_picture(seed, (96, 72)) for seed in range(40)}

MESSAGE = {
    "job_definition": {
        "id": "1",
        "batch_id": "batch-7",
        "input": {"image_url": "https://old.blob.core.windows.net/inputimages/batch-7/01.jpg"},
        "processing_pipeline": ["generalclassification", "pipelineoutput"],
        "processing_step": 0,
    },
    "job_output": {},
}
VIA = {
    "00.jpg1": {
        "filename": "00.jpg",
        "size": 1,
        "file_attributes": {},
        "regions": [
            {
                "shape_attributes": {"name": "rect", "x": 4, "y": 6, "width": 30, "height": 20},
                "region_attributes": {"label": "part"},
            }
        ],
    }
}


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A reader's home: `Pictures/flowers`, with a folder per class."""
    a_folder(tmp_path / "home" / "Pictures" / "flowers", FLOWERS)
    return tmp_path / "home"


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """An empty folder with what the pages of migration presuppose."""
    plain = {path.replace("/", "-"): data for path, data in FLOWERS.items()}
    lines = "".join(f"{path.rsplit('-', 1)[1][:-4]}.tif,{path.split('-')[0]}/flower\r\n" for path in plain)
    numbered = {path.rsplit("-", 1)[1]: data for path, data in plain.items()}
    return a_folder(
        tmp_path / "work",
        {
            **{f"ExampleDataset1/{path}": data for path, data in numbered.items()},
            **{f"photos/{path}": data for path, data in numbered.items()},
            **{f"pictures/{path}": data for path, data in numbered.items()},
            **{f"batch/batch-7/{path}": data for path, data in numbered.items()},
            **{f"samples/{path}": data for path, data in FLOWERS.items()},
            **{f"dogs/{path}": data for path, data in FLOWERS.items()},
            "00.jpg": numbered["00.jpg"],
            "labels.csv": f"Labels of 2020,\r\nfile,label\r\n{lines}".encode(),
            "message.json": json.dumps(MESSAGE).encode(),
            "via.json": json.dumps(VIA).encode(),
        },
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "least"),
    [
        ("docs/first-hour/folder.md", 8),
        ("docs/migrate/custom-vision-function.md", 5),
        ("docs/migrate/resize-notebook.md", 6),
        ("docs/migrate/imaginem.md", 4),
        ("docs/migrate/azure-ml.md", 5),
        ("docs/migrate/power-skill.md", 3),
        ("docs/extend.md", 4),
    ],
)
def test_a_reader_can_follow_the_page_in_an_empty_folder(page: str, least: int, folder: Path, home: Path) -> None:
    assert len(follow(page, folder, home)) >= least


@pytest.fixture(name="demo", scope="module")
def _demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    assert run_cli(folder, "demo").code == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    ["README.md", "docs/first-hour/dagster.md", "docs/manifests.md", "docs/models.md", "docs/predictions.md", "docs/search.md"],
)
def test_a_reader_can_follow_the_page_after_the_demo(page: str, demo: Path, tmp_path: Path, home: Path) -> None:
    shutil.copytree(demo, tmp_path / "demo")
    shutil.copy(next((home / "Pictures" / "flowers").rglob("*.jpg")), tmp_path / "demo" / "my-picture.jpg")
    assert follow(page, tmp_path / "demo", home)


@pytest.fixture(name="account")
def _account() -> Iterator[dict[str, str]]:
    """Variables that name services of this machine, as those of an account would."""
    with a_search_server() as search, CustomVisionServer() as vision:
        yield {
            "IMAGING_AZURE__CONNECTION_STRING": connection_string(azurite()),
            "IMAGING_AZURE__CONTAINER": a_name(),
            "IMAGING_AZURE__SEARCH_ENDPOINT": search.endpoint,
            "IMAGING_AZURE__SEARCH_KEY": ADMIN_KEY,
            "IMAGING_CUSTOM_VISION__ENDPOINT": vision.endpoint,
            "IMAGING_CUSTOM_VISION__PREDICTION_ENDPOINT": vision.endpoint,
            "IMAGING_CUSTOM_VISION__TRAINING_KEY": vision.training_key,
            "IMAGING_CUSTOM_VISION__PREDICTION_KEY": vision.prediction_key,
            "IMAGING_CUSTOM_VISION__PREDICTION_RESOURCE_ID": vision.service.prediction_resource,
            "IMAGING_CUSTOM_VISION__POLL_SECONDS": "0.2",
        }
        assert search.broken_contract == []


@pytest.mark.slow
def test_a_reader_can_come_to_azure_and_leave_custom_vision_again(folder: Path, home: Path, account: dict[str, str]) -> None:
    account = {**account, "IMAGING_PROFILE": "azure"}
    assert len(follow("docs/first-hour/azure.md", folder, home, **account)) >= 8
    assert len(follow("docs/leaving-custom-vision.md", folder, home, **account)) >= 4
