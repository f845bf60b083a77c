"""Files that broke other image libraries, through a whole day: nothing breaks, nothing is lost, everything has its reason.

The files lie beside the repository, because their licences are their own: Pillow's test images and Dave Perrett's EXIF examples.
"""

from collections import Counter
from pathlib import Path
from typing import get_args

import polars as pl
import pytest

from imaging_assets.errors import QuarantineReason
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


def test_what_every_viewer_shows_is_not_quarantined(tmp_path: Path) -> None:
    """Formats that are not taken, and Pillow's files that are broken on purpose, are all that may be set aside."""
    rows, report = resize(a_pipeline(tmp_path), files("pillow"))

    set_aside = rows.filter(pl.col("status") == "quarantined")
    endings = Counter(Path(path).suffix for path in set_aside["path"])
    damaged = set_aside.filter(pl.col("reason") != "unsupported format")

    assert report.passed + report.resized >= 363
    assert damaged.height <= 20
    assert not {".jpg", ".gif", ".webp", ".avif", ".mpo"} & endings.keys()
    assert (endings[".png"], endings[".bmp"], endings[".tif"] + endings[".tiff"]) == (4, 7, 8)


def test_all_exif_orientations_come_out_upright(tmp_path: Path) -> None:
    pictures = files("exif-orientation")
    pipeline = a_pipeline(tmp_path)

    rows, _ = resize(pipeline, pictures)

    assert rows.height == len(pictures) == 18
    for path, *sizes in rows.select("path", "width", "height", "resized_width", "resized_height").iter_rows():
        assert sizes == ([1800, 1200] if "Landscape" in path else [1200, 1800]) * 2, path
    turned = rows.filter(~pl.col("path").str.contains("_[01].jpg"))
    assert set(turned["status"]) == {"resized"}
    for kind in ("Landscape", "Portrait"):
        groups = rows.filter(pl.col("path").str.contains(kind))["duplicate_group"]
        assert groups.n_unique() == 1, "turned upright, the nine of a kind are one picture"
