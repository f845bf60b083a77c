"""`run`: every day that is behind, through Dagster, and nothing twice.

Each test is one story of several commands: starting Dagster costs seconds.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imaging_assets_tests.builders import CHAIN, a_picture
from imaging_assets_tests.cli.command_line import (
    COMMAND,
    a_folder,
    call_cli,
    cats_and_dogs,
    clean_environment,
    run_cli,
)
from imaging_assets_tests.stages.images import test_corpus as corpus

FIRST, SECOND = "2026-03-02", "2026-03-03"
BROKEN_TIFFS = sorted((corpus.CORPUS / "pillow").glob("crash-*.tif"))


def runs_in_dagster(folder: Path) -> int:
    with sqlite3.connect(folder / ".imaging" / "dagster" / "history" / "runs.db") as history:
        count: int = history.execute("select count(*) from runs").fetchone()[0]
    return count


def landed_folder(folder: Path, day: str) -> Path:
    return folder / ".imaging" / "store" / "landing" / day.replace("-", "/")


@pytest.mark.slow
def test_every_touched_day_is_brought_up_to_date_once(tmp_path: Path) -> None:
    a_folder(tmp_path / "one", cats_and_dogs(12) | {"cat/broken.jpg": a_picture(99)[:2000]})
    a_folder(tmp_path / "two", cats_and_dogs(4, start=20))
    (tmp_path / "mine.toml").write_text("[resize]\nthumbnail_edge = 40\n[training]\nbudget_seconds = 2\n")
    call_cli(tmp_path, "add", "one", "--day", FIRST)
    call_cli(tmp_path, "add", "two", "--day", SECOND)

    done = run_cli(tmp_path, "--config", "mine.toml", "run")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert any(line.startswith(f"  {FIRST}  resized_images       12 passed, 0 resized, 1 quarantined") for line in lines)
    assert any(line.startswith(f"  {SECOND}  search_documents     4 documents; 4 sent") for line in lines)
    assert any(f"{SECOND}  training_iterations" in line and " published. It is the first model." in line for line in lines)
    assert any(f"{FIRST}  predictions" in line and "12 images by " in line for line in lines)
    hits = call_cli(tmp_path, "search", "--json").value["hits"]
    assert {hit["day"] for hit in hits} == {FIRST, SECOND}
    thumbnails = (tmp_path / ".imaging" / "store" / "thumbnails").rglob("*.jpg")
    assert {path.stat().st_size < 4000 for path in thumbnails} == {True}

    ran = runs_in_dagster(tmp_path)
    again = run_cli(tmp_path, "--config", "mine.toml", "run")
    assert again.out == "2 of 2 days were up to date: no image read, no model asked, no document sent.\n"
    assert (again.code, again.err, runs_in_dagster(tmp_path)) == (0, "", ran)

    asked = run_cli(tmp_path, "--config", "mine.toml", "run", "--day", FIRST, "--json")
    assert (asked.code, asked.value["failed"], asked.value["up_to_date"]) == (0, [], [])
    (run,) = asked.value["runs"]
    assert run["day"] == FIRST
    assert {step["asset"]: step["unchanged"] for step in run["steps"]} == dict.fromkeys(CHAIN, True)


@pytest.mark.slow
def test_a_day_that_lost_its_images_waits_for_consent_and_the_others_go_on(tmp_path: Path) -> None:
    a_folder(tmp_path / "one", cats_and_dogs(24))
    a_folder(tmp_path / "two", cats_and_dogs(1, start=40))
    call_cli(tmp_path, "add", "one", "--day", FIRST, "--no-labels")
    assert run_cli(tmp_path, "run").code == 0

    for path in sorted(landed_folder(tmp_path, FIRST).rglob("*.jpg"))[:22]:
        path.unlink()
    call_cli(tmp_path, "add", "two", "--day", SECOND, "--no-labels")
    asked = run_cli(tmp_path, "run")
    assert asked.code == 3
    assert f"{FIRST}  raw_images           FAILED: 22 of 24 images of {FIRST} are gone" in asked.out
    assert asked.complaint.startswith(f"{FIRST} failed")
    assert sorted(hit["day"] for hit in call_cli(tmp_path, "search", "--json", "--top", "30").value["hits"]) == [FIRST] * 24 + [
        SECOND
    ]

    agreed = run_cli(tmp_path, "run", "--day", FIRST, "--accept-deletions")
    assert (agreed.code, agreed.err) == (0, "")
    assert call_cli(tmp_path, "search", "--json").value["count"] == 3


@pytest.mark.slow
def test_days_that_cannot_be_run_are_clear_lines(tmp_path: Path) -> None:
    nothing = call_cli(tmp_path, "run")
    assert nothing.code == 1
    assert "There is no store at .imaging/store. Run `imaging-assets add FOLDER`" in nothing.complaint
    assert list(tmp_path.iterdir()) == []

    a_folder(tmp_path / ".imaging/store/landing", {"loose.jpg": a_picture(2, (64, 48))})
    loose = call_cli(tmp_path, "run")
    assert loose.code == 2
    assert loose.err.startswith("note: left alone, because no folder tells their day: landing/loose.jpg (1 file). Move them to ")
    (tmp_path / ".imaging/store/landing/loose.jpg").unlink()

    (tmp_path / "imaging.toml").write_text("[partitions]\nstart = 2026-06-01\n")  # `add` of an older image moves it back
    a_folder(tmp_path / "one", {"a.jpg": a_picture(1, (64, 48))})
    call_cli(tmp_path, "add", "one", "--day", FIRST)
    to_come = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"
    a_folder(landed_folder(tmp_path, to_come), {"b.jpg": b"1"})
    unknown = call_cli(tmp_path, "run", "--day", "2026-04-01")
    assert unknown.code == 2
    assert unknown.complaint == f"No image landed on 2026-04-01. There are images from {FIRST} to {to_come} (2 days)."
    outside = run_cli(tmp_path, "run", "--day", to_come)
    assert outside.code == 2
    assert outside.complaint.startswith(f"{to_come} is not one of the days that exist.")
    the_rest = run_cli(tmp_path, "run", "--since", FIRST)
    assert the_rest.code == 0
    assert call_cli(tmp_path, "search", "--json").value["count"] == 1
    assert the_rest.err.startswith(f"note: left alone, because they are not days that exist: {to_come}.")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--day", FIRST, "--since", FIRST), "--day and --since/--until exclude each other. Give one of them."),
        (("--since", SECOND, "--until", FIRST), f"--since {SECOND} is after --until {FIRST}. Exchange them."),
        (("--until", "soon"), "'soon' is not a day. Write it as 2026-11-19."),
    ],
)
def test_a_range_that_makes_no_sense_is_a_clear_line(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    done = call_cli(tmp_path, "run", *arguments)
    assert (done.code, done.complaint) == (2, told)


@pytest.mark.slow
@pytest.mark.skipif(not BROKEN_TIFFS, reason="the corpus of broken TIFFs is not there")
def test_what_decoders_write_to_the_terminal_goes_into_a_file(tmp_path: Path) -> None:
    a_folder(tmp_path / "one", {path.name: path.read_bytes() for path in BROKEN_TIFFS})
    call_cli(tmp_path, "add", "one", "--day", FIRST)
    done = run_cli(tmp_path, "run")
    assert (done.code, done.err) == (0, "")
    assert f"{len(BROKEN_TIFFS)} quarantined" in done.out
    assert "TIFF" in (tmp_path / ".imaging" / "decoders.log").read_text(errors="replace")
    like = run_cli(tmp_path, "search", "--like", f"one/{BROKEN_TIFFS[0].name}")
    assert like.code == 2
    assert "is no picture that can be compared" in like.complaint


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C cannot be sent there")
def test_after_ctrl_c_the_next_run_goes_on(tmp_path: Path) -> None:
    a_folder(tmp_path / "one", {f"{seed}.jpg": a_picture(seed, (2000, 1500)) for seed in range(60)})
    a_folder(tmp_path / "two", cats_and_dogs(3, start=90))
    call_cli(tmp_path, "add", "one", "--day", FIRST)
    call_cli(tmp_path, "add", "two", "--day", SECOND, "--no-labels")
    inventory = tmp_path / ".imaging" / "store" / "manifests" / "raw_images"
    started = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "run"],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(inventory.glob("*.parquet")) and started.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=60)
    assert (started.returncode, err) == (130, "error: stopped. Give the same command again and it goes on where it was.\n"), out

    done = run_cli(tmp_path, "run", "--json")
    assert (done.code, json.loads(done.out)["failed"]) == (0, [])
    assert call_cli(tmp_path, "search", "--json").value["count"] == 63
