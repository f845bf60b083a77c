"""What differs between an image of the project and the one that is wanted, cut into changes the service takes. Pure.

Belongs here: comparing tags and regions. Does not: changing them (`reconcile.py`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from imaging_assets.azure.custom_vision.project import BATCH, BATCH_TAGS, chunks
from imaging_assets.azure.custom_vision.wire import RemoteRegion
from imaging_assets.records.manifests import Region

_TOLERANCE = 1e-4
"""The service keeps coordinates in single precision."""


def tags_to_add(now: Mapping[str, Collection[str]], wanted: Mapping[str, Collection[str]]) -> Iterator[list[tuple[str, str]]]:
    """Pairs of image id and tag, up to 64 with up to 20 tags at once."""
    batch: list[tuple[str, str]] = []
    tags: set[str] = set()
    pairs = [(tag, key) for key, having in wanted.items() for tag in having if tag not in now[key]]
    for tag, key in sorted(pairs):
        if len(batch) == BATCH or len(tags | {tag}) > BATCH_TAGS:
            yield batch
            batch, tags = [], set()
        batch.append((key, tag))
        tags.add(tag)
    if batch:
        yield batch


def tags_to_remove(
    now: Mapping[str, Collection[str]], wanted: Mapping[str, Collection[str]]
) -> Iterator[tuple[list[str], list[str]]]:
    """Image ids, up to 64, and tags, up to 20, that each of them loses."""
    losing: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for key, having in wanted.items():
        if extra := tuple(sorted(set(now[key]) - set(having))):
            losing[extra].append(key)
    for extra, keys in losing.items():
        for some in chunks(extra, BATCH_TAGS):
            for chunk in chunks(keys, BATCH):
                yield chunk, some


def region_changes(now: Sequence[RemoteRegion], wanted: Sequence[Region]) -> tuple[list[str], list[Region]]:
    """Ids of regions too many, and regions that are missing."""
    missing = list(wanted)
    extra = []
    for found in now:
        match = next((region for region in missing if _close(region, found.region)), None)
        if match:
            missing.remove(match)
        else:
            extra.append(found.id)
    return extra, missing


def same_regions(one: Sequence[Region], other: Sequence[Region]) -> bool:
    """Whether both hold the same boxes, in any order."""
    return region_changes([RemoteRegion("", region) for region in one], other) == ([], [])


def _close(one: Region, other: Region) -> bool:
    sides = ("left", "top", "width", "height")
    return one.tag == other.tag and all(abs(getattr(one, side) - getattr(other, side)) < _TOLERANCE for side in sides)
