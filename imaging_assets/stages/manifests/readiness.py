"""Is a training set worth training on? Told before anything is spent.

Belongs here: what each tag has and needs, imbalance, near-duplicates. Does not: doubting labels (`suspects`), refusing (the trainer).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

NEEDED_DETECTION = 15
"""Images per tag of boxes that Custom Vision asks for at least; for whole images it is 5, the setting's default."""

NEEDED_COLUMNS = ("tags", "group", "split", "regions")
"""What is looked at of a training set."""

MAX_RATIO = 10.0
"""A tag with so many times the images of another draws the model to itself."""

_NEAR_DUPLICATES = 0.5
"""Share of a tag's images that repeat another one, above which it is told."""


@dataclass(frozen=True, slots=True)
class TagReadiness:
    """What a tag has.

    Attributes:
        have: Images to learn from (train and validation).
        need: At least so many.
        distinct: Of `have`, without near-duplicates of another.
        test: Images to judge on.
        problems: What is wrong with it, in words; empty when nothing is.
    """

    tag: str
    have: int
    need: int
    distinct: int
    test: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Readiness:
    """A training set before training; `ratio` is the largest tag's images by the smallest's, 1.0 for fewer than two tags."""

    kind: str
    tags: tuple[TagReadiness, ...]
    ratio: float

    @property
    def ready(self) -> bool:
        """Two tags or more, and nothing wrong with any."""
        return len(self.tags) > 1 and not self.problems

    @property
    def problems(self) -> Mapping[str, str]:
        """By tag."""
        return {tag.tag: "; ".join(tag.problems) for tag in self.tags if tag.problems}


def judge_readiness(training_set: pl.DataFrame, min_images_per_tag: int) -> Readiness:
    """What each tag of a training set has and needs.

    Args:
        training_set: Rows of `training_sets`, of `NEEDED_COLUMNS` at least.
        min_images_per_tag: What a tag needs; 15 at least where images have regions.
    """
    rows = training_set.filter(pl.col("split") != "excluded").select(NEEDED_COLUMNS)
    is_detection = is_detection_set(rows)
    need = max(min_images_per_tag, NEEDED_DETECTION) if is_detection else min_images_per_tag
    learnt = pl.col("split") != "test"
    counts = (
        rows.explode("tags")
        .group_by("tags")
        .agg(
            learnt.sum().alias("have"),
            pl.col("group").filter(learnt).n_unique().alias("distinct"),
            (~learnt).sum().alias("test"),
        )
        .sort("tags")
    )
    most, least = (int(counts["have"].max() or 0), int(counts["have"].min() or 0)) if counts.height > 1 else (1, 1)  # type: ignore[arg-type]
    tags = tuple(
        TagReadiness(tag, have, need, distinct, test, tuple(_problems(have, need, distinct, test, most)))
        for tag, have, distinct, test in counts.iter_rows()
    )
    return Readiness("detection" if is_detection else "classification", tags, most / max(1, least))


def is_detection_set(rows: pl.DataFrame) -> bool:
    """Whether most images have regions: then tags are learnt from boxes, not from whole images."""
    return 2 * rows.filter(pl.col("regions").list.len() > 0).height > rows.height


def _problems(have: int, need: int, distinct: int, test: int, most: int) -> list[str]:
    told = []
    if have < need:
        told.append(f"has {have} of {need} images")
    elif most >= MAX_RATIO * have:
        told.append(f"the largest tag has {most / have:.0f} times its images")
    if have and distinct <= (1 - _NEAR_DUPLICATES) * have:
        told.append(f"{have - distinct} of {have} images repeat another one")
    if not test:
        told.append("no test image")
    return told
