"""Tags and regions that people gave in Custom Vision's portal, as annotations of the images' bytes.

Belongs here: reading a project, and telling people's tags from those that the trainer wrote. Does not: what becomes of them
(`stages/manifests/portal_labels.py`).

The trainer's memory says which image of the project is which of ours, and what it was given: an image that still has exactly that says
nothing new. Images of others are downloaded once, to learn the digest of their bytes. (The service keeps no names of images.)
"""

import hashlib
import json
import unicodedata
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime

import requests
from typing_extensions import override

from imaging_assets.azure.custom_vision.client import Connection
from imaging_assets.azure.custom_vision.differences import same_regions
from imaging_assets.azure.custom_vision.memory import Known, Memory
from imaging_assets.azure.custom_vision.project import Project
from imaging_assets.azure.custom_vision.wire import RemoteImage
from imaging_assets.errors import BlobNotFoundError, ServiceError
from imaging_assets.policies import CustomVision
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.ports.portal import Portal
from imaging_assets.records.manifests import PortalImage, PortalView, Region

_SECONDS = 60
_BUSY = "A training is bringing the Custom Vision project up to date, or was stopped while it did. Look again once one has come through."


class CustomVisionPortal(Portal):
    """The project that the trainer trains in, or any other of the resource.

    Args:
        folder: The place for models inside the store.
    """

    def __init__(self, store: BlobStore, connection: Connection, policy: CustomVision, *, folder: str = "models") -> None:
        self._store = store
        self._connection = connection
        self._policy = policy
        self._folder = folder

    @override
    def look(self) -> PortalView:
        there = self._connection.project_ids().get(self._policy.project)
        if there is None:
            name = self._policy.project
            return PortalView(not_now=f"Custom Vision has no project {name!r}. Name an existing one in custom_vision.project.")
        project = Project(self._connection, there[0], self._policy.project)
        memory = Memory.load(self._store, self._folder, project.id)
        ours: defaultdict[str, list[Known]] = defaultdict(list)
        for _, known in sorted(memory.images.items()):
            ours[known.image_id].append(known)
        remembered = _Digests(self._store, f"{self._folder}/custom_vision/{project.id}/digests.json")
        found: list[PortalImage] = []
        unread: dict[str, str] = {}
        for image in sorted(project.images(tagged_only=True), key=lambda image: image.id):
            try:
                given = ours.get(image.id) or [Known(remembered.of(image, self._connection), image.id)]
            except ServiceError as error:
                unread[image.id] = str(error)
                continue
            found += [_as_left(image, known) for known in given]
        remembered.save()
        # Half of what a trainer at work has done would look like what people did.
        if memory.under_way or Memory.load(self._store, self._folder, project.id).images != memory.images:
            return PortalView(not_now=_BUSY)
        held = {known.sha256 for known in memory.images.values() if known.image_id}
        return PortalView(tuple(found), frozenset(held | remembered.digests), unread)


class _Digests:
    """sha256 of images that are not ours, by id."""

    def __init__(self, store: BlobStore, path: str) -> None:
        self._store = store
        self._path = path
        try:
            self._known: dict[str, str] = json.loads(store.read(path).data)
        except BlobNotFoundError:
            self._known = {}
        self._before = len(self._known)

    @property
    def digests(self) -> set[str]:
        """Of every image that was ever asked for."""
        return {*self._known.values()}

    def of(self, image: RemoteImage, connection: Connection) -> str:
        """The digest of an image's original bytes, downloaded unless it is known."""
        if image.id not in self._known:
            data = connection.calls.make("other", f"download image {image.id}", lambda: _download(image.url))
            self._known[image.id] = hashlib.sha256(data).hexdigest()
        return self._known[image.id]

    def save(self) -> None:
        """Remember what is new."""
        if len(self._known) > self._before:
            self._store.write(self._path, json.dumps(self._known, sort_keys=True).encode())


def _download(url: str) -> bytes:
    """The signed address gives the bytes without any key of ours."""
    answer = requests.get(url, timeout=_SECONDS)
    answer.raise_for_status()
    return answer.content


def _as_left(image: RemoteImage, given: Known) -> PortalImage:
    """What people made of an image that the trainer gave some tags and regions, or none."""
    regions = tuple(replace(found.region, tag=_plain(found.region.tag)) for found in image.regions)
    tags = {_plain(tag): at for tag, at in image.tagged_at.items()}
    before = {_plain(tag) for tag in given.tags}
    boxes = tuple(replace(region, tag=_plain(region.tag)) for region in given.regions)
    ours = tags.keys() == before and same_regions(regions, boxes)
    when = max((_utc(at) for tag, at in tags.items() if at and tag not in before), default=None)
    return PortalImage(given.sha256, tuple(sorted(tags)), _in_order(regions), ours, when)


def _in_order(regions: tuple[Region, ...]) -> tuple[Region, ...]:
    return tuple(sorted(regions, key=lambda region: (region.tag, region.left, region.top, region.width, region.height)))


def _utc(at: datetime) -> datetime:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def _plain(tag: str) -> str:
    return unicodedata.normalize("NFC", tag).strip()
