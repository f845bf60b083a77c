"""`imaging-assets checkout`: the training set of a day on this machine's disk.

Belongs here: filling the folder. Does not: which images and which side of the split (`datasets`).
"""

from datetime import date
from pathlib import Path

from imaging_assets.backends import build_on_store
from imaging_assets.cli.filled_folder import FilledFolder
from imaging_assets.cli.output import Session, counted
from imaging_assets.errors import UsageError
from imaging_assets.stages.manifests.datasets import gather_dataset, sample
from imaging_assets.stages.manifests.exports import annotation_files, image_places


def check_out(session: Session, day: date | None, folder: Path, *, max_per_class: int | None, seed: int) -> None:
    """Let a folder hold the images under `images/` and `labels.csv`; only what differs is read, every file is verified by its hash.

    Without a day it is the newest tagged one.

    Raises:
        UsageError: No labelled image up to that day, or a folder that is not ours to fill.
    """
    pipeline = build_on_store(session.settings())
    dataset = gather_dataset(pipeline, day.isoformat() if day else None)
    images = dataset.images if max_per_class is None else tuple(sample(dataset.images, max_per_class, seed))
    if not images:
        raise UsageError(f"No image up to {dataset.day} is in a training set. Label some, then `imaging-assets run`.")
    filled = FilledFolder.open(folder)
    places = [(place, image.blob) for image in images for place in image_places("csv", image.said)]
    filled.put_blobs(places, pipeline.store, pipeline.threads)
    for name, text in annotation_files("csv", [image.said for image in images]):
        filled.put(name, text.encode())
    filled.finish()
    written = f"{filled.written} files written, {filled.kept} verified as they were, {filled.removed} removed"
    session.say(f"{counted(len(images), 'image')} up to {dataset.day} in {folder}: {written}")
    if dataset.left_out:
        session.say(f"{counted(len(dataset.left_out), 'labelled image')} left out; --json tells why")
    left_out = [{"path": path, "reason": reason} for path, reason in dataset.left_out]
    counts = {"images": len(images), "written": filled.written, "kept": filled.kept, "removed": filled.removed}
    session.answer({"day": dataset.day, "folder": str(folder), **counts, "left_out": left_out})
