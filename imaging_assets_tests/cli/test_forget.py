"""A person is matched by reference pictures and forgotten everywhere."""

import json
import sqlite3
from pathlib import Path

import pytest

from imaging_assets.backends import build
from imaging_assets.settings import Settings
from imaging_assets_tests.cli.command_line import call_cli, run_cli
from imaging_assets_tests.embedded.analyzers.faces_of import a_print_model, hopper, jpeg, two_faces

pytest.importorskip("cv2", reason="install the extra faces")

DAY = "2026-03-02"


def said_of(folder: Path) -> str:
    """Everything the catalogue's file says of the one image."""
    with sqlite3.connect(folder / ".imaging/catalog.db") as connection:
        return " ".join(str(row) for row in connection.execute("select insights, job_output from image_catalog"))


@pytest.mark.slow
def test_a_person_is_found_and_then_forgotten_in_every_table(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/two.jpg").write_bytes(jpeg(two_faces()))
    options = {"model": str(a_print_model(tmp_path)), "mean": 0, "std": 255}
    (tmp_path / "imaging.toml").write_text(
        "[insights.steps.image_faces]\nenabled = true\n"
        f"[insights.steps.face_prints]\nenabled = true\noptions = {{model = {json.dumps(options['model'])}, mean = 0, std = 255}}\n"
        "[insights.steps.face_matches]\nenabled = true\noptions = {minimum = 0.99}\n"
    )
    assert run_cli(tmp_path, "add", "photos", "--no-labels", "--day", DAY).code == 0
    store = build(Settings(home=tmp_path / ".imaging")).store
    store.write("persons/grace/1.jpg", jpeg(hopper()))
    done = run_cli(tmp_path, "run")
    assert done.code == 0, done.err
    assert "face_matches         1 images; 1 analysed" in done.out
    assert '"grace"' in said_of(tmp_path)
    assert call_cli(tmp_path, "search", "--where", "faces=2", "--json").value["count"] == 1

    forgotten = run_cli(tmp_path, "forget", "grace")

    assert forgotten.code == 0, forgotten.err
    assert "grace is forgotten: 1 reference picture and the matches of 1 day deleted" in forgotten.out
    assert "grace" not in said_of(tmp_path)
    assert list(store.list_blobs("persons/")) == []
    assert b"grace" not in b"".join(store.read(blob.path).data for blob in store.list_blobs("manifests/"))
    again = run_cli(tmp_path, "forget", "grace")
    assert again.code == 2
    assert again.complaint == "Nobody called 'grace' is known. Give the name of a folder below persons/."
