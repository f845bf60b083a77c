"""Days with labels, predictions and vectors as one likes, and the queue over them.

Belongs here: making such days, running the step. Does not: expectations.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imaging_assets.stages.day_sources import DaySources
from imaging_assets.stages.digests import digest
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.review.queues import ReviewReport, queue_day
from imaging_assets.stages.tables import PREDICTIONS, RESIZED_IMAGES, image_vectors
from imaging_assets_tests.builders import DAY
from imaging_assets_tests.stages.manifests.days import a_day, follow_labels, rows, sha, tag, write_labels

Answers = Mapping[str, Mapping[str, float]]
"""Probabilities by tag, most probable first, by content; none for an image that could not be answered."""


def a_predicted_day(
    pipeline: Pipeline, home: Path, answers: Answers, labels: Mapping[str, str] | None = None, day: str = DAY
) -> None:
    """A day of images of these contents, some labelled, which the published model `m1` answered so about."""
    a_day(pipeline, {f"{content}.jpg": content for content in answers}, day)
    write_labels(home, f"{day}.csv", "".join(f"{content}.jpg,{tags}\n" for content, tags in (labels or {}).items()))
    follow_labels(pipeline)
    tag(pipeline, day)
    if Registry(pipeline.store).published() is None:
        Registry(pipeline.store).publish("m1", "a test")
    found = [row for content, tags in answers.items() for row in _answer(content, tags)]
    work = pipeline.manifests.begin(PREDICTIONS, day, digest(found))
    pipeline.manifests.commit(work.draft(found))
    _some_vectors(pipeline, day)


def sources_of(pipeline: Pipeline, day: str = DAY) -> DaySources:
    """What stands."""
    find = pipeline.manifests.find
    return DaySources(
        resized=find("resized_images", day),
        insights={"image_vectors": find("image_vectors", day)},
        tagged=find("tagged_manifests", day),
        predictions=find("predictions", day),
    )


def queue(pipeline: Pipeline, day: str = DAY) -> ReviewReport:
    """Run `review_queues`."""
    draft, report = queue_day(pipeline, sources_of(pipeline, day))
    pipeline.manifests.commit(draft)
    return report


def _answer(content: str, tags: Mapping[str, float]) -> Sequence[dict[str, Any]]:
    row = {"sha256": sha(content), "rank": 0, "tag": "", "probability": 0.0, "box": None, "model_id": "m1", "error": ""}
    if not tags:
        return [row | {"error": "broken"}]
    return [row | {"rank": rank, "tag": tag, "probability": tags[tag]} for rank, tag in enumerate(tags)]


def _some_vectors(pipeline: Pipeline, day: str) -> None:
    """A vector for each image, in one of many directions, by its bytes alone."""
    table = image_vectors(pipeline.embedder.dimensions)
    found = []
    for sha256 in sorted({row["sha256"] for row in rows(pipeline, RESIZED_IMAGES, day)}):
        vector = [0.0] * pipeline.embedder.dimensions
        vector[int(sha256[:8], 16) % len(vector)] = 1.0
        found.append({"sha256": sha256, "embedding_id": "test", "vector": vector})
    work = pipeline.manifests.begin(table, day, digest(found))
    pipeline.manifests.commit(work.draft(found))
