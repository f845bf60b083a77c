"""What a tag has and needs, before anything is spent."""

from typing import Any

import polars as pl
import pytest

from imaging_assets.stages.manifests.readiness import Readiness, TagReadiness, judge_readiness
from imaging_assets.stages.tables import TRAINING_SETS

BOX = {"tag": "cat", "left": 0.1, "top": 0.1, "width": 0.5, "height": 0.5}


def images(tag: str, train: int = 0, test: int = 0, **facts: Any) -> list[dict[str, Any]]:
    """So many images of a tag, each alone in its group unless told otherwise."""
    rows = []
    for number in range(train + test):
        row: dict[str, Any] = dict.fromkeys(TRAINING_SETS.columns)
        digest = f"{tag} {number}"
        row |= {"sha256": digest, "tags": [tag], "regions": [], "group": digest, "split": "train" if number < train else "test"}
        rows.append(row | facts)
    return rows


def judged(*rows: list[dict[str, Any]], least: int = 5) -> Readiness:
    return judge_readiness(TRAINING_SETS.frame([row for part in rows for row in part]), least)


def test_a_set_with_enough_of_two_tags_is_ready() -> None:
    found = judged(images("cat", 8, 2), images("dog", 5, 1))
    assert found.ready
    assert found.problems == {}
    assert (found.kind, found.ratio) == ("classification", 1.6)
    assert found.tags[0] == TagReadiness("cat", have=8, need=5, distinct=8, test=2, problems=())


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (images("dog", 4, 1), "has 4 of 5 images"),
        (images("dog", 8, 0), "no test image"),
        (images("dog", 8, 1, group="burst"), "7 of 8 images repeat another one"),
        (images("dog", 6, 1) + images("cat", 52, 0), "the largest tag has 10 times its images"),
        (images("dog", 2, 0), "has 2 of 5 images; no test image"),
    ],
)
def test_a_problem_is_told_by_tag(rows: list[dict[str, Any]], told: str) -> None:
    found = judged(images("cat", 8, 2), rows)
    assert not found.ready
    assert found.problems == {"dog": told}


def test_validation_images_are_learnt_from_and_excluded_ones_do_not_count() -> None:
    found = judged(images("cat", 6, 1, split="validation"), images("dog", 9, 1, split="excluded"))
    assert [(tag.tag, tag.have, tag.test) for tag in found.tags] == [("cat", 7, 0)]


def test_an_image_with_two_tags_counts_for_both() -> None:
    found = judged(images("cat", 5, 1, tags=["cat", "dog"]))
    assert [(tag.tag, tag.have) for tag in found.tags] == [("cat", 5), ("dog", 5)]
    assert found.ready


def test_tags_of_boxes_need_fifteen_images() -> None:
    found = judged(images("cat", 15, 1, regions=[BOX]), images("dog", 14, 1, regions=[BOX]), images("cow", 15, 1))
    assert found.kind == "detection"
    assert [tag.need for tag in found.tags] == [15, 15, 15]
    assert found.problems == {"dog": "has 14 of 15 images"}
    assert judged(images("cat", 5, 1, regions=[BOX]), images("dog", 6, 1)).kind == "classification"


def test_one_tag_or_none_is_not_ready_though_nothing_is_wrong_with_it() -> None:
    assert not judged(images("cat", 8, 2)).ready
    empty = judge_readiness(pl.DataFrame(schema=dict(TRAINING_SETS.columns)), 5)
    assert (empty.ready, empty.tags, empty.ratio) == (False, (), 1.0)
