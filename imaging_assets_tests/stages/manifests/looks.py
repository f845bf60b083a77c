"""Days of images that look like the first word of their content, and the second opinion about their labels.

Belongs here: making such days, running the step. Does not: expectations.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from imaging_assets.stages.digests import digest
from imaging_assets.stages.manifests.suspects import SuspectReport, suspect_labels
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft
from imaging_assets.stages.tables import RESIZED_IMAGES, TRAINING_SETS, image_vectors
from imaging_assets_tests.builders import DAY
from imaging_assets_tests.stages.manifests.days import a_day, label_and_gather, rows, write_labels


def looked_at_day(pipeline: Pipeline, home: Path, labels: Mapping[str, str], day: str = DAY) -> None:
    """A day of images of these contents, labelled so; what an image looks like is its content's first word."""
    a_day(pipeline, {f"{content}.jpg": content for content in labels}, day)
    vectors(pipeline, day)
    write_labels(home, f"{day}.csv", "".join(f"{content}.jpg,{tags}\n" for content, tags in labels.items()))
    label_and_gather(pipeline, day)


def vectors(pipeline: Pipeline, day: str = DAY) -> None:
    """Vectors of what the images look like."""
    table = image_vectors(pipeline.embedder.dimensions)
    found = [
        {"sha256": row["sha256"], "embedding_id": pipeline.embedder.embedding_id, "vector": _look(pipeline, row["path"])}
        for row in rows(pipeline, RESIZED_IMAGES, day)
    ]
    pipeline.manifests.commit(pipeline.manifests.begin(table, day, digest(found)).draft(found))


def _look(pipeline: Pipeline, path: str) -> list[float]:
    kind, _, number = path.rpartition("/")[2].removesuffix(".jpg").partition(" ")
    direction = np.zeros(pipeline.embedder.dimensions)
    direction[sum(map(ord, kind)) % 50] = 1
    direction[60 + int(number or 0) % 60] = 0.3
    return [float(value) for value in direction / np.linalg.norm(direction)]


def suspects(pipeline: Pipeline, day: str = DAY) -> SuspectReport:
    """Run the step over the training set that stands."""
    manifest = pipeline.manifests.find(TRAINING_SETS.asset, day)
    return suspect_labels(pipeline, Draft(TRAINING_SETS, day, manifest.inputs, manifest.rows, None))


def a_suspected_day(pipeline: Pipeline, home: Path, labels: Mapping[str, str], day: str = DAY) -> None:
    """As `looked_at_day`, with the step."""
    looked_at_day(pipeline, home, labels, day)
    suspects(pipeline, day)


def cats_and_dogs(wrong: int) -> dict[str, str]:
    """Ten cats and ten dogs, so many of the cats labelled as dogs."""
    return {f"cat {n}": "dog" if n < wrong else "cat" for n in range(10)} | {f"dog {n}": "dog" for n in range(10)}
