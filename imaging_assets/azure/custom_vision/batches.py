"""Which images go together into one upload, so that there are as few uploads as the service's limits allow. Pure but for reading.

Belongs here: the order and the limits. Does not: uploading.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from imaging_assets.azure.custom_vision.desired import Wanted
from imaging_assets.azure.custom_vision.project import BATCH, BATCH_TAGS
from imaging_assets.errors import BlobNotFoundError

BATCH_BYTES = 25_000_000
"""Image bytes in one upload: about 55 MB were answered with 408 RequestTimeout, and on the wire they are a third more."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An image to upload with its bytes."""

    image: Wanted
    data: bytes


def batches(
    images: Iterable[Wanted], read: Callable[[str], bytes], unreadable: Callable[[Wanted], None], *, most_bytes: int = BATCH_BYTES
) -> Iterator[list[Loaded]]:
    """Uploads of up to 64 images, 20 distinct tags and 25 MB; images of the same tags stand together.

    Args:
        read: Blob path to bytes; called once per image, just before its batch goes out.
        unreadable: Told of images whose blob is gone.
    """
    batch: list[Loaded] = []
    tags: set[str] = set()
    size = 0
    for image in sorted(images, key=lambda image: (image.tags, image.sha256)):
        try:
            data = read(image.blob)
        except BlobNotFoundError:
            unreadable(image)
            continue
        full = len(batch) == BATCH or len(tags | set(image.tags)) > BATCH_TAGS or size + len(data) > most_bytes
        if batch and full:
            yield batch
            batch, tags, size = [], set(), 0
        batch.append(Loaded(image, data))
        tags |= set(image.tags)
        size += len(data)
    if batch:
        yield batch


def halves(batch: Sequence[Loaded]) -> tuple[list[Loaded], list[Loaded]]:
    """Two uploads instead of one that was too big."""
    middle = len(batch) // 2
    return list(batch[:middle]), list(batch[middle:])
