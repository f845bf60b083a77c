"""`gc` deletes only what nobody needs; `rollback` lets the model before serve again."""

import os
import sqlite3
import time
from pathlib import Path

from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.cli.command_line import call_cli, run_cli

GONE = "landing/2026/03/02/0.jpg"


def a_store_with_garbage(folder: Path, *, days_old: float) -> Pipeline:
    """Three pictures, of which one was deleted again; all files so many days old."""
    pipeline = a_pipeline(folder / ".imaging")
    land(pipeline, {f"{seed}.jpg": a_picture(seed, (64, 48)) for seed in range(3)})
    state_labels(pipeline, {"0.jpg": "cat"})
    run_chain(pipeline)
    pipeline.store.delete(GONE)
    run_chain(pipeline)
    then = time.time() - days_old * 86400
    for path in (folder / ".imaging" / "store").rglob("*"):
        os.utime(path, (then, then))
    return pipeline


def blobs(pipeline: Pipeline) -> set[str]:
    return {blob.path for blob in pipeline.store.list_blobs()}


def test_what_is_old_and_belongs_to_nothing_goes_and_nothing_else(tmp_path: Path) -> None:
    pipeline = a_store_with_garbage(tmp_path, days_old=8)
    before = blobs(pipeline)
    done = call_cli(tmp_path, "gc")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("deleted 2 blobs, 0.0 MB; originals are never touched")
    assert {path.split("/")[0] for path in before - blobs(pipeline)} == {"resized", "thumbnails"}
    assert len(before - blobs(pipeline)) == 2
    assert call_cli(tmp_path, "--json", "gc").value == {"deleted": [], "found": 0, "bytes": 0}


def test_what_is_young_stays_unless_asked_for(tmp_path: Path) -> None:
    pipeline = a_store_with_garbage(tmp_path, days_old=6)
    before = blobs(pipeline)
    assert call_cli(tmp_path, "--json", "gc").value["found"] == 0
    assert blobs(pipeline) == before
    assert len(call_cli(tmp_path, "--json", "gc", "--older-than", "5").value["deleted"]) == 2


def test_a_dry_run_tells_and_deletes_nothing(tmp_path: Path) -> None:
    pipeline = a_store_with_garbage(tmp_path, days_old=8)
    before = blobs(pipeline)
    assert call_cli(tmp_path, "gc", "--dry-run").out.startswith("would delete 2 blobs")
    value = call_cli(tmp_path, "gc", "--dry-run", "--json").value
    assert (value["deleted"], value["found"], value["bytes"] > 0) == ([], 2, True)
    assert blobs(pipeline) == before


def test_a_negative_age_is_refused(tmp_path: Path) -> None:
    assert call_cli(tmp_path, "gc", "--older-than", "-1").code == 2


def test_without_a_predecessor_there_is_nothing_to_go_back_to(tmp_path: Path) -> None:
    a_pipeline(tmp_path / ".imaging")
    done = call_cli(tmp_path, "rollback")
    assert (done.code, done.out) == (2, "")
    assert done.complaint == "No model was published before the present one. Train another with `imaging-assets run`."


def test_the_model_before_serves_again_and_dagster_knows(tmp_path: Path) -> None:
    pipeline, registry = a_store_with_two_models(tmp_path)
    pipeline.store.write("models/first/labels.json", b"{}")
    done = run_cli(tmp_path, "rollback")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("first serves again: rolled back from second. Predict with it by `imaging-assets run`.")
    serving = registry.published()
    assert serving is not None
    assert (serving.model_id, serving.previous) == ("first", None)
    with sqlite3.connect(tmp_path / ".imaging" / "dagster" / "history" / "runs" / "index.db") as history:
        (key,) = history.execute("select asset_key from asset_keys").fetchone()
    assert "published_model" in key
    assert call_cli(tmp_path, "rollback").code == 2


def test_a_model_that_is_gone_does_not_serve_again(tmp_path: Path) -> None:
    _, registry = a_store_with_two_models(tmp_path)
    done = call_cli(tmp_path, "rollback")
    assert done.code == 1
    assert "first" in done.complaint
    serving = registry.published()
    assert serving is not None
    assert serving.model_id == "second"


def a_store_with_two_models(folder: Path) -> tuple[Pipeline, Registry]:
    """Published one after the other; nothing else is there of them."""
    pipeline = a_pipeline(folder / ".imaging")
    registry = Registry(pipeline.store)
    for model_id in ("first", "second"):
        registry.publish(model_id, "It is better.")
    return pipeline, registry
