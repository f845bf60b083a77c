"""Labels that a person gives to single images, written as label files that the pipeline picks up like any other.

Belongs here: where such a label goes. Does not: formats (`formats`), binding labels to images (`labels`). Files are named
`labels/gallery-<day>-<number>.csv`. An image is named once per file: a second label for it begins the next file, so that a later word is
a statement of its own and wins, even when it repeats an earlier one.
"""

from datetime import date

from imaging_assets.errors import BlobConflictError, UsageError
from imaging_assets.records.manifests import AnnotatedImage
from imaging_assets.stages.manifests.formats import MAX_TAG_CHARACTERS, LabelFile, clean_tag, csv_file
from imaging_assets.stages.pipeline import Pipeline

_ATTEMPTS = 20
_MOST_LINES = 1000


def say_label(pipeline: Pipeline, day: date, path: str, sha256: str, tags: list[str]) -> str:
    """Add a label; returns the label file's path.

    Args:
        day: Today; names the file.
        path: Below the landing place.
        sha256: Of the image's bytes.
        tags: At least one.

    Raises:
        UsageError: No tag, or one that no label file can hold.
        BlobConflictError: Other people labelled at the same moment, again and again.
    """
    separator = pipeline.labels.separator
    cleaned = tuple(sorted({tag for tag in map(clean_tag, tags) if tag}))
    if not cleaned or any(separator in tag or len(tag) > MAX_TAG_CHARACTERS for tag in cleaned):
        raise UsageError(f"A label has 1-{MAX_TAG_CHARACTERS} characters and no {separator!r}. Write another.")
    said = AnnotatedImage(0, path, sha256, cleaned)
    for _ in range(_ATTEMPTS - 1):
        try:
            return _append(pipeline, day, said)
        except BlobConflictError:
            continue  # somebody else wrote in between: read again
    return _append(pipeline, day, said)


def said_here(pipeline: Pipeline, day: date) -> set[str]:
    """sha256 of the images that were labelled so on a day, whether or not a run has read it yet."""
    return {said.sha256 for file in _files(pipeline, day) for said in _read(pipeline, file)[0]}


def _append(pipeline: Pipeline, day: date, said: AnnotatedImage) -> str:
    files = _files(pipeline, day)
    separator = pipeline.labels.separator
    if files:
        before, etag = _read(pipeline, files[-1])
        if len(before) < _MOST_LINES and all(said.sha256 != other.sha256 for other in before):
            pipeline.store.write(files[-1], csv_file.write([*before, said], separator).encode(), if_match=etag)
            return files[-1]
    path = f"{_prefix(pipeline, day)}{len(files) + 1:04}.csv"
    pipeline.store.write(path, csv_file.write([said], separator).encode(), if_absent=True)
    return path


def _files(pipeline: Pipeline, day: date) -> list[str]:
    return [blob.path for blob in pipeline.store.list_blobs(_prefix(pipeline, day))]


def _read(pipeline: Pipeline, file: str) -> tuple[list[AnnotatedImage], str]:
    blob = pipeline.store.read(file)
    lines = csv_file.read(LabelFile(file, blob.data, pipeline.labels.separator))
    return [line for line in lines if isinstance(line, AnnotatedImage)], blob.etag


def _prefix(pipeline: Pipeline, day: date) -> str:
    return f"{pipeline.places.labels}/gallery-{day}-"
