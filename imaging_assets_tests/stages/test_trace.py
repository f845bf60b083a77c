"""One image's whole story."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from imaging_assets.errors import ImageNotFoundError
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.search import document_id
from imaging_assets.stages.tables import RESIZED_IMAGES
from imaging_assets.stages.trace import find_image, tell
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.stages.manifests.days import NEXT_DAY, a_day, follow_labels, gather, sha, write_labels
from imaging_assets_tests.stages.models.doubles import iterate_day, with_models

FOLDER = "landing/2026/03/02/"
NEXT_FOLDER = "landing/2026/03/03/"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(f"{FOLDER}cam/a.jpg", id="whole path"),
        pytest.param("2026/03/02/cam/a.jpg", id="without the landing folder"),
        pytest.param("cam/a.jpg", id="end"),
        pytest.param("a.jpg", id="name"),
        pytest.param("/a.jpg", id="end with a slash"),
        pytest.param(sha("one"), id="digest"),
        pytest.param(sha("one")[:8], id="8 digits"),
        pytest.param(sha("one")[:12].upper(), id="capital digits"),
    ],
)
def test_an_image_is_found_by_what_a_person_has_at_hand(tmp_path: Path, name: str) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"cam/a.jpg": "one", "cam/aa.jpg": "two"})
    a_day(pipeline, {"b.jpg": "three"}, NEXT_DAY)
    found = find_image(pipeline, name)
    assert (found.day, found.path, found.row["sha256"]) == (DAY, f"{FOLDER}cam/a.jpg", sha("one"))


@pytest.mark.parametrize("name", ["b.jpg", ".jpg", "am/a.jpg", sha("one")[:7], sha("none"), "", "/", "cam", "cam/", "*.jpg"])
def test_a_name_of_no_image_is_an_error_with_the_remedy(tmp_path: Path, name: str) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"cam/a.jpg": "one"})
    with pytest.raises(ImageNotFoundError, match=r"No image is called .*Give a path, its end, or the first 8 digits"):
        find_image(pipeline, name)


def test_in_an_empty_store_no_image_is_found(tmp_path: Path) -> None:
    with pytest.raises(ImageNotFoundError):
        tell(a_pipeline(tmp_path), "a.jpg")


def test_a_name_of_several_images_is_an_error_that_lists_some(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"} | {f"{number}/b.jpg": str(number) for number in range(9)})
    a_day(pipeline, {"a.jpg": "two"}, NEXT_DAY)
    with pytest.raises(ImageNotFoundError) as error:
        find_image(pipeline, "a.jpg")
    assert str(error.value) == f"2 images are called 'a.jpg': {NEXT_FOLDER}a.jpg, {FOLDER}a.jpg … Give more of the path."
    with pytest.raises(ImageNotFoundError, match=r"9 images are called 'b\.jpg': (?:[^,]+, ){4}[^,]+ … Give more of the path\."):
        find_image(pipeline, "b.jpg")
    assert find_image(pipeline, "2026/03/03/a.jpg").row["sha256"] == sha("two")


@pytest.mark.parametrize("digest", ["", None])
def test_images_that_were_never_read_are_told_apart_and_nothing_was_said_of_them(tmp_path: Path, digest: str | None) -> None:
    pipeline = a_pipeline(tmp_path)
    write_labels(tmp_path, "x.csv", "somewhere else.jpg,cat\n")
    read = a_day(pipeline, {"x/a.jpg": "one", "y/a.jpg": "two"}, quarantined=["x/a.jpg", "y/a.jpg"])
    unread = pipeline.manifests.read(read, RESIZED_IMAGES).with_columns(sha256=pl.lit(digest, pl.String()))
    pipeline.manifests.commit(pipeline.manifests.begin(RESIZED_IMAGES, DAY, "0" * 16).draft(unread))
    assert find_image(pipeline, "x/a.jpg").path == f"{FOLDER}x/a.jpg"
    follow_labels(pipeline)
    story = tell(pipeline, "x/a.jpg")
    assert (story.twins, story.statements) == ((), ())
    with pytest.raises(ImageNotFoundError, match="2 images are called"):
        find_image(pipeline, "a.jpg")


def test_digits_that_begin_two_digests_are_ambiguous(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "deadbeef": "two", "b/deadbeef": "three"})
    assert find_image(pipeline, "b/deadbeef").row["sha256"] == sha("three")
    with pytest.raises(ImageNotFoundError, match="2 images"):
        find_image(pipeline, "deadbeef")


def test_a_whole_path_wins_over_longer_paths_that_end_so(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "2026/03/02/a.jpg": "two", f"{FOLDER}a.jpg": "three"})
    assert find_image(pipeline, f"{FOLDER}a.jpg").row["sha256"] == sha("one")
    assert find_image(pipeline, "2026/03/02/a.jpg").row["sha256"] == sha("one")


@pytest.mark.parametrize(("landed", "name"), [("e\u0301.jpg", "\u00e9.jpg"), ("\u00e9.jpg", "e\u0301.jpg")])
def test_a_name_is_found_however_its_accents_are_encoded(tmp_path: Path, landed: str, name: str) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {landed: "one", f"sub/{landed}": "two"})
    assert find_image(pipeline, f"sub/{name}").path == f"{FOLDER}sub/{landed}"
    assert find_image(pipeline, f"2026/03/02/{name}").path == FOLDER + landed


def test_the_same_bytes_at_several_paths_are_one_image_with_twins(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "one"})
    a_day(pipeline, {"a.jpg": "one", f"sub/{sha('one')}": "named after it"}, NEXT_DAY)
    assert find_image(pipeline, sha("one")[:10]).day == NEXT_DAY
    story = tell(pipeline, f"{FOLDER}b.jpg")
    assert story.image.path == f"{FOLDER}b.jpg"
    assert sorted(story.twins) == [f"{FOLDER}a.jpg", f"{NEXT_FOLDER}a.jpg"]


def a_told_day(home: Path) -> Pipeline:
    """Eight labelled pictures through the whole chain, a published model, and the chain again; one file that is no picture."""
    pipeline = a_pipeline(home)
    land(pipeline, {f"{number}.jpg": a_picture(number) for number in range(8)} | {"broken.jpg": b"nothing"})
    state_labels(pipeline, {f"{number}.jpg": ("cat", "dog")[number % 2] for number in range(8)} | {"broken.jpg": "cat"})
    run_chain(pipeline)
    gather(pipeline)
    pipeline, _, _ = with_models(pipeline)
    iterate_day(pipeline)
    run_chain(pipeline)
    return pipeline


def test_the_story_of_a_labelled_image_goes_from_its_landing_to_its_document(tmp_path: Path) -> None:
    pipeline = a_told_day(tmp_path)
    story = tell(pipeline, "1.jpg")
    assert (story.image.path, story.image.row["status"], story.twins) == (f"{FOLDER}1.jpg", "passed", ())
    assert story.tagged is not None
    assert (story.tagged["tags"], story.tagged["label_file"], story.tagged["label_line"]) == (["dog"], "labels/labels.csv", 3)
    assert [(row["selector"], row["status"]) for row in story.statements] == [("1.jpg", "bound")]
    assert story.training is not None
    assert story.training["sightings"] == [{"day": DAY, "path": f"{FOLDER}1.jpg"}]
    assert [row["rank"] for row in story.predictions] == [0, 1]
    assert story.iteration is not None
    assert (story.iteration["verdict"], story.iteration["model_id"]) == ("published", story.predictions[0]["model_id"])
    assert story.document is not None
    assert (story.document["tags"], story.document["predicted"]) == (["dog"], story.predictions[0]["tag"])


def test_the_story_tells_every_statement_newest_first(tmp_path: Path) -> None:
    pipeline = a_told_day(tmp_path)
    state_labels(pipeline, {"1.jpg": "cat"}, "zz-corrected.csv")
    run_chain(pipeline)
    story = tell(pipeline, "1.jpg")
    assert [row["tags"] for row in story.statements] == [["cat"], ["dog"]]
    assert story.tagged is not None
    assert story.tagged["label_file"] == "labels/zz-corrected.csv"


def test_the_story_of_a_moved_image_keeps_its_label_prediction_and_training(tmp_path: Path) -> None:
    pipeline = a_told_day(tmp_path)
    before = tell(pipeline, "1.jpg")
    moved = pipeline.store.read(f"{FOLDER}1.jpg").data
    pipeline.store.delete(f"{FOLDER}1.jpg")
    land(pipeline, {"sub/moved.jpg": moved}, NEXT_DAY)
    run_chain(pipeline)
    run_chain(pipeline, NEXT_DAY)
    gather(pipeline, NEXT_DAY)

    story = tell(pipeline, "moved.jpg")

    assert (story.image.day, story.image.row["sha256"]) == (NEXT_DAY, before.image.row["sha256"])
    assert story.tagged is not None
    assert (story.tagged["tags"], story.statements[0]["path"]) == (["dog"], f"{FOLDER}1.jpg")
    assert story.training is not None
    assert before.training is not None
    assert story.training["split"] == before.training["split"]
    assert story.training["sightings"] == [{"day": NEXT_DAY, "path": f"{NEXT_FOLDER}sub/moved.jpg"}]
    assert story.predictions == before.predictions
    assert story.document is not None
    assert story.document["id"] == document_id(f"{NEXT_FOLDER}sub/moved.jpg")
    with pytest.raises(ImageNotFoundError):
        tell(pipeline, "1.jpg")


def test_the_story_of_a_quarantined_image_ends_with_the_reason(tmp_path: Path) -> None:
    story = tell(a_told_day(tmp_path), "broken.jpg")
    assert (story.image.row["status"], story.image.row["reason"]) == ("quarantined", "unsupported format")
    assert story.tagged is not None
    assert (story.training, story.predictions, story.iteration, story.document) == (None, (), None, None)


def test_of_a_deleted_image_nothing_is_told_but_of_its_twin_everything(tmp_path: Path) -> None:
    pipeline = a_told_day(tmp_path)
    digest = tell(pipeline, "1.jpg").image.row["sha256"]
    land(pipeline, {"twin.jpg": pipeline.store.read(f"{FOLDER}1.jpg").data})
    pipeline.store.delete(f"{FOLDER}1.jpg")
    run_chain(pipeline)
    with pytest.raises(ImageNotFoundError, match=r"No image is called '1\.jpg'"):
        tell(pipeline, "1.jpg")
    story = tell(pipeline, digest[:8])
    assert (story.image.path, story.twins) == (f"{FOLDER}twin.jpg", ())
    assert [row["selector"] for row in story.statements] == ["1.jpg"]
    assert pipeline.index.get(document_id(f"{FOLDER}1.jpg")) is None


def test_before_the_later_steps_ran_they_have_nothing_to_say(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    story = tell(pipeline, "a.jpg")
    assert (story.tagged, story.statements, story.training, story.predictions) == (None, (), None, ())
    assert (story.iteration, story.document) == (None, None)


def test_a_model_that_was_put_there_by_hand_has_no_verdict(tmp_path: Path) -> None:
    pipeline = a_told_day(tmp_path)
    for entry in pipeline.store.list_blobs("models/ledger/"):
        pipeline.store.delete(entry.path)
    story = tell(replace(pipeline), "1.jpg")
    assert story.iteration is None
    assert story.predictions != ()
