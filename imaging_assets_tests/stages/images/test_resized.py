"""A day's images within their limits: bytes are read once, equal bytes decoded once, whatever cannot be used says why.

Belongs here: what is read, carried over, shared, quarantined. Does not: pixels (`test_encode.py`), crashes (`../test_state.py`).
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image
from typing_extensions import override

from imaging_assets.errors import StoreUnavailableError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.images import Blob
from imaging_assets.stages.digests import sha256_of
from imaging_assets.stages.images.raw import take_inventory
from imaging_assets.stages.images.recipe import decoders, recipe
from imaging_assets.stages.images.resized import ResizeReport, resize_day
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RESIZED_IMAGES
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land
from imaging_assets_tests.doubles import CountingBlobStore, over
from imaging_assets_tests.stages.images.pictures import PICTURES

FOLDER = f"landing/{DAY.replace('-', '/')}"

Row = dict[str, Any]


def small(seed: int) -> bytes:
    return a_picture(seed, (64, 48))


def a_day(home: Path, pictures: Mapping[str, bytes], **settings: Any) -> Pipeline:
    """A day that was resized once."""
    pipeline = a_pipeline(home, **settings)
    land(pipeline, pictures)
    update(pipeline)
    return pipeline


def inventory(pipeline: Pipeline) -> None:
    pipeline.manifests.commit(take_inventory(pipeline, DAY)[0])


def resize(pipeline: Pipeline) -> ResizeReport:
    draft, report = resize_day(pipeline, pipeline.manifests.find("raw_images", DAY))
    pipeline.manifests.commit(draft)
    return report


def update(pipeline: Pipeline) -> ResizeReport:
    inventory(pipeline)
    return resize(pipeline)


def counted(pipeline: Pipeline) -> tuple[ResizeReport, CountingBlobStore]:
    counting = CountingBlobStore(pipeline.store)
    return update(over(pipeline, counting)), counting


def rows(pipeline: Pipeline) -> dict[str, Row]:
    frame = pipeline.manifests.read(pipeline.manifests.find("resized_images", DAY), RESIZED_IMAGES)
    return {row["path"].removeprefix(f"{FOLDER}/"): row for row in frame.iter_rows(named=True)}


def landing(pipeline: Pipeline) -> dict[str, tuple[str, str]]:
    """Path to etag and sha256: what must never change."""
    store = pipeline.store
    return {
        blob.path: (blob.etag, hashlib.sha256(store.read(blob.path).data).hexdigest()) for blob in store.list_blobs("landing/")
    }


# --- what becomes of a day


def test_output_is_input_less_what_is_quarantined(tmp_path: Path) -> None:
    pictures = {
        "a.jpg": small(1),
        "b.webp": a_picture(2, kind="WEBP"),
        "c.jpg": b"text",
        "d.jpg": b"",
        "e.png": a_picture(3, kind="PNG"),
    }
    pipeline = a_pipeline(tmp_path)
    land(pipeline, pictures)

    report = update(pipeline)

    found = rows(pipeline)
    assert {name: row["status"] for name, row in found.items()} == {
        "a.jpg": "passed",
        "b.webp": "resized",
        "c.jpg": "quarantined",
        "d.jpg": "quarantined",
        "e.png": "passed",
    }
    assert (report.images, report.passed, report.resized, report.rewritten, report.quarantined) == (5, 2, 1, 0, 2)
    assert report.reasons == {"empty file": 1, "unsupported format": 1}
    assert (report.read, report.bytes_read) == (5, sum(map(len, pictures.values())))
    assert report.bytes_in == report.bytes_read
    assert report.bytes_out == sum(row["resized_size"] or 0 for row in found.values())


def test_what_a_row_names_is_there_and_is_what_it_says(tmp_path: Path) -> None:
    pictures = {"a.jpg": small(1), "b.webp": a_picture(2, (500, 300), kind="WEBP")}
    pipeline = a_day(tmp_path, pictures)

    for name, row in rows(pipeline).items():
        made = pipeline.store.read(row["resized"]).data
        assert len(made) == row["resized_size"]
        assert Image.open(io.BytesIO(made)).size == (row["resized_width"], row["resized_height"])
        assert Image.open(io.BytesIO(pipeline.store.read(row["thumbnail"]).data)).width == min(256, row["width"])
        assert row["sha256"] == sha256_of(pictures[name])
        assert row["resized"].startswith(f"resized/{row['sha256'][:2]}/{row['sha256']}-")
        assert row["size"] == len(pictures[name])
    assert pipeline.store.read(rows(pipeline)["a.jpg"]["resized"]).data == pictures["a.jpg"]


BROKEN: dict[str, bytes | Image.Image] = {
    "truncated": a_picture()[:3000],
    "empty file": b"",
    "unsupported format": b"a text that someone named .jpg",
    "damaged": a_picture()[:3] + bytes(50),
    "too many pixels": Image.new("1", (400, 300)),
}


def bytes_of(value: bytes | Image.Image) -> bytes:
    if isinstance(value, bytes):
        return value
    buffer = io.BytesIO()
    value.save(buffer, "PNG")
    return buffer.getvalue()


def test_each_kind_of_damage_is_quarantined_with_its_reason_and_costs_no_other_image(tmp_path: Path) -> None:
    pictures = {f"{reason}.jpg": bytes_of(value) for reason, value in BROKEN.items()}

    pipeline = a_day(tmp_path, pictures | {"good.jpg": small(1)}, resize={"max_pixels": 100_000})

    found = rows(pipeline)
    assert found.pop("good.jpg")["status"] == "passed"
    for name, row in found.items():
        assert (row["status"], row["reason"]) == ("quarantined", name.removesuffix(".jpg"))
        assert row["sha256"] == sha256_of(pictures[name])
        assert (row["resized"], row["thumbnail"], row["phash"], row["width"]) == (None, None, None, None)


def test_a_row_tells_how_the_image_lay_and_how_it_looks(tmp_path: Path) -> None:
    pictures = {name: PICTURES[name]() for name in ("480x640_exif-rotated.jpg", "640x480.jpg", "640x480_gps.jpg")}

    found = rows(a_day(tmp_path, pictures | {"black.png": bytes_of(Image.new("RGB", (300, 200))), "bad.jpg": b"text"}))

    turned = found["480x640_exif-rotated.jpg"]
    assert (turned["orientation"], turned["width"], turned["height"]) == (6, 480, 640)
    assert (found["640x480.jpg"]["orientation"], found["640x480.jpg"]["problems"]) == (1, [])
    assert found["640x480_gps.jpg"]["status"] == "rewritten"
    assert found["black.png"]["problems"] == ["shorter than 256 pixels", "low information", "dark"]
    assert (found["black.png"]["sharpness"], found["black.png"]["brightness"]) == (0.0, 0.0)
    assert (found["bad.jpg"]["problems"], found["bad.jpg"]["sharpness"], found["bad.jpg"]["orientation"]) == ([], None, None)


def test_a_decoder_that_dies_or_hangs_costs_one_image_of_the_day(tmp_path: Path) -> None:
    """A TIFF that needs more memory than its decoder may have."""
    buffer = io.BytesIO()
    Image.new("RGB", (8_000, 8_000)).save(buffer, "TIFF", compression="tiff_lzw")
    pictures = {"a.jpg": small(1), "b.tif": buffer.getvalue(), "c.tif": a_picture(3, kind="TIFF")}

    found = rows(a_day(tmp_path, pictures, resize={"decoder_bytes": 500_000_000}))

    assert {name: row["status"] for name, row in found.items()} == {
        "a.jpg": "passed",
        "b.tif": "quarantined",
        "c.tif": "resized",
    }
    assert found["b.tif"]["reason"] in {"too many pixels", "decoder died"}


def test_a_png_named_jpg_is_fine(tmp_path: Path) -> None:
    row = rows(a_day(tmp_path, {"a.jpg": a_picture(kind="PNG")}))["a.jpg"]

    assert (row["status"], row["format"]) == ("passed", "PNG")
    assert row["resized"].endswith(".png")


def test_originals_are_never_written_nor_deleted(tmp_path: Path) -> None:
    pictures = {
        "a.jpg": small(1),
        "b.jpg": small(1),
        "c.tif": a_picture(3, kind="TIFF"),
        "d.jpg": b"x",
        "e.jpg": a_picture(size=(900, 300)),
    }
    pipeline = a_pipeline(tmp_path, resize={"max_edge": 400})
    land(pipeline, pictures)
    before = landing(pipeline)

    _, counting = counted(pipeline)
    land(pipeline, {"f.jpg": small(6)})
    with_new = landing(pipeline)
    _, again = counted(pipeline)

    assert before.items() < with_new.items() == landing(pipeline).items()
    for path in [*counting.writes, *counting.deletes, *again.writes, *again.deletes]:
        assert not path.startswith("landing/")


def test_an_empty_day_is_a_day(tmp_path: Path) -> None:
    report = update(a_pipeline(tmp_path))

    assert (report.images, report.read, report.bytes_in, report.bytes_out, report.sheet) == (0, 0, 0, 0, b"")


# --- what is read again


MANY = {f"{number:02}.jpg": small(number) for number in range(8)}


def test_an_unchanged_day_reads_no_image_and_writes_nothing(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path, MANY)
    before = rows(pipeline)

    report, counting = counted(pipeline)

    assert counting.reads_below("landing/") == []
    assert (counting.writes, counting.deletes) == ([], [])
    assert (report.images, report.read, report.passed) == (8, 0, 8)
    assert report.sheet != b""
    assert rows(pipeline) == before


def _add(pipeline: Pipeline) -> None:
    land(pipeline, {"new.jpg": small(100)})


def _change(pipeline: Pipeline) -> None:
    land(pipeline, {"03.jpg": small(100)})


def _touch(pipeline: Pipeline) -> None:
    land(pipeline, {"03.jpg": MANY["03.jpg"]})


def _move(pipeline: Pipeline) -> None:
    pipeline.store.copy(f"{FOLDER}/03.jpg", f"{FOLDER}/elsewhere/03.jpg")
    pipeline.store.delete(f"{FOLDER}/03.jpg")


def _copy(pipeline: Pipeline) -> None:
    pipeline.store.copy(f"{FOLDER}/03.jpg", f"{FOLDER}/03 copy.jpg")


def _delete(pipeline: Pipeline) -> None:
    pipeline.store.delete(f"{FOLDER}/03.jpg")


@pytest.mark.parametrize(
    ("change", "read", "encoded"),
    [
        (_add, ["new.jpg"], 1),
        (_change, ["03.jpg"], 1),
        (_touch, ["03.jpg"], 0),
        (_move, ["elsewhere/03.jpg"], 0),
        (_copy, ["03 copy.jpg"], 0),
        (_delete, [], 0),
    ],
    ids=["new", "changed", "touched", "moved", "copied", "deleted"],
)
def test_one_change_costs_at_most_one_image(
    tmp_path: Path, change: Callable[[Pipeline], None], read: list[str], encoded: int
) -> None:
    pipeline = a_day(tmp_path, MANY)
    change(pipeline)

    report, counting = counted(pipeline)

    assert counting.reads_below("landing/") == [f"{FOLDER}/{name}" for name in read]
    assert len([path for path in counting.writes if path.startswith("resized/")]) == encoded
    assert report.read == len(read)
    fresh = a_pipeline(tmp_path / "fresh")
    for blob in pipeline.store.list_blobs(f"{FOLDER}/"):
        fresh.store.write(blob.path, pipeline.store.read(blob.path).data)
    update(fresh)
    expected = {name: row | {"etag": ""} for name, row in rows(fresh).items()}
    assert {name: row | {"etag": ""} for name, row in rows(pipeline).items()} == expected


def test_a_touched_image_changes_nothing_downstream(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path, MANY)
    before = pipeline.manifests.find("resized_images", DAY)

    _touch(pipeline)
    update(pipeline)

    after = pipeline.manifests.find("resized_images", DAY)
    assert after.inputs != before.inputs
    assert after.rows == before.rows


def test_exact_copies_are_read_each_and_decoded_once(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path, resize={"workers": 8})
    land(pipeline, {f"copy-{number}.jpg": a_picture(7) for number in range(12)} | {"other.jpg": a_picture(8)})

    report, counting = counted(pipeline)

    assert len(counting.reads_below("landing/")) == 13
    assert len([path for path in counting.writes if path.startswith("thumbnails/")]) == 2
    assert (report.passed, report.duplicates) == (13, 11)
    assert len({row["resized"] for row in rows(pipeline).values()}) == 2


def test_copies_of_a_broken_image_are_all_quarantined_with_its_reason(tmp_path: Path) -> None:
    found = rows(a_day(tmp_path, {f"{number}.jpg": bytes_of(BROKEN["truncated"]) for number in range(5)}))

    assert {(row["status"], row["reason"]) for row in found.values()} == {("quarantined", "truncated")}
    assert all(row["detail"] for row in found.values())


def test_a_setting_that_shapes_the_output_reads_everything_again(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path, MANY)
    smaller = replace(pipeline, resize=pipeline.resize.model_copy(update={"max_edge": 64, "background": "#000000"}))

    report, _ = counted(smaller)

    assert report.read == 8
    assert {row["recipe"] for row in rows(pipeline).values()} == {recipe(smaller.resize)} != {recipe(pipeline.resize)}


def test_a_setting_that_only_groups_reads_nothing_again(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path, MANY)
    looser = replace(pipeline, resize=pipeline.resize.model_copy(update={"near_duplicate_bits": 0, "workers": 1, "batch": 1}))

    report, counting = counted(looser)

    assert report.read == 0
    assert counting.reads_below("landing/") == []
    assert len(pipeline.manifests.standing("resized_images")[DAY]) == 1


def with_other_decoders(pipeline: Pipeline) -> None:
    """Rewrite the manifest as a release with other decoders would have left it."""
    manifest = pipeline.manifests.find("resized_images", DAY)
    frame = pipeline.manifests.read(manifest, RESIZED_IMAGES).with_columns(decoders=pl.lit("older"))
    pipeline.manifests.commit(pipeline.manifests.begin(RESIZED_IMAGES, DAY, "0" * 16).draft(frame))


def test_quarantined_images_and_no_other_are_tried_again_with_other_decoders(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path, MANY | {"bad.jpg": b"a format of tomorrow", "bad too.jpg": b"another"})
    with_other_decoders(pipeline)

    report, counting = counted(pipeline)

    assert counting.reads_below("landing/") == [f"{FOLDER}/bad too.jpg", f"{FOLDER}/bad.jpg"]
    assert report.quarantined == 2
    assert {row["decoders"] for name, row in rows(pipeline).items() if "bad" in name} == {decoders(pipeline.resize)}


def test_quarantined_images_are_not_tried_again_with_the_same_decoders(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path, {"bad.jpg": b"text"})
    land(pipeline, {"new.jpg": small(1)})

    _, counting = counted(pipeline)

    assert counting.reads_below("landing/") == [f"{FOLDER}/new.jpg"]


# --- images that change under our hands


class MeddlingBlobStore(CountingBlobStore):
    """Lets something happen to the store the moment before a path is read, once."""

    def __init__(self, inner: BlobStore, path: str, meddle: Callable[[BlobStore], object]) -> None:
        super().__init__(inner)
        self._path = path
        self._meddle: Iterator[Callable[[BlobStore], object]] = iter([meddle])

    @override
    def read(self, path: str) -> Blob:
        if path == self._path and (meddle := next(self._meddle, None)):
            meddle(self.inner)
        return super().read(path)


def test_a_blob_gone_between_listing_and_reading_is_quarantined_and_then_forgotten(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {"a.jpg": small(1), "b.jpg": small(2)})
    inventory(pipeline)
    path = f"{FOLDER}/a.jpg"

    resize(over(pipeline, MeddlingBlobStore(pipeline.store, path, lambda store: store.delete(path))))

    assert (rows(pipeline)["a.jpg"]["status"], rows(pipeline)["a.jpg"]["reason"]) == ("quarantined", "gone while reading")
    assert rows(pipeline)["b.jpg"]["status"] == "passed"
    _, counting = counted(pipeline)
    assert list(rows(pipeline)) == ["b.jpg"]
    assert counting.reads_below("landing/") == []


def test_a_blob_replaced_between_listing_and_reading_is_what_was_read_and_not_read_twice(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {"a.jpg": small(1), "b.jpg": small(2)})
    inventory(pipeline)
    path = f"{FOLDER}/a.jpg"

    resize(over(pipeline, MeddlingBlobStore(pipeline.store, path, lambda store: store.write(path, small(3)))))

    assert rows(pipeline)["a.jpg"]["sha256"] == sha256_of(small(3))
    assert pipeline.store.read(rows(pipeline)["a.jpg"]["resized"]).data == small(3)
    _, counting = counted(pipeline)
    assert counting.reads_below("landing/") == []
    assert rows(pipeline)["a.jpg"]["sha256"] == sha256_of(small(3))


class ReplacingBlobStore(CountingBlobStore):
    """Replaces a blob right after it was read, so that a copy of it would be of other bytes."""

    @override
    def read(self, path: str) -> Blob:
        blob = super().read(path)
        if path.startswith("landing/"):
            self.inner.write(path, small(99))
        return blob


def test_a_blob_replaced_between_reading_and_copying_is_stored_as_it_was_read(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {"a.jpg": small(1)})
    inventory(pipeline)

    resize(over(pipeline, ReplacingBlobStore(pipeline.store)))

    row = rows(pipeline)["a.jpg"]
    assert row["sha256"] == sha256_of(small(1))
    assert pipeline.store.read(row["resized"]).data == small(1)
    update(pipeline)
    assert rows(pipeline)["a.jpg"]["sha256"] == sha256_of(small(99))


def test_a_store_that_is_gone_fails_the_day_and_quarantines_nothing(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path, {"a.jpg": small(1)})
    land(pipeline, {"b.jpg": small(2), "b copy.jpg": small(2)})
    inventory(pipeline)
    path = f"{FOLDER}/b.jpg"
    root = tmp_path / "store"

    def unmount(_: BlobStore) -> None:
        root.rename(tmp_path / "elsewhere")

    with pytest.raises(StoreUnavailableError):
        resize(over(pipeline, MeddlingBlobStore(pipeline.store, path, unmount)))

    (tmp_path / "elsewhere").rename(root)
    assert list(rows(pipeline)) == ["a.jpg"]
    resize(pipeline)
    assert {row["status"] for row in rows(pipeline).values()} == {"passed"}


def test_a_lost_thumbnail_does_not_fail_the_day(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path, MANY)
    pipeline.store.delete(rows(pipeline)["03.jpg"]["thumbnail"])
    land(pipeline, {"new.jpg": small(100)})

    assert update(pipeline).images == 9


# --- duplicates


def test_a_day_tells_its_near_duplicates(tmp_path: Path) -> None:
    original = Image.open(io.BytesIO(a_picture(1, (640, 480))))
    half = io.BytesIO()
    original.resize((320, 240)).save(half, "JPEG", quality=60)
    turned = io.BytesIO()
    original.transpose(Image.Transpose.ROTATE_90).save(turned, "PNG")
    pictures = {
        "a.jpg": a_picture(1, (640, 480)),
        "b.jpg": half.getvalue(),
        "c.jpg": a_picture(2, (640, 480)),
        "d.png": turned.getvalue(),
    }

    pipeline = a_pipeline(tmp_path)
    land(pipeline, pictures)
    report = update(pipeline)

    groups = {name: row["duplicate_group"] for name, row in rows(pipeline).items()}
    first = sha256_of(pictures["a.jpg"])
    assert groups == {"a.jpg": first, "b.jpg": first, "c.jpg": "", "d.png": first}
    assert report.duplicates == 2


def test_a_group_dissolves_when_its_first_image_goes(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path, {"a.jpg": small(1), "b.jpg": small(1)})
    pipeline.store.delete(f"{FOLDER}/a.jpg")

    update(pipeline)

    assert rows(pipeline)["b.jpg"]["duplicate_group"] == ""


# --- the sheet


def test_a_report_shows_the_day(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {f"{number:02}.jpg": small(number) for number in range(30)} | {"copy.jpg": small(0), "bad.jpg": b"x"})

    report = update(pipeline)

    sheet = Image.open(io.BytesIO(report.sheet))
    assert (sheet.format, sheet.size) == ("WEBP", (768, 512))
    assert len(report.sheet) <= 24_000
    assert resize(pipeline).sheet == report.sheet


def test_a_report_tells_what_gave_up_most_and_what_to_look_at(tmp_path: Path) -> None:
    pictures = {
        "within.jpg": a_picture(1, (400, 300)),
        "half.jpg": a_picture(2, (1200, 900)),
        "tenth.jpg": a_picture(3, (6000, 300)),
        "bitmap.tif": a_picture(4, (500, 400), kind="TIFF"),
        "black.png": bytes_of(Image.new("L", (300, 300))),
    }
    pipeline = a_pipeline(tmp_path, resize={"max_edge": 600})
    land(pipeline, pictures)

    report = update(pipeline)

    assert [(path.removeprefix(f"{FOLDER}/"), before, after) for path, _, before, _, after in report.hardest] == [
        ("tenth.jpg", "6000 x 300", "600 x 30"),
        ("half.jpg", "1200 x 900", "600 x 450"),
    ]
    assert report.problems == {"blurred": 3, "dark": 1, "low information": 1, "shorter than 256 pixels": 1}
    assert (resize(pipeline).hardest, resize(pipeline).problems) == (report.hardest, report.problems)


# --- releases


def test_a_manifest_of_the_release_before_is_read_and_its_images_worked_on_again(tmp_path: Path) -> None:
    pipeline = a_day(tmp_path, MANY)
    new = ("orientation", "sharpness", "brightness", "entropy", "problems")
    older = replace(
        RESIZED_IMAGES,
        version=1,
        migrations={},
        columns={name: kind for name, kind in RESIZED_IMAGES.columns.items() if name not in new},
    )
    manifest = pipeline.manifests.find("resized_images", DAY)
    frame = pipeline.manifests.read(manifest, RESIZED_IMAGES).drop(new).with_columns(recipe=pl.lit("p1-00000000"))
    pipeline.manifests.commit(pipeline.manifests.begin(older, DAY, "0" * 16).draft(frame))
    assert (
        pipeline.manifests.read(pipeline.manifests.find("resized_images", DAY), RESIZED_IMAGES)["problems"].to_list() == [[]] * 8
    )

    assert resize(pipeline).read == 8
    assert {row["orientation"] for row in rows(pipeline).values()} == {1}
