"""Which labels of the newest training set look wrong?

Belongs here: a second opinion on labels, before any training and whatever service trains. Does not: what a published model thinks
(`stages/review`), who confirmed a label (`confirmed`).

Each image is answered by a model that saw neither it nor its near-duplicates: kernel ridge regression over `image_vectors`, solved once
for all, with each group's own share taken out again (leave-group-out in closed form: T. Evgeniou, M. Pontil, T. Poggio, "Regularization
networks and support vector machines", 2000; S. An, W. Liu, S. Venkatesh, "Fast cross-validation algorithms for least squares support
vector machine and kernel ridge regression", Pattern Recognition 40, 2007). A label is suspect when another tag leads by half or more. Only
the newest images are looked at (`training.suspects_among`): their vectors are kept beside the answers, so that old days are not read again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from imaging_assets.stages.digests import digest
from imaging_assets.stages.manifests.confirmed import confirmed, statements_about
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import ALL, Draft, Work
from imaging_assets.stages.tables import LABEL_RECORDS, image_vectors, label_suspects

RECIPE = "suspects-1"
"""Raised when this step's output changes."""

LEAD = 0.5
"""By so much another tag must lead: chosen so that of labels that were made wrong on purpose, hardly a right one is suspected."""

_RIDGE = 0.1
_FEWEST = 5
"""A tag with fewer images cannot be told from the others."""

Array = npt.NDArray[np.float64]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SuspectReport:
    """Suspect labels, most doubted first.

    Attributes:
        looked_at: Images that were answered.
        of: Images of the training set.
        found: Path, label, tag it looks like, lead of that tag (0-1).
    """

    looked_at: int
    of: int
    found: tuple[tuple[str, str, str, float], ...]


def suspect_labels(pipeline: Pipeline, training_set: Draft) -> SuspectReport:
    """Doubt the labels of the newest training set and keep the answers; what did not change is not worked on again."""
    table = label_suspects(pipeline.embedder.dimensions)
    labels = pipeline.manifests.look_up(LABEL_RECORDS.asset, ALL)
    policy = (pipeline.training.suspects_among, pipeline.embedder.embedding_id)
    work = pipeline.manifests.begin(table, ALL, digest(RECIPE, policy, training_set.rows, labels.rows if labels else ""))
    if work.done:
        return _report(*work.previous_with_notes())
    taking_part = pipeline.manifests.rows(training_set, "sha256", "sightings", "tags", "group", "split").filter(
        pl.col("split") != "excluded"
    )
    wanted = _newest(taking_part, pipeline.training.suspects_among)
    images = _with_vectors(pipeline, work, wanted)
    settled = confirmed(statements_about(pipeline, [row["sha256"] for row in images]))
    rows = [row | answer for row, answer in zip(images, _answers(images), strict=True)]
    for row in rows:
        row["suspect"] = row["lead"] >= LEAD and (row["sha256"], tuple(sorted(row["tags"]))) not in settled
    notes = {"of": str(taking_part.height), "day": training_set.key}
    # Without its vector an image is not looked at: asked for again, until the vectors of its day stand.
    draft = work.draft(rows, notes, complete=len(images) == len(wanted))
    pipeline.manifests.commit(draft)
    assert draft.frame is not None
    return _report(draft.frame, notes)


def known_suspects(pipeline: Pipeline, day: str) -> SuspectReport | None:
    """As found when the training set of that day was gathered; None when another is the newest by now, or none was looked at."""
    table = label_suspects(pipeline.embedder.dimensions)
    manifest = pipeline.manifests.look_up(table.asset, ALL)
    if manifest is None:
        return None
    rows, notes = pipeline.manifests.read_with_notes(manifest, table)
    return _report(rows, notes) if notes["day"] == day else None


def leave_group_out(vectors: Array, targets: Array, groups: Sequence[str]) -> Array:
    """What kernel ridge regression answers about each image when neither it nor its group was learnt.

    Args:
        vectors: float64 [images, n], of length 1.
        targets: float64 [images, tags], 0 or 1.
        groups: Of each image.

    Returns:
        float64 [images, tags], 0-1.
    """
    squares = 2 - 2 * vectors @ vectors.T
    width = float(np.median(squares)) or 1.0
    kernel = np.exp(-2 * squares / width)
    inverse = np.linalg.inv(kernel + _RIDGE * np.eye(len(vectors)))
    weights = inverse @ targets
    answers = np.empty_like(targets)
    _, group_of = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(group_of, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(group_of[order])) + 1):
        own = np.linalg.solve(inverse[np.ix_(members, members)], weights[members])
        answers[members] = targets[members] - own
    return answers.clip(0, 1)


def _newest(rows: pl.DataFrame, count: int) -> list[Row]:
    """The images seen last, so many at most, with the day and path of their last sighting, in digest order."""
    last = pl.col("sightings").list.last()
    seen = rows.select("sha256", "tags", "group", last.struct.field("day"), last.struct.field("path"))
    return seen.sort(["day", "sha256"], descending=[True, False]).head(count).sort("sha256").to_dicts()


def _with_vectors(pipeline: Pipeline, work: Work, images: list[Row]) -> list[Row]:
    """Those that have a vector, remembered or read from their day."""
    embedding = pipeline.embedder.embedding_id
    wanted = [row["sha256"] for row in images]
    ours = pl.col("sha256").is_in(wanted) & (pl.col("embedding_id") == embedding)
    before = work.previous_that_fits()
    known = set(before.filter(ours)["sha256"])
    days = {row["day"] for row in images if row["sha256"] not in known}
    table = image_vectors(pipeline.embedder.dimensions)
    manifests = pipeline.manifests.newest(table.asset) if days else {}
    read = [pipeline.manifests.read(manifests[day], table) for day in sorted(days & manifests.keys())]
    found = pl.concat([frame.filter(ours).select("sha256", "vector") for frame in (before, *read)])
    vectors = dict(zip(found["sha256"], found["vector"].to_numpy(), strict=True))
    return [row | {"vector": vectors[row["sha256"]], "embedding_id": embedding} for row in images if row["sha256"] in vectors]


def _answers(images: Sequence[Row]) -> list[Row]:
    """`looks_like`, `lead` and `probability` of each image; nothing where nothing can be said."""
    tags = sorted({tag for row in images for tag in row["tags"]})
    answers: list[Row] = [{"looks_like": [], "lead": 0.0, "probability": 0.0} for _ in images]
    targets = np.array([[tag in row["tags"] for tag in tags] for row in images], dtype=np.float64).reshape(len(images), len(tags))
    enough = targets.sum(axis=0) >= _FEWEST
    seen = [place for place, row in enumerate(images) if row["vector"].any()]
    if enough.sum() < 2 or not seen:
        return answers
    vectors = np.stack([images[place]["vector"] for place in seen]).astype(np.float64)
    found = leave_group_out(vectors, targets[seen], [images[place]["group"] for place in seen])
    several = bool((targets.sum(axis=1) > 1).any())
    for place, answer in zip(seen, found, strict=True):
        if enough[targets[place] > 0].all():
            label = targets[place] > 0
            like, lead = _second_opinion(label, np.where(enough, answer, 0.0), several=several)
            answers[place] = {
                "looks_like": [tag for tag, is_like in zip(tags, like, strict=True) if is_like],
                "lead": round(lead, 3),  # sums differ in the last bits between machines
                "probability": round(float(answer[like].min(initial=1.0)), 3),
            }
    return answers


def _second_opinion(label: npt.NDArray[np.bool_], answer: Array, *, several: bool) -> tuple[npt.NDArray[np.bool_], float]:
    """Which tags an image seems to have, and how far that leads over its label.

    Where images have several tags, it is the label but for the tag that is contradicted most.
    """
    most = int((np.abs(label - answer) if several else answer).argmax())
    one = np.arange(len(label)) == most
    if several:
        return label ^ one, max(0.0, 2 * abs(float(label[most]) - float(answer[most])) - 1)
    return one, float(answer[most] - answer[label].max())


def _report(rows: pl.DataFrame, notes: Mapping[str, str]) -> SuspectReport:
    suspects = rows.filter(pl.col("suspect")).sort(["lead", "sha256"], descending=[True, False])
    found = (
        (row["path"], ", ".join(row["tags"]), ", ".join(row["looks_like"]), row["lead"]) for row in suspects.iter_rows(named=True)
    )
    return SuspectReport(rows.height, int(notes["of"]), tuple(found))
