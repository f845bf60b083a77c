"""Which images leave, with which labels."""

from datetime import timedelta
from pathlib import Path

import pytest

from imaging_assets.errors import UsageError
from imaging_assets.stages.manifests.datasets import Dataset, gather_dataset, sample
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import DAY, a_pipeline
from imaging_assets_tests.stages.manifests.days import NEXT_DAY, NOON, a_day, label_and_gather, sha, sides, write_labels


def tags(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    return {image.said.path: image.said.tags for image in dataset.images}


def two_days(home: Path) -> Pipeline:
    pipeline = a_pipeline(home)
    a_day(pipeline, {"a.png": "a", "a.tif": "b", "c.jpg": "c", "bad.jpg": "bad", "nobody.jpg": "n"}, quarantined=["bad.jpg"])
    a_day(pipeline, {"again.jpg": "c", "d.jpg": "d", "x.jpg": "same", "y.jpg": "same"}, NEXT_DAY)
    text = "a.png,cat\na.tif,dog\nc.jpg,cat\nbad.jpg,cat\nd.jpg,dog|cat\nx.jpg,cat\ny.jpg,dog\n"
    write_labels(home, "x.csv", text)
    label_and_gather(pipeline, DAY, NEXT_DAY)
    return pipeline


def test_a_data_set_holds_each_labelled_image_once_on_its_side_and_tells_what_it_left_out(tmp_path: Path) -> None:
    pipeline = two_days(tmp_path)
    dataset = gather_dataset(pipeline)
    assert tags(dataset) == {
        "2026/03/02/a.jpg": ("cat",),
        f"2026/03/02/a-{sha('b')[:8]}.jpg": ("dog",),
        "2026/03/02/c.jpg": ("cat",),
        "2026/03/03/d.jpg": ("cat", "dog"),
    }
    placed = sides(pipeline, NEXT_DAY)
    assert all(image.said.split == placed[image.said.sha256] for image in dataset.images)
    assert [(path, reason.partition(":")[0]) for path, reason in dataset.left_out] == [
        ("landing/2026/03/02/bad.jpg", "quarantined"),
        ("landing/2026/03/03/x.jpg", "conflict"),
        ("landing/2026/03/03/y.jpg", "conflict"),
    ]


def test_a_data_set_as_of_a_day_knows_no_later_one(tmp_path: Path) -> None:
    dataset = gather_dataset(two_days(tmp_path), DAY)
    assert (dataset.day, {path[:10] for path in tags(dataset)}) == (DAY, {"2026/03/02"})
    with pytest.raises(UsageError, match=r"No day up to 2026-01-01 is tagged\. Run"):
        gather_dataset(two_days(tmp_path / "other"), "2026-01-01")


def test_labels_are_those_that_were_known_at_a_time(tmp_path: Path) -> None:
    pipeline = two_days(tmp_path)
    write_labels(tmp_path, "y.csv", "c.jpg,corrected\n", hours=2)
    write_labels(tmp_path, "x.csv", "a.png,cat\na.tif,dog\nc.jpg,cat\n", hours=4)
    label_and_gather(pipeline, DAY, NEXT_DAY)

    def as_of(hours: float) -> dict[str, tuple[str, ...]]:
        return {
            path.rpartition("/")[2]: told
            for path, told in tags(gather_dataset(pipeline, None, NOON + timedelta(hours=hours))).items()
        }

    assert as_of(-1) == {}
    assert (as_of(1)["c.jpg"], as_of(1)["d.jpg"]) == (("cat",), ("cat", "dog"))
    assert (as_of(3)["c.jpg"], as_of(3)["d.jpg"]) == (("corrected",), ("cat", "dog"))
    assert "d.jpg" not in as_of(5)


def test_an_image_that_was_never_placed_waits_for_its_side(tmp_path: Path) -> None:
    pipeline = two_days(tmp_path)
    pipeline.store.delete("models/splits.parquet")
    dataset = gather_dataset(pipeline)
    assert dataset.images == ()
    assert "not placed in a training set yet; run `imaging-assets run`" in {reason for _, reason in dataset.left_out}


def test_a_sample_never_passes_the_number_per_tag_and_is_the_same_every_time(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {f"{number}.jpg": f"{number}" for number in range(30)})
    write_labels(tmp_path, "x.csv", "".join(f"{number}.jpg,{'cat' if number % 3 else 'dog|cat'}\n" for number in range(30)))
    label_and_gather(pipeline, DAY)
    images = gather_dataset(pipeline).images
    chosen = sample(images, 5, seed=1)
    assert chosen == sample(tuple(reversed(images)), 5, seed=1)[::-1]
    assert sum("cat" in image.said.tags for image in chosen) == 5
    assert sum("dog" in image.said.tags for image in chosen) <= 5
    assert chosen != sample(images, 5, seed=2)
    assert sample(images, 100) == list(images)
