"""The catalogue: what there is, how it hangs together, and that every way in finds the same."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

import imaging_assets
from imaging_assets.defs.partitions import DAILY
from imaging_assets_tests.defs.in_process import CHECKOUT, LOADED

CATALOGUE = """
images      raw_images          daily  azureblob parquet <-
images      resized_images      daily  parquet python    <- raw_images
insights    image_tags          daily  parquet           <- resized_images
insights    image_vectors       daily  numpy parquet     <- resized_images
manifests   label_records       once   csv parquet       <- resized_images
manifests   tagged_manifests    daily  parquet           <- label_records resized_images
manifests   training_sets       daily  parquet           <- tagged_manifests
models      published_model     once   onnx              <- training_iterations
models      training_iterations daily  onnx scikitlearn  <- training_sets
predictions predictions         daily  onnx parquet      <- published_model resized_images
predictions review_queues       daily  json parquet      <- image_vectors predictions resized_images tagged_manifests
search      image_catalog       daily  sql               <- image_tags image_vectors predictions resized_images tagged_manifests
search      search_documents    daily  azure sqlite      <- image_tags image_vectors predictions resized_images tagged_manifests
"""

CHECKS = """
image_tags image_tags_are_answered daily warns
label_records    label_records_do_not_conflict   once  warns
label_records    label_records_find_their_images once  warns
label_records    label_sources_say_something     once  warns
label_records    label_tags_are_spelt_one_way    once  warns
raw_images       raw_images_all_have_a_day       once  warns
raw_images       raw_images_are_fresh            once  warns
resized_images   resized_images_are_complete     daily blocks
resized_images   resized_images_are_readable     daily warns
search_documents search_documents_are_accepted   daily warns
tagged_manifests tagged_regions_lie_inside       daily warns
training_sets    training_sets_are_ready         daily warns
training_sets    training_sets_do_not_leak       daily blocks
training_sets    training_sets_have_no_suspects  daily warns
"""

GRAPH = LOADED.resolve_asset_graph()
REPOSITORY = LOADED.get_repository_def()
ASSETS = {node.key.to_user_string(): node for node in sorted(GRAPH.asset_nodes, key=lambda node: node.key)}


def test_the_catalogue_is_this() -> None:
    lines = []
    for name, node in ASSETS.items():
        parents = sorted(key.to_user_string() for key in node.parent_keys)
        lines.append([node.group_name, name, "daily" if node.is_partitioned else "once", *sorted(node.kinds), "<-", *parents])
    assert sorted(lines) == [line.split() for line in CATALOGUE.split("\n") if line]


def test_the_checks_are_these() -> None:
    specs = [GRAPH.get_check_spec(key) for key in GRAPH.asset_check_keys]
    lines = [
        [
            spec.asset_key.to_user_string(),
            spec.name,
            "daily" if spec.partitions_def else "once",
            "blocks" if spec.blocking else "warns",
        ]
        for spec in specs
    ]
    assert sorted(lines) == [line.split() for line in CHECKS.split("\n") if line]


def test_groups_in_alphabetical_order_are_the_order_of_the_data() -> None:
    later = [
        (parent.to_user_string(), name)
        for name, node in ASSETS.items()
        for parent in node.parent_keys
        if (ASSETS[parent.to_user_string()].group_name or "") > (node.group_name or "")
    ]
    assert later == []


@pytest.mark.parametrize("automation", [*REPOSITORY.sensor_defs, *REPOSITORY.schedule_defs], ids=lambda each: each.name)
def test_an_automation_says_what_it_is_for(automation: dg.SensorDefinition | dg.ScheduleDefinition) -> None:
    assert re.fullmatch(r"[A-Z].{20,130}\.", automation.description or "")


@pytest.mark.parametrize("name", ASSETS)
def test_an_asset_has_an_owner_and_one_sentence_of_description(name: str) -> None:
    assert ASSETS[name].owners == ["team:imaging"]
    assert re.fullmatch(r"[A-Z][^.]{20,130}\.", ASSETS[name].description or "")


@pytest.mark.parametrize("name", [name for name, node in ASSETS.items() if node.is_partitioned])
def test_a_daily_asset_has_the_project_s_days_and_one_run_per_day_in_a_backfill(name: str) -> None:
    node = ASSETS[name]
    assert node.partitions_def == DAILY
    policy = node.backfill_policy or dg.BackfillPolicy.multi_run()  # none given means this one
    assert policy == dg.BackfillPolicy.multi_run(1)


def test_a_training_set_reads_its_day_and_every_earlier_one() -> None:
    mapping = ASSETS["training_sets"].partition_mappings[dg.AssetKey("tagged_manifests")]
    days = DAILY.get_partition_keys()
    wanted = DAILY.empty_subset().with_partition_keys([days[40]])
    read = mapping.get_upstream_mapped_partitions_result_for_partitions(wanted, DAILY, DAILY).partitions_subset

    assert sorted(read.get_partition_keys()) == days[:41]


def test_today_is_a_day() -> None:
    assert len(DAILY.get_partition_keys()) == len(dg.DailyPartitionsDefinition("2025-01-01").get_partition_keys()) + 1


def test_no_asset_is_called_like_a_resource_or_a_sensor() -> None:
    sensors = {sensor.name for sensor in LOADED.sensors or ()}
    assert sensors == {"new_images", "label_changes", "training", "model_rollout", "failure_webhook", "check_webhook"}
    assert set(LOADED.resources or {}) == {"pipeline", "manifests"}
    assert not ASSETS.keys() & (sensors | set(LOADED.resources or {}))


def test_no_asset_or_check_has_more_than_fifteen_lines() -> None:
    folder = Path(imaging_assets.__file__).parent / "defs/assets"
    long = {}
    for path in folder.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                lines = (node.end_lineno or 0) - node.body[0].lineno + 1
                long[node.name] = lines
    assert "raw_images" in long
    assert {name: lines for name, lines in long.items() if lines > 15} == {}


def test_the_file_an_asset_stands_in_is_its_group_s() -> None:
    folder = Path(imaging_assets.__file__).parent / "defs/assets"
    wrong = [
        name
        for name, node in ASSETS.items()
        if node.group_name != "insights"  # made from the configuration
        and not re.search(rf"^(def )?{name}\b", (folder / f"{node.group_name}.py").read_text("utf-8"), re.MULTILINE)
    ]
    assert wrong == []


WORKSPACE, PYPROJECT = ("-w", "workspace.yaml"), ()


@pytest.mark.parametrize("arguments", [WORKSPACE, PYPROJECT], ids=["workspace.yaml", "pyproject.toml"])
def test_both_ways_in_load_the_same_code_location(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "workspace.yaml").write_bytes((CHECKOUT / "workspace.yaml").read_bytes())
    if not arguments:
        (tmp_path / "pyproject.toml").write_bytes((CHECKOUT / "pyproject.toml").read_bytes())
    command = [sys.executable, "-m", "dagster", "definitions", "validate", *arguments]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)

    said = re.sub(r"\x1b\[\d+m", "", told.stdout + told.stderr)
    assert told.returncode == 0, said
    assert re.findall(r"Validation successful for code location (\S+?)\.?$", said, re.MULTILINE) == ["imaging_assets"]
