"""Labels that look wrong: found before training, told once, at no cost where nothing changed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from imaging_assets.embedded.analyzer import GradientEmbedder
from imaging_assets.stages.digests import digest
from imaging_assets.stages.manifests.suspects import known_suspects, leave_group_out
from imaging_assets.stages.state import ALL
from imaging_assets.stages.tables import image_vectors, label_suspects
from imaging_assets_tests.builders import DAY, a_pipeline
from imaging_assets_tests.doubles import CountingBlobStore, over
from imaging_assets_tests.embedded.pictures import digits
from imaging_assets_tests.stages.manifests.days import NEXT_DAY, a_day, gather, label_and_gather, rows, sha, write_labels
from imaging_assets_tests.stages.manifests.looks import cats_and_dogs, looked_at_day, suspects, vectors

# --- the answers


def test_leaving_out_is_what_it_says() -> None:
    """The closed form against as many fits as there are groups."""
    random = np.random.default_rng(0)
    points = random.normal(size=(30, 5))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    targets = np.eye(3)[random.integers(0, 3, 30)]
    groups = [str(place // 2) if place < 10 else f"alone {place}" for place in range(30)]
    squares = 2 - 2 * points @ points.T
    kernel = np.exp(-2 * squares / np.median(squares))
    for group in ("0", "3", "alone 20"):
        left_out = np.array([name == group for name in groups])
        learnt = kernel[np.ix_(~left_out, ~left_out)] + 0.1 * np.eye((~left_out).sum())
        expected = kernel[np.ix_(left_out, ~left_out)] @ np.linalg.solve(learnt, targets[~left_out])
        answers = leave_group_out(points, targets, groups)[left_out]
        assert answers == pytest.approx(expected.clip(0, 1), abs=1e-9)


def test_of_digits_with_wrong_labels_most_are_found_and_hardly_a_right_one() -> None:
    known = digits()[0][:500]
    found = GradientEmbedder().embed([picture.data for picture in known]).astype(np.float64)
    truth = np.array([int(picture.tags[0]) for picture in known])
    random = np.random.default_rng(0)
    wrong = random.choice(len(truth), 15, replace=False)
    said = truth.copy()
    said[wrong] = (truth[wrong] + random.integers(1, 10, 15)) % 10
    answers = leave_group_out(found, np.eye(10)[said], [str(place) for place in range(len(said))])
    lead = answers.max(axis=1) - answers[np.arange(len(said)), said]
    suspected = set(np.flatnonzero(lead >= 0.5).tolist())
    assert len(suspected & set(wrong.tolist())) >= 12
    assert len(suspected - set(wrong.tolist())) <= 1


# --- the step


def test_wrong_labels_are_suspect_with_what_they_look_like(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    looked_at_day(pipeline, tmp_path, cats_and_dogs(wrong=2))
    report = suspects(pipeline)
    folder = f"landing/{DAY.replace('-', '/')}/"
    assert {entry[:3] for entry in report.found} == {(f"{folder}cat {n}.jpg", "dog", "cat") for n in range(2)}
    assert all(0.5 <= lead <= 1 for *_, lead in report.found)
    assert (report.looked_at, report.of) == (20, 20)
    assert known_suspects(pipeline, DAY) == report
    assert known_suspects(pipeline, NEXT_DAY) is None


def test_right_labels_are_not(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    looked_at_day(pipeline, tmp_path, cats_and_dogs(wrong=0))
    assert suspects(pipeline).found == ()


def test_of_several_tags_each_is_doubted_alone(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    labels = {name: f"{tag}|animal" for name, tag in cats_and_dogs(wrong=0).items()} | {f"car {n}": "thing" for n in range(10)}
    looked_at_day(pipeline, tmp_path, labels | {"cat 3": "cat", "car 4": "thing|animal"})
    assert sorted(entry[1:3] for entry in suspects(pipeline).found) == [("animal, thing", "thing"), ("cat", "animal, cat")]


def test_a_tag_of_few_images_is_not_doubted(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    looked_at_day(pipeline, tmp_path, cats_and_dogs(wrong=0) | {f"cat {n}": "tiger" for n in range(20, 24)})
    assert suspects(pipeline).found == ()


def test_near_duplicates_do_not_vouch_for_each_other(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    labels = cats_and_dogs(wrong=0) | {f"cat {n}": "dog" for n in range(20, 26)}
    looked_at_day(pipeline, tmp_path, labels)
    assert len(suspects(pipeline).found) < 6, "six alike that say the same are believed"

    looks = {f"cat {n}": "00000000000000ff" for n in range(20, 26)}
    a_day(pipeline, {f"{content}.jpg": content for content in labels}, phashes=looks)
    pipeline.store.delete("models/splits.parquet")
    label_and_gather(pipeline, DAY)
    assert len(suspects(pipeline).found) == 6


def test_what_did_not_change_is_neither_read_nor_worked_on(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    looked_at_day(pipeline, tmp_path, cats_and_dogs(wrong=2))
    first = suspects(pipeline)
    store = CountingBlobStore(pipeline.store)
    assert suspects(over(pipeline, store)) == first
    assert {path.split("/")[1] for path in store.reads} == {"label_suspects"}
    assert store.writes == []


def test_only_the_vectors_of_days_with_new_images_are_read(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    looked_at_day(pipeline, tmp_path, cats_and_dogs(wrong=2))
    suspects(pipeline)
    looked_at_day(pipeline, tmp_path, {f"cow {n}": "cow" for n in range(6)}, NEXT_DAY)
    store = CountingBlobStore(pipeline.store)
    assert suspects(over(pipeline, store), NEXT_DAY).looked_at == 26
    assert [path.split("/")[2][:10] for path in store.reads_below("manifests/image_vectors/")] == [NEXT_DAY]


def test_the_newest_images_are_looked_at_and_so_many_at_most(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path, training={"suspects_among": 8})
    looked_at_day(pipeline, tmp_path, cats_and_dogs(wrong=0))
    looked_at_day(pipeline, tmp_path, {f"cow {n}": "cow" for n in range(6)}, NEXT_DAY)
    report = suspects(pipeline, NEXT_DAY)
    assert (report.looked_at, report.of) == (8, 26)
    table = label_suspects(pipeline.embedder.dimensions)
    looked_at = {row["sha256"] for row in rows(pipeline, table, ALL)}
    assert {sha(f"cow {n}") for n in range(6)} < looked_at
    none = replace(pipeline, training=pipeline.training.model_copy(update={"suspects_among": 0}))
    assert suspects(none, NEXT_DAY).looked_at == 0


def test_an_image_whose_vector_comes_later_is_looked_at_then(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    looked_at_day(pipeline, tmp_path, cats_and_dogs(wrong=2))
    pipeline.store.delete(pipeline.manifests.find("image_vectors", DAY).blob.path)
    assert suspects(pipeline).looked_at == 0
    vectors(pipeline)
    assert (suspects(pipeline).looked_at, len(suspects(pipeline).found)) == (20, 2)


def test_a_suspect_that_a_second_file_confirms_is_none(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    looked_at_day(pipeline, tmp_path, cats_and_dogs(wrong=2))
    assert len(suspects(pipeline).found) == 2
    write_labels(tmp_path, "second look.csv", "cat 0.jpg,dog\n", hours=1)
    label_and_gather(pipeline, DAY)
    assert [entry[0].rpartition("/")[2] for entry in suspects(pipeline).found] == ["cat 1.jpg"]


def test_excluded_images_and_images_without_a_direction_are_left_out(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    looked_at_day(pipeline, tmp_path, cats_and_dogs(wrong=0))
    table = image_vectors(pipeline.embedder.dimensions)
    blank = pipeline.manifests.read(pipeline.manifests.find(table.asset, DAY), table).with_columns(
        pl.when(pl.col("sha256") == sha("cat 5")).then(pl.col("vector") * 0).otherwise(pl.col("vector")).alias("vector")
    )
    pipeline.manifests.commit(pipeline.manifests.begin(table, DAY, digest("blank")).draft(blank))
    gather(pipeline)
    report = suspects(pipeline)
    assert (report.looked_at, report.found) == (20, ())
