"""`why`: one image's story in a screenful."""

from pathlib import Path

import pytest

from imaging_assets.stages.digests import sha256_of
from imaging_assets_tests.builders import a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.cli.command_line import call_cli
from imaging_assets_tests.stages.manifests.days import gather
from imaging_assets_tests.stages.models.doubles import iterate_day, with_models

PICTURES = {f"cam/{seed}.jpg": a_picture(seed, (64, 48)) for seed in range(8)}
HEADINGS = ["landed", "bytes", "image", "labels", "training", "prediction", "model", "document"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight labelled and predicted pictures, a copy of one, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("told")
    pipeline = a_pipeline(folder / ".imaging")
    land(pipeline, PICTURES | {"copy/0.jpg": PICTURES["cam/0.jpg"], "broken.jpg": b"nothing", "3.jpg": a_picture(33)})
    state_labels(pipeline, {f"cam/{seed}.jpg": ("cat", "dog")[seed % 2] for seed in range(8)})
    run_chain(pipeline)
    gather(pipeline)
    pipeline, _, _ = with_models(pipeline)
    iterate_day(pipeline)
    run_chain(pipeline)
    return folder


def headings(text: str) -> list[str]:
    return [line[:12].strip() for line in text.splitlines() if line[:12].strip()]


@pytest.mark.parametrize(
    "name",
    ["landing/2026/03/02/cam/1.jpg", "2026/03/02/cam/1.jpg", "cam/1.jpg", "1.jpg", sha256_of(PICTURES["cam/1.jpg"])[:8]],
)
def test_a_path_its_end_or_a_digest_tells_the_whole_story(folder: Path, name: str) -> None:
    done = call_cli(folder, "why", name)
    assert (done.code, done.err) == (0, "")
    assert headings(done.out) == HEADINGS
    assert "landing/2026/03/02/cam/1.jpg" in done.out
    assert "labels      dog, by labels/labels.csv line 3" in done.out
    assert "prediction  cat 75%, something else 25%, by " in done.out
    assert "published. It is the first model." in done.out


def test_copies_are_named(folder: Path) -> None:
    assert "the same bytes: landing/2026/03/02/copy/0.jpg" in call_cli(folder, "why", "cam/0.jpg").out


def test_an_image_that_was_set_aside_is_told_with_the_reason(folder: Path) -> None:
    done = call_cli(folder, "why", "broken.jpg")
    assert (done.code, headings(done.out)) == (0, ["landed", "bytes", "image"])
    assert "image       quarantined: unsupported format" in done.out


def test_an_ambiguous_name_lists_what_it_could_mean(folder: Path) -> None:
    done = call_cli(folder, "why", "3.jpg")
    assert done.code == 2
    assert done.complaint.startswith("2 images are called '3.jpg': landing/2026/03/02/")
    assert done.complaint.endswith("Give more of the path.")


def test_an_unknown_name_is_one_clear_line(folder: Path) -> None:
    done = call_cli(folder, "why", "nobody.jpg")
    assert (done.code, done.out) == (2, "")
    assert done.complaint.startswith("No image is called 'nobody.jpg'. Give ")


def test_json_tells_the_same_with_times_in_iso_8601(folder: Path) -> None:
    value = call_cli(folder, "why", "cam/1.jpg", "--json").value
    assert value["image"]["path"] == "landing/2026/03/02/cam/1.jpg"
    assert value["tagged"]["tags"] == ["dog"]
    assert value["predictions"][0]["tag"] == "cat"
    assert "T" in value["tagged"]["stated_at"]


def test_without_a_store_it_is_said_how_to_begin(tmp_path: Path) -> None:
    done = call_cli(tmp_path, "why", "a.jpg")
    assert done.code == 1
    assert "Run `imaging-assets add FOLDER` or `imaging-assets demo` to begin" in done.complaint
    assert list(tmp_path.iterdir()) == []
