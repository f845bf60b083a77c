"""Step `resized_images`: every landed image within its limits, or quarantined with the reason.

Belongs here: what is carried over from last time, what is read again, what is stored where. Does not: pixels (`engine`).

A row is carried over while its path keeps etag and size. Bytes seen on that day under another name are recognised by sha256 and
not decoded again. Quarantined rows are tried again when the set of decoders changes.
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any

import polars as pl
from typing_extensions import override

from imaging_assets.errors import BlobConflictError, BlobNotFoundError, UnreadableImageError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.images import Blob
from imaging_assets.stages.digests import digest, sha256_of
from imaging_assets.stages.images.contact_sheet import COLUMNS, ROWS, contact_sheet
from imaging_assets.stages.images.duplicates import duplicate_groups
from imaging_assets.stages.images.encode import EncodedImage
from imaging_assets.stages.images.engine import ImageEngine
from imaging_assets.stages.images.recipe import decoders, recipe
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Draft, Manifest, Work
from imaging_assets.stages.tables import RAW_IMAGES, RESIZED_IMAGES

RECIPE = "resized-2"
"""Raised when this step's output changes for another reason than `recipe` tells."""

Row = dict[str, Any]

_HARDEST = 10
_NOT_OF_BYTES = ("path", "size", "etag", "duplicate_group", "recipe", "decoders", "source")
_OF_BYTES = tuple(name for name in RESIZED_IMAGES.columns if name not in _NOT_OF_BYTES)
"""Columns that are the same for every copy of an image."""


@dataclass(frozen=True, slots=True)
class ResizeReport:
    """What became of a day's images; sizes in bytes.

    Attributes:
        images: Landed blobs; `passed + rewritten + resized + quarantined`.
        duplicates: Images that repeat another of the day, exactly or nearly.
        read: Images whose bytes were read now; the rest was carried over.
        sheet: WebP contact sheet.
        reasons: Quarantined images by reason.
        problems: Images by what may be wrong with them.
        hardest: The images that gave up most, worst first: path, bytes and pixels (`w x h`) before, bytes and pixels after.
    """

    images: int
    passed: int
    rewritten: int
    resized: int
    quarantined: int
    duplicates: int
    read: int
    bytes_read: int
    bytes_in: int
    bytes_out: int
    sheet: bytes
    reasons: Mapping[str, int]
    problems: Mapping[str, int]
    hardest: Sequence[tuple[str, int, str, int, str]]


def resized_inputs(pipeline: Pipeline, raw: Manifest) -> str:
    """Digest of what the step would read now."""
    return digest(RECIPE, recipe(pipeline.resize), decoders(pipeline.resize), pipeline.resize.near_duplicate_bits, raw.rows)


def resize_day(pipeline: Pipeline, raw: Manifest) -> tuple[Draft, ResizeReport]:
    """Bring a day's resized images up to date with its inventory."""
    work = pipeline.manifests.begin(RESIZED_IMAGES, raw.key, resized_inputs(pipeline, raw))
    before, notes = work.previous_with_notes()
    if work.done:
        return work.done, _report(before, notes, read=0, bytes_read=0)
    landed = pipeline.manifests.read(raw, RAW_IMAGES)
    carried, todo = carry_over(pipeline, landed, before, work)
    seen = _Seen(recipe(pipeline.resize), before, carried)
    fresh = list(_resize_in_batches(pipeline, todo, seen, work))
    rows = RESIZED_IMAGES.frame(pl.concat([carried, *fresh]))
    groups = duplicate_groups(rows, pipeline.resize.near_duplicate_bits)
    rows = rows.with_columns(groups)
    sheet = base64.b64encode(_sheet(pipeline, rows)).decode()
    draft = work.draft(rows, {"contact_sheet": sheet})
    bytes_read = sum(int(batch["size"].sum()) for batch in fresh)
    return draft, _report(rows, draft.notes, read=todo.height, bytes_read=bytes_read)


def carry_over(pipeline: Pipeline, landed: pl.DataFrame, before: pl.DataFrame, work: Work) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Finished rows that still hold, and inventory rows whose image must be read."""
    finished = pl.concat([before, work.journal.read(RESIZED_IMAGES)]).unique("path", keep="last")
    holds = (pl.col("recipe") == recipe(pipeline.resize)) & (
        (pl.col("status") != "quarantined") | (pl.col("decoders") == decoders(pipeline.resize))
    )
    same = ["path", "etag", "size"]
    carried = landed.select(*same, "source").join(finished.filter(holds).drop("source"), on=same, how="inner")
    carried = RESIZED_IMAGES.frame(carried)
    return carried, RAW_IMAGES.frame(landed.join(carried, on="path", how="anti"))


def _resize_in_batches(pipeline: Pipeline, todo: pl.DataFrame, seen: "_Seen", work: Work) -> Iterator[pl.DataFrame]:
    """Each batch as a table: of a large day, rows of Python would take ten times the memory."""
    with ImageEngine(pipeline.resize) as engine:
        for start in range(0, todo.height, pipeline.resize.batch):
            # Each batch is awaited: work begun on the next would be lost in a crash too.
            part = todo[start : start + pipeline.resize.batch].iter_rows(named=True)
            batch = RESIZED_IMAGES.frame([*pipeline.executor.map(partial(_resize_one, pipeline, engine, seen), part)])
            yield batch
            seen.remember(batch)
            if start + batch.height < todo.height:  # a last batch goes straight into the manifest
                work.journal.append(RESIZED_IMAGES, batch)


class _Seen:
    """What became of bytes, by sha256: whoever meets them first finds out, the others wait for it.

    Other processes begin with nothing: a copy costs them a decode more, and its row is the same.
    """

    def __init__(self, recipe_now: str, *tables: pl.DataFrame) -> None:
        self._recipe = recipe_now
        self._tables: list[pl.DataFrame] = []
        self._places: dict[int, tuple[int, int]] = {}
        self._found: dict[str, Future[Row]] = {}
        self._lock = Lock()
        for table in tables:
            self.remember(table)

    @override
    def __reduce__(self) -> tuple[type["_Seen"], tuple[str]]:
        return _Seen, (self._recipe,)

    def remember(self, rows: pl.DataFrame) -> None:
        """Keep the table, and the places of what is of use in it."""
        usable = rows.select((pl.col("status") != "quarantined") & (pl.col("recipe") == self._recipe)).to_series().arg_true()
        digests = rows["sha256"].gather(usable)
        self._places |= {_short(sha256): (len(self._tables), place) for place, sha256 in zip(usable, digests, strict=True)}
        self._tables.append(rows.select(_OF_BYTES))
        self._found = {}

    def find(self, sha256: str, find_out: Callable[[], Row]) -> Row:
        if place := self._places.get(_short(sha256)):
            row = self._tables[place[0]].row(place[1], named=True)
            if row["sha256"] == sha256:
                return row
        with self._lock:
            first = sha256 not in self._found
            found = self._found.setdefault(sha256, Future())
        if first:
            try:
                found.set_result(find_out())
            except BaseException as error:
                found.set_exception(error)
                raise
        return found.result()


def _short(sha256: str) -> int:
    """The first 60 bits: a million texts would take a hundred megabytes."""
    return int(sha256[:15], 16)


def _resize_one(pipeline: Pipeline, engine: ImageEngine, seen: _Seen, landed: Row) -> Row:
    """The row of one landed image; its resized bytes and thumbnail are stored."""
    row: Row = dict.fromkeys(RESIZED_IMAGES.columns) | {
        "path": landed["path"],
        "size": landed["size"],
        "etag": landed["etag"],
        "source": landed["source"],
        "problems": [],
        "recipe": recipe(pipeline.resize),
        "decoders": decoders(pipeline.resize),
    }
    try:
        blob = pipeline.store.read(landed["path"])
    except BlobNotFoundError:
        return row | {"sha256": "", "status": "quarantined", "reason": "gone while reading", "etag": ""}
    # If the blob was replaced since the listing, the etag of what was read makes the next run look again.
    sha256 = sha256_of(blob.data)
    row |= {"etag": blob.etag, "size": len(blob.data), "sha256": sha256}
    return row | seen.find(sha256, partial(_resize_bytes, pipeline, engine, landed["path"], blob, sha256))


def _resize_bytes(pipeline: Pipeline, engine: ImageEngine, path: str, blob: Blob, sha256: str) -> Row:
    """Columns that depend on the bytes alone; they are the same for every copy."""
    try:
        encoded = engine.encode(blob.data)
    except UnreadableImageError as error:
        return {"status": "quarantined", "reason": error.reason, "detail": error.detail}
    return _store(pipeline, path, blob.etag, sha256, encoded)


def _store(pipeline: Pipeline, path: str, etag: str, sha256: str, image: EncodedImage) -> Row:
    name = f"{sha256[:2]}/{sha256}-{recipe(pipeline.resize)}"
    resized = f"{pipeline.places.resized}/{name}.{image.extension}"
    thumbnail = f"{pipeline.places.thumbnails}/{name}.jpg"
    if image.status != "passed" or not _copied(pipeline.store, path, resized, etag):
        pipeline.store.write(resized, image.data)
    pipeline.store.write(thumbnail, image.looks.thumbnail)
    return {
        "status": image.status,
        "format": image.format,
        "width": image.width,
        "height": image.height,
        "orientation": image.orientation,
        "captured_at": image.captured_at,
        "phash": image.looks.phash,
        "sharpness": round(image.looks.sharpness, 1),
        "brightness": round(image.looks.brightness, 1),
        "entropy": round(image.looks.entropy, 2),
        "problems": list(image.problems),
        "resized": resized,
        "resized_size": len(image.data),
        "resized_width": image.resized_width,
        "resized_height": image.resized_height,
        "thumbnail": thumbnail,
    }


def _copied(store: BlobStore, source: str, target: str, etag: str) -> bool:
    """Copy inside the store; False when the source is no longer what was read."""
    try:
        store.copy(source, target, if_match=etag)
    except (BlobConflictError, BlobNotFoundError):
        return False
    return True


def _sheet(pipeline: Pipeline, rows: pl.DataFrame) -> bytes:
    shown = rows.filter(pl.col("thumbnail").is_not_null()).unique("sha256", maintain_order=True)["thumbnail"]
    thumbnails = []
    for path in shown.gather_every(max(1, len(shown) // (COLUMNS * ROWS))).head(COLUMNS * ROWS):
        with suppress(BlobNotFoundError):  # a lost thumbnail is no reason to fail the day
            thumbnails.append(pipeline.store.read(path).data)
    return contact_sheet(thumbnails)


def _report(rows: pl.DataFrame, notes: Mapping[str, str], *, read: int, bytes_read: int) -> ResizeReport:
    status = dict(rows.group_by("status").len().iter_rows())
    grouped = rows.filter(pl.col("duplicate_group") != "")
    quarantined = rows.filter(pl.col("status") == "quarantined")
    return ResizeReport(
        images=rows.height,
        passed=status.get("passed", 0),
        rewritten=status.get("rewritten", 0),
        resized=status.get("resized", 0),
        quarantined=quarantined.height,
        duplicates=grouped.height - grouped["duplicate_group"].n_unique(),
        read=read,
        bytes_read=bytes_read,
        bytes_in=int(rows["size"].sum()),
        bytes_out=int(rows["resized_size"].sum()),
        sheet=base64.b64decode(notes.get("contact_sheet", "")),
        reasons=dict(quarantined.group_by("reason").len().sort("reason").iter_rows()),
        problems=dict(rows.explode("problems").drop_nulls("problems").group_by("problems").len().sort("problems").iter_rows()),
        hardest=_hardest(rows),
    )


def _hardest(rows: pl.DataFrame) -> list[tuple[str, int, str, int, str]]:
    """By the share of pixels left, then of bytes; that a bitmap becomes a JPEG of equal size is nothing given up."""
    pixels = (pl.col("resized_width") * pl.col("resized_height")) / (pl.col("width") * pl.col("height"))
    squeezed = rows.filter((pl.col("status") == "resized") & ((pixels < 1) | (pl.col("format") == "JPEG")))
    shown = squeezed.sort(pixels, pl.col("resized_size") / pl.col("size"), "path").head(_HARDEST)
    return shown.select(
        "path",
        "size",
        pl.format("{} x {}", "width", "height").alias("before"),
        "resized_size",
        pl.format("{} x {}", "resized_width", "resized_height").alias("after"),
    ).rows()
