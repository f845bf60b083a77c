"""Which steps there are: by default, by settings, by a step of the user's own; and what is said when they do not fit."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from imaging_assets.analyzers import plan
from imaging_assets.errors import SettingsError
from imaging_assets.settings import Settings
from imaging_assets.stages.insights.plan import Plan
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain
from imaging_assets_tests.cli.command_line import call_cli, run_cli

DOCS = Path(__file__).parent.parent / "docs"


def planned(**steps: object) -> Plan:
    return plan(Settings(insights={"steps": steps}))


def a_module(folder: Path, text: str, name: str) -> None:
    (folder / f"{name}.py").write_text(dedent(text), encoding="utf-8")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def test_without_settings_vectors_and_tags_are_on() -> None:
    assert planned().order == ("image_vectors", "image_tags")
    assert planned().off == {}


def test_a_step_can_be_switched_off_and_another_use_its_analyser() -> None:
    found = planned(image_vectors={"enabled": False}, image_tags={"enabled": False}, words={"analyzer": "image_tags"})
    assert found.order == ("words",)
    assert found.steps["words"].analyzer.analyzer_id == planned().steps["image_tags"].analyzer.analyzer_id


def test_a_function_becomes_a_step_with_the_patterns_and_requirements_of_its_settings(here: Path) -> None:
    a_module(
        here,
        """
        from imaging_assets.ports.analyzer import image_step

        @image_step(version="3", requires=["image_tags"], words="integer")
        def counted(image):
            return {"words": len(image.insights["image_tags"]["tags"])}
        """,
        "my_counted",
    )
    step = planned(word_count={"analyzer": "my_counted:counted", "images": ["*.jpg"]}).steps["word_count"]

    assert step.requires == ("image_tags",)
    assert (step.wants("landing/a.jpg"), step.wants("landing/a.png")) == (True, False)
    assert step.analyzer.analyzer_id == "my_counted:counted-3"
    assert step.analyzer.columns == {"words": "integer"}


def test_a_class_of_analyser_takes_options(here: Path) -> None:
    a_module(
        here,
        """
        from imaging_assets.ports.analyzer import ImageAnalyzer

        class Bytes(ImageAnalyzer):
            def __init__(self, factor=1):
                self.factor = factor

            @property
            def analyzer_id(self):
                return f"bytes-{self.factor}"

            @property
            def columns(self):
                return {"bytes": "integer"}

            def analyze(self, image):
                return {"bytes": self.factor * len(image.data)}
        """,
        "my_bytes",
    )
    steps = planned(sizes={"analyzer": "my_bytes:Bytes", "options": {"factor": 3}}).steps
    assert steps["sizes"].analyzer.analyzer_id == "bytes-3"
    with pytest.raises(SettingsError, match=r"insights\.steps\.sizes\.options: .*'colour'.* Correct the options"):
        planned(sizes={"analyzer": "my_bytes:Bytes", "options": {"colour": 3}})


def test_an_installed_package_offers_steps_by_entry_point(here: Path) -> None:
    a_module(
        here,
        """
        from imaging_assets.ports.analyzer import image_step

        @image_step(version="1", length="integer")
        def length(image):
            return {"length": len(image.data)}
        """,
        "offered_length",
    )
    folder = here / "offered_length-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: offered-length\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[imaging_assets.steps]\nlength = offered_length:length\n")
    sys.path.append(str(here))

    assert "length" not in planned().order  # what is installed changes no graph by itself
    assert planned(length={}).steps["length"].analyzer.columns == {"length": "integer"}


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ({"mine": {}}, r"there is no analyser 'mine'. Known are image_tags"),
        ({"mine": {"analyzer": "no.module:step"}}, r"no\.module:step cannot be imported \(ModuleNotFoundError"),
        ({"mine": {"analyzer": "json:nothing"}}, r"json:nothing cannot be imported \(AttributeError"),
        ({"mine": {"analyzer": "json:decoder"}}, r"json:decoder is no step. Decorate a function with `image_step`"),
        ({"mine": {"analyzer": "json:JSONDecoder"}}, r"json:JSONDecoder is no step"),
        ({"mine": {"analyzer": "image_tags", "requires": ["theirs"]}}, r"mine requires theirs, which does not run"),
        ({"image_tags": {"enabled": False}, "mine": {"analyzer": "image_tags", "requires": ["image_tags"]}}, "Enable it"),
        ({"mine": {"analyzer": "image_tags", "requires": ["image_vectors"]}}, "which no step is shown"),
        ({"image_tags": {"options": {"modell": "x"}}}, r"insights\.steps\.image_tags\.options: .*modell"),
        ({"image_tags": {"options": {"model": "x"}}}, "needs both `model` and `labels`"),
    ],
)
def test_steps_that_cannot_be_are_named_with_the_remedy(steps: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        planned(**steps)


def test_a_name_that_cannot_be_an_asset_is_refused() -> None:
    with pytest.raises(ValueError, match="is no name of a step"):
        planned(**{"My Step": {}})


def test_what_a_disabled_step_said_stays_and_documents_no_longer_say_it(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1)})
    run_chain(pipeline)
    before = pipeline.manifests.find("image_tags", DAY)

    without = a_pipeline(tmp_path, insights={"steps": {"image_tags": {"enabled": False}}})
    reports = run_chain(without)

    assert "image_tags" not in reports
    assert reports["search_documents"].sent == 1
    assert without.manifests.find("image_tags", DAY) == before


@pytest.mark.slow
def test_the_custom_step_of_the_docs_is_an_asset_that_runs(tmp_path: Path) -> None:
    text = (DOCS / "insights.md").read_text(encoding="utf-8")
    blocks = [block.partition("\n") for block in text.split("```")[1::2]]
    (step,) = (code for kind, _, code in blocks if kind == "python" and "my_steps.py" in code)
    (config,) = (code for kind, _, code in blocks if kind == "toml" and "my_steps:" in code)
    assert len(step.strip().splitlines()) <= 12
    (tmp_path / "my_steps.py").write_text(step, encoding="utf-8")
    (tmp_path / "imaging.toml").write_text(config, encoding="utf-8")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").write_bytes(a_picture(1))
    assert run_cli(tmp_path, "add", "photos", "--no-labels").code == 0

    done = run_cli(tmp_path, "run")

    assert done.code == 0, done.err
    assert "edges                1 images; 1 analysed" in done.out
    (hit,) = call_cli(tmp_path, "search", "--json").value["hits"]
    assert {"busy", "calm"} & set(hit["image_tags"])


def test_a_missing_module_stops_the_graph_with_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "imaging.toml").write_text('[insights.steps.mine]\nanalyzer = "nowhere:step"\n')
    code = "import imaging_assets.definitions"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "insights.steps.mine: nowhere:step cannot be imported" in done.stderr.splitlines()[-1]
