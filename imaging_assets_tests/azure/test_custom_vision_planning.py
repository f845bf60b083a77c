"""What a project should hold, what goes together, what differs: the parts of Custom Vision that make no call."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from imaging_assets.azure.custom_vision.batches import BATCH_BYTES, batches
from imaging_assets.azure.custom_vision.desired import Wanted, desire, refusal
from imaging_assets.azure.custom_vision.differences import region_changes, same_regions, tags_to_add, tags_to_remove
from imaging_assets.azure.custom_vision.wire import RemoteRegion
from imaging_assets.errors import BlobNotFoundError
from imaging_assets.records.manifests import Region, Split
from imaging_assets.records.models import TrainingImage

BOX = Region("cat", 0.1, 0.1, 0.5, 0.5)


def rows(
    number: int, *tags: str, split: Split = "train", regions: tuple[Region, ...] = (), start: int = 0
) -> list[TrainingImage]:
    """So many images with these tags."""
    names = [f"{'-'.join(tags)}-{split}-{start + place:04d}" for place in range(number)]
    return [TrainingImage(name, f"resized/{name}", tags, regions, name, split) for name in names]


def wanted(number: int, *tags: str) -> list[Wanted]:
    return [Wanted(row.sha256, row.blob, tuple(sorted(tags))) for row in rows(number, *tags)]


@pytest.mark.parametrize(
    ("images", "choice", "kind"),
    [
        pytest.param([*rows(1, "cat"), *rows(1, "dog")], "auto", "multiclass", id="one tag each"),
        pytest.param([*rows(1, "cat"), *rows(1, "cat", "dog")], "auto", "multilabel", id="several tags"),
        pytest.param([*rows(1, "cat"), *rows(1, "cat", "dog", split="test")], "auto", "multilabel", id="several only to test on"),
        pytest.param(rows(2, "cat", regions=(BOX,)), "auto", "detection", id="all with boxes"),
        pytest.param([*rows(2, "cat", regions=(BOX,)), *rows(1, "none")], "auto", "detection", id="all but negatives with boxes"),
        pytest.param([*rows(2, "cat", regions=(BOX,)), *rows(1, "dog")], "auto", "multiclass", id="some with boxes"),
        pytest.param(rows(2, "cat"), "multilabel", "multilabel", id="as chosen"),
    ],
)
def test_the_kind_follows_from_the_images_unless_it_is_chosen(images: list[TrainingImage], choice: str, kind: str) -> None:
    assert desire(images, choice, 1, "none").kind == kind  # type: ignore[arg-type]


def test_only_train_and_validation_rows_are_wanted() -> None:
    images = [row for split in ("train", "validation", "test", "excluded") for row in rows(6, "cat", split=split)]
    assert {image.sha256.split("-")[1] for image in desire(images, "auto", 5).images} == {"train", "validation"}


def test_rare_tags_are_left_out_and_with_them_images_that_have_no_other() -> None:
    images = [*rows(5, "cat"), *rows(5, "dog"), *rows(1, "cat", "yeti"), *rows(1, "yeti")]
    desired = desire(images, "auto", 3)
    assert (desired.tags, dict(desired.rare)) == (("cat", "dog"), {"yeti": 2})
    assert dict(desired.left_out) == {"yeti-train-0000": "too few images have its tags (yeti)"}
    assert [image.tags for image in desired.images if "yeti" in image.sha256] == [("cat",)]


def test_the_services_own_minimum_holds_when_ours_is_lower() -> None:
    assert refusal(desire([*rows(4, "cat"), *rows(5, "dog")], "auto", 2), 2).startswith("2 tags with at least 5 images each")
    boxes = rows(14, "cat", regions=(BOX,))
    assert "cat has 14 of 15" in refusal(desire(boxes, "auto", 2), 2)
    assert refusal(desire([*boxes, *rows(1, "cat", regions=(BOX,), start=14)], "auto", 2), 2) == ""


@pytest.mark.parametrize(
    ("choice", "odd", "reason"),
    [
        ("multiclass", rows(1, "cat", "dog"), "2 tags"),
        ("multilabel", rows(1, "cat", "none"), "negative tag"),
        ("detection", rows(1, "cat", start=100), "no region"),
    ],
)
def test_an_image_that_the_service_would_refuse_is_left_out_with_the_reason(
    choice: str, odd: list[TrainingImage], reason: str
) -> None:
    regions = (BOX, replace(BOX, tag="dog"))
    desired = desire([*rows(20, "cat", regions=regions), *rows(20, "dog", regions=regions), *odd], choice, 5, "none")  # type: ignore[arg-type]
    assert reason in desired.left_out[odd[0].sha256]
    assert len(desired.images) == 40


def test_boxes_are_cut_at_the_edge_of_the_image() -> None:
    beyond = replace(BOX, left=-0.1, top=0.75)
    (image, *_) = desire(rows(15, "cat", regions=(beyond,)), "auto", 5).images
    assert image.regions == (Region("cat", 0.0, 0.75, 0.4, 0.25),)


def in_batches(images: Sequence[Wanted], size: int = 10, most_bytes: int = BATCH_BYTES) -> list[list[str]]:
    made = batches(images, lambda _: b"x" * size, lambda _: None, most_bytes=most_bytes)
    return [[loaded.image.sha256 for loaded in batch] for batch in made]


@pytest.mark.parametrize(
    ("images", "sizes"),
    [
        pytest.param(wanted(64, "cat"), [64], id="64 images"),
        pytest.param(wanted(65, "cat"), [64, 1], id="65 images"),
        pytest.param([image for tag in range(20) for image in wanted(2, f"t{tag:02d}")], [40], id="20 tags"),
        pytest.param([image for tag in range(21) for image in wanted(2, f"t{tag:02d}")], [40, 2], id="21 tags"),
        pytest.param([], [], id="none"),
    ],
)
def test_a_batch_holds_64_images_and_20_tags(images: list[Wanted], sizes: list[int]) -> None:
    assert [len(batch) for batch in in_batches(images)] == sizes


def test_a_batch_holds_so_many_bytes_and_a_larger_image_goes_alone() -> None:
    assert [len(batch) for batch in in_batches(wanted(5, "cat"), size=10, most_bytes=20)] == [2, 2, 1]
    assert [len(batch) for batch in in_batches(wanted(2, "cat"), size=30, most_bytes=20)] == [1, 1]


def test_mixed_tags_need_no_more_batches_than_sorted_ones() -> None:
    mixed = [wanted(25, f"t{tag:02d}")[place] for place in range(25) for tag in range(40)]
    assert len(in_batches(mixed)) == 16


def test_an_image_whose_bytes_are_gone_is_told_and_disturbs_no_other() -> None:
    gone: list[str] = []

    def read(blob: str) -> bytes:
        if blob.endswith("0001"):
            raise BlobNotFoundError(blob)
        return b"x"

    (batch,) = batches(wanted(3, "cat"), read, lambda image: gone.append(image.sha256))
    assert (len(batch), gone) == (2, ["cat-train-0001"])


def test_changed_tags_are_added_64_at_once_and_removed_together_when_they_are_the_same() -> None:
    now = {f"image {place}": {"cat"} for place in range(100)}
    asked = {key: {"dog"} for key in now}
    assert [len(pairs) for pairs in tags_to_add(now, asked)] == [64, 36]
    assert [(len(keys), tags) for keys, tags in tags_to_remove(now, asked)] == [(64, ["cat"]), (36, ["cat"])]


def test_more_than_20_tags_are_changed_in_several_steps() -> None:
    tags = {f"t{place:02d}" for place in range(25)}
    assert [len(tags) for _, tags in tags_to_remove({"a": tags}, {"a": set()})] == [20, 5]
    assert [len(pairs) for pairs in tags_to_add({"a": set()}, {"a": tags})] == [20, 5]


def test_regions_are_the_same_within_single_precision_and_in_any_order() -> None:
    other = replace(BOX, tag="dog")
    assert same_regions([BOX, other], [other, replace(BOX, left=BOX.left + 1e-6)])
    assert not same_regions([BOX], [replace(BOX, left=0.2)])
    assert not same_regions([BOX], [BOX, BOX])
    assert region_changes([RemoteRegion("r1", BOX), RemoteRegion("r2", other)], [BOX, BOX]) == (["r2"], [BOX])
