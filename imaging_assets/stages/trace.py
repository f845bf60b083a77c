"""One image's whole story, read from the manifests.

Belongs here: finding an image by what a person has at hand, and gathering what every step says about it. Does not: printing (`cli`, `web`).
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from imaging_assets.errors import ImageNotFoundError
from imaging_assets.stages.images.landing import whole_path
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.search import document_id
from imaging_assets.stages.state import ALL, Manifest
from imaging_assets.stages.tables import (
    LABEL_RECORDS,
    PREDICTIONS,
    RESIZED_IMAGES,
    TAGGED_MANIFESTS,
    TRAINING_SETS,
    Table,
    label_suspects,
)

Row = dict[str, Any]

_SHORTEST_DIGEST = 8
_SHOWN = 5
_NEVER_READ = "never read"
"""In place of a digest that no step knows; equal to none."""


@dataclass(frozen=True, slots=True)
class FoundImage:
    """A landed image: its day, landing path and row of `resized_images`."""

    day: str
    path: str
    row: Row


@dataclass(frozen=True, slots=True)
class Story:
    """What every step says about one image; a part is None where the step has nothing to say (yet).

    Attributes:
        image: Where it landed and what became of it.
        twins: Landing paths of the same bytes elsewhere.
        tagged: Its row of `tagged_manifests`.
        statements: Rows of `label_records` about these bytes, newest first.
        training: Its row of the newest training set.
        suspect: What a second opinion says of its label, when it doubts it.
        predictions: Its rows of `predictions`, most probable first.
        iteration: The ledger's entry on the model that predicted.
        document: Its document in the index.
    """

    image: FoundImage
    twins: tuple[str, ...]
    tagged: Row | None
    statements: tuple[Row, ...]
    training: Row | None
    suspect: Row | None
    predictions: tuple[Row, ...]
    iteration: Row | None
    document: Row | None


def find_image(pipeline: Pipeline, name: str) -> FoundImage:
    """The one image that a path, a unique end of a path, or at least 8 digits of a sha256 names.

    Raises:
        ImageNotFoundError: None does, or several do.
    """
    found = list(_matching(pipeline, name))
    if not found:
        raise ImageNotFoundError(
            f"No image is called {name!r}. Give a path, its end, or the first 8 digits of its sha256; list with `search`."
        )
    whole = (_composed(name), whole_path(pipeline, _composed(name)))
    exact = [image for image in found if _composed(image.path) in whole]
    if len(exact or found) > 1 and len({image.row["sha256"] or image.path for image in found}) > 1:
        told = ", ".join(image.path for image in found[:_SHOWN])
        raise ImageNotFoundError(f"{len(found)} images are called {name!r}: {told} … Give more of the path.")
    return (exact or found)[0]


def tell(pipeline: Pipeline, name: str) -> Story:
    """The story of the image of that name; raises as `find_image`."""
    image = find_image(pipeline, name)
    sha256 = image.row["sha256"] or _NEVER_READ
    alike = (other for other in _matching(pipeline, sha256) if other.row["sha256"] == sha256)
    twins = tuple(other.path for other in alike if other.path != image.path)
    statements = _rows(pipeline, LABEL_RECORDS, ALL, pl.col("sha256") == sha256)
    newest_set = max(pipeline.manifests.newest(TRAINING_SETS.asset), default="")
    training = _rows(pipeline, TRAINING_SETS, newest_set, pl.col("sha256") == sha256)
    predictions = _rows(pipeline, PREDICTIONS, image.day, pl.col("sha256") == sha256)
    ledger = Registry(pipeline.store, pipeline.places.models).ledger()
    judged = [
        entry
        for entry in ledger
        if entry["event"] == "judged" and predictions and entry["model_id"] == predictions[0]["model_id"]
    ]
    document = pipeline.index.get(document_id(image.path))
    return Story(
        image=image,
        twins=twins,
        tagged=next(iter(_rows(pipeline, TAGGED_MANIFESTS, image.day, pl.col("path") == image.path)), None),
        statements=tuple(sorted(statements, key=lambda row: (row["stated_at"], row["line"]), reverse=True)),
        training=next(iter(training), None),
        suspect=_suspect(pipeline, sha256),
        predictions=tuple(sorted(predictions, key=lambda row: int(row["rank"]))),
        iteration=next(iter(judged), None),
        document=dict(document) if document else None,
    )


def _matching(pipeline: Pipeline, name: str) -> Iterator[FoundImage]:
    """Images by path, end of path, or start of digest, newest day first."""
    by_digest = len(name) >= _SHORTEST_DIGEST and all(character in "0123456789abcdef" for character in name.lower())
    path = pl.col("path").str.normalize("NFC")
    wanted = (path == _composed(name)) | path.str.ends_with(f"/{_composed(name).lstrip('/')}")
    if by_digest:
        wanted |= pl.col("sha256").str.starts_with(name.lower())
    for day, manifest in sorted(pipeline.manifests.newest(RESIZED_IMAGES.asset).items(), reverse=True):
        for row in _read(pipeline, manifest, RESIZED_IMAGES).filter(wanted).iter_rows(named=True):
            yield FoundImage(day, row["path"], row)


def _suspect(pipeline: Pipeline, sha256: str) -> Row | None:
    rows = _rows(pipeline, label_suspects(pipeline.embedder.dimensions), ALL, (pl.col("sha256") == sha256) & pl.col("suspect"))
    return {name: rows[0][name] for name in ("tags", "looks_like", "lead")} if rows else None


def _composed(path: str) -> str:
    """Stores keep the Unicode form a path came in; people type another."""
    return unicodedata.normalize("NFC", path)


def _rows(pipeline: Pipeline, table: Table, key: str, wanted: pl.Expr) -> list[Row]:
    manifest = pipeline.manifests.look_up(table.asset, key) if key else None
    return _read(pipeline, manifest, table).filter(wanted).to_dicts() if manifest else []


def _read(pipeline: Pipeline, manifest: Manifest, table: Table) -> pl.DataFrame:
    return pipeline.manifests.read(manifest, table)
