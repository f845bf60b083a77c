"""Files that are not what a run expects: manifests damaged or of a later release, pictures that change while they are read.

Belongs here: whole days over them. Does not: each damage and version (`stages/test_state.py`), label files and disks (`test_faults.py`).
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from typing_extensions import override

from imaging_assets.backends import build
from imaging_assets.errors import ManifestCorruptError, ManifestTooNewError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.images import Blob
from imaging_assets.stages.days import Days
from imaging_assets.stages.manifest_files import encode
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import RESIZED_IMAGES
from imaging_assets_tests.azure.whole_day import cases
from imaging_assets_tests.builders import CHAIN, DAY, a_picture, land, run_chain
from imaging_assets_tests.chaos.state import differences, state_of
from imaging_assets_tests.chaos.story import settings_at
from imaging_assets_tests.chaos.test_faults import a_day_with_a_late_picture, a_small_day
from imaging_assets_tests.doubles import CountingBlobStore, over

NEW = a_picture(33, (200, 150))


@pytest.mark.slow
def test_a_day_with_any_manifest_damaged_ends_as_if_it_were_not_once_the_remedies_were_followed(tmp_path: Path) -> None:
    a_day_with_a_late_picture(tmp_path / "before")
    for name in ("calm", *CHAIN):
        shutil.copytree(tmp_path / "before", tmp_path / name)
    calm = build(settings_at(tmp_path / "calm"))
    run_chain(calm)
    told = 0
    for asset in CHAIN:
        pipeline = build(settings_at(tmp_path / asset))
        (manifest,) = pipeline.store.list_blobs(f"manifests/{asset}/")
        pipeline.store.write(manifest.path, pipeline.store.read(manifest.path).data[:-10])

        if said := error_of(pipeline):
            told += 1
            assert said.startswith(manifest.path)
            assert said.endswith("Delete it and run its day again.")
            pipeline.store.delete(manifest.path)
            run_chain(pipeline)

        assert differences(state_of(calm), state_of(pipeline)) == [], asset
    assert told >= 5  # the others are not read, or are made anew


def error_of(pipeline: Pipeline) -> str:
    """What a damaged manifest stopped a day with, or ""."""
    try:
        run_chain(pipeline)
    except ManifestCorruptError as error:
        return str(error)
    return ""


def test_a_day_of_a_later_release_is_left_alone_and_goes_on_after_the_upgrade(tmp_path: Path) -> None:
    a_day_with_a_late_picture(tmp_path)
    pipeline = build(settings_at(tmp_path))
    manifest = pipeline.manifests.find("resized_images", DAY)
    ours = pipeline.store.read(manifest.blob.path).data
    frame = pipeline.manifests.read(manifest, RESIZED_IMAGES)
    pipeline.store.write(manifest.blob.path, encode(frame, replace(RESIZED_IMAGES, version=RESIZED_IMAGES.version + 1), {}))

    with pytest.raises(ManifestTooNewError, match=r"Upgrade imaging-assets\.$"):
        run_chain(pipeline)

    assert [found.blob.path for found in pipeline.manifests.standing("resized_images")[DAY]] == [manifest.blob.path]
    pipeline.store.write(manifest.blob.path, ours)  # as the later release would read it
    run_chain(pipeline)
    assert len(list(pipeline.index.ids())) == 9
    assert Days(pipeline).behind(DAY) is None


class ChangingBlobStore(CountingBlobStore):
    """One picture changes when it is read for the first time: before its bytes are taken, or after."""

    def __init__(self, inner: BlobStore, path: str, *, before: bytes = b"", after: bytes = b"") -> None:
        super().__init__(inner)
        self.path, self.before, self.after = path, before, after

    @override
    def read(self, path: str) -> Blob:
        first = path == self.path and path not in self.reads
        if first and self.before:
            self.inner.write(path, self.before)
        blob = super().read(path)
        if first and self.after:
            self.inner.write(path, self.after)
        return blob


@dataclass(frozen=True)
class Change:
    """A picture's name, what it is when it is listed, and what it becomes before or after it is read."""

    name: str
    first: bytes
    before: bytes = b""
    after: bytes = b""


CHANGES = {
    "replaced after it was listed": Change("3.jpg", a_picture(3), before=NEW),
    # Not one that is labelled: a label means the bytes that were there first.
    "replaced after it was read": Change("5.jpg", a_picture(5), after=NEW),
    "still being written": Change("3.jpg", NEW[: len(NEW) // 2], after=NEW),
    "empty until it is written": Change("3.jpg", b"", after=NEW),
}


@pytest.mark.parametrize("change", cases(CHANGES, "replaced after it was read", "still being written"))
def test_a_picture_that_changes_while_its_day_is_worked_is_what_it_became_after_the_next_run(
    change: Change, tmp_path: Path
) -> None:
    calm, pipeline = a_small_day(tmp_path / "calm"), a_small_day(tmp_path / "disturbed")
    land(calm, {change.name: NEW})
    land(pipeline, {change.name: change.first})
    path = f"landing/2026/03/02/{change.name}"
    run_chain(over(pipeline, ChangingBlobStore(pipeline.store, path, before=change.before, after=change.after)))
    assert Days(pipeline).behind(DAY) is not None

    for each in (calm, pipeline):
        run_chain(each)

    expected, found = state_of(calm), state_of(pipeline)
    assert found["index"] == expected["index"]
    assert found["catalogue"] == expected["catalogue"]
    assert found["left over"] == []
    assert Days(pipeline).behind(DAY) is None
