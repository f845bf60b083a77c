"""Files that broke other image libraries, through a whole day: nothing breaks, nothing is lost, everything has its reason.

The files lie beside the repository, because their licences are their own: Pillow's test images and Dave Perrett's EXIF examples.
"""

from collections import Counter
from pathlib import Path
from typing import get_args

import polars as pl
import pytest

from imaging_assets.errors import QuarantineReason
from imaging_assets.stages.images.facts import FORMATS
from imaging_assets.stages.images.raw import take_inventory
from imaging_assets.stages.images.resized import ResizeReport, resize_day
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RESIZED_IMAGES
from imaging_assets_tests.builders import DAY, a_pipeline, land

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside the repository (../shared/corpus)")


def files(folder: str) -> dict[str, bytes]:
    root = CORPUS / folder
    found = sorted(path for path in root.rglob("*") if path.is_file() and path.name != "LICENSE")
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def resize(pipeline: Pipeline, pictures: dict[str, bytes]) -> tuple[pl.DataFrame, ResizeReport]:
    land(pipeline, pictures)
    pipeline.manifests.commit(take_inventory(pipeline, DAY)[0])
    draft, report = resize_day(pipeline, pipeline.manifests.find("raw_images", DAY))
    pipeline.manifests.commit(draft)
    return pipeline.manifests.read(pipeline.manifests.find("resized_images", DAY), RESIZED_IMAGES), report


def test_all_of_pillows_images_go_through_a_day(tmp_path: Path) -> None:
    pictures = files("pillow")
    pipeline = a_pipeline(tmp_path)

    rows, report = resize(pipeline, pictures)

    assert rows.height == len(pictures) == 447
    assert report.images == report.passed + report.rewritten + report.resized + report.quarantined == 447
    assert set(report.reasons) <= set(get_args(QuarantineReason))
    assert sum(report.reasons.values()) == report.quarantined
    usable = rows.filter(pl.col("status") != "quarantined")
    assert usable.select("resized", "thumbnail", "width", "height", "phash").null_count().row(0) == (0, 0, 0, 0, 0)
    sizes = {blob.path: blob.size for place in ("resized/", "thumbnails/") for blob in pipeline.store.list_blobs(place)}
    assert set(sizes) == {*usable["resized"], *usable["thumbnail"]}
    assert all(sizes[path] == size <= 6_000_000 for path, size in usable.select("resized", "resized_size").iter_rows())
    assert rows.filter(pl.col("status") == "quarantined").select("reason", "detail").null_count().row(0) == (0, 0)


BECAME = {
    ("JPEG", "passed"): 18,
    ("JPEG", "rewritten"): 5,
    ("JPEG", "resized"): 7,
    ("PNG", "passed"): 174,
    ("PNG", "resized"): 50,
    ("BMP", "passed"): 23,
    ("BMP", "resized"): 3,
    ("GIF", "passed"): 2,
    ("GIF", "resized"): 14,
    ("TIFF", "resized"): 52,
    ("WEBP", "resized"): 6,
    ("AVIF", "resized"): 9,
    ("HEIF", "resized"): 1,
}
"""What became of Pillow's images; the rest is of formats that are not taken, or broken, mostly on purpose."""


def test_each_kind_becomes_what_it_always_became(tmp_path: Path) -> None:
    rows, report = resize(a_pipeline(tmp_path), files("pillow"))

    usable = rows.filter(pl.col("status") != "quarantined")
    became = Counter(usable.select("format", "status").iter_rows())
    if "HEIF" not in FORMATS:  # the extra `heic` is not installed
        became["HEIF", "resized"] += 1
    assert became == BECAME
    assert {reason: images for reason, images in report.reasons.items() if reason != "unsupported format"} == {
        "damaged": 17,
        "too many pixels": 1,
        "truncated": 2,
    }


def test_what_every_viewer_shows_is_not_quarantined(tmp_path: Path) -> None:
    rows, _ = resize(a_pipeline(tmp_path), files("pillow"))

    set_aside = rows.filter(pl.col("status") == "quarantined")
    endings = Counter(Path(path).suffix for path in set_aside["path"])

    assert not {".jpg", ".gif", ".webp", ".avif", ".mpo"} & endings.keys()
    assert (endings[".png"], endings[".bmp"], endings[".tif"] + endings[".tiff"]) == (4, 7, 8)


@pytest.mark.skipif("HEIF" not in FORMATS, reason="the extra `heic` is not installed")
def test_heic_is_taken_where_its_extra_is_installed(tmp_path: Path) -> None:
    row = resize(a_pipeline(tmp_path), {"a.heic": files("pillow")["avif/hopper.heif"]})[0].row(0, named=True)

    assert (row["status"], row["format"], row["orientation"]) == ("resized", "HEIF", 1)
    assert (row["width"], row["height"]) == (128, 128)


def test_all_exif_orientations_come_out_upright(tmp_path: Path) -> None:
    pictures = files("exif-orientation")
    pipeline = a_pipeline(tmp_path)

    rows, _ = resize(pipeline, pictures)

    assert rows.height == len(pictures) == 18
    for path, *sizes in rows.select("path", "width", "height", "resized_width", "resized_height").iter_rows():
        assert sizes == ([1800, 1200] if "Landscape" in path else [1200, 1800]) * 2, path
        assert rows.filter(pl.col("path") == path)["orientation"].item() == (int(path[-5]) or 1)
    turned = rows.filter(~pl.col("path").str.contains("_[01].jpg"))
    assert set(turned["status"]) == {"resized"}
    for kind in ("Landscape", "Portrait"):
        groups = rows.filter(pl.col("path").str.contains(kind))["duplicate_group"]
        assert groups.n_unique() == 1, "turned upright, the nine of a kind are one picture"
