"""Tags and regions that people gave in Custom Vision's portal, as annotations of the images' bytes.

Belongs here: reading a project as a source of labels. Does not: what becomes of it (`stages/manifests/labels.py`).
"""

import hashlib
import json
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import requests

from imaging_assets.azure.custom_vision.client import Connection
from imaging_assets.azure.custom_vision.memory import Memory
from imaging_assets.azure.custom_vision.project import Project
from imaging_assets.azure.custom_vision.wire import RemoteImage
from imaging_assets.errors import BlobNotFoundError, ServiceError, SettingsError
from imaging_assets.policies import CustomVision
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.manifests import AnnotatedImage

_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a project says of each tagged image, and why an image could not be identified, by its id there."""

    images: tuple[AnnotatedImage, ...]
    unread: Mapping[str, str]


def pull_annotations(connection: Connection, policy: CustomVision, store: BlobStore, *, folder: str = "models") -> Pulled:
    """Tags and regions of every tagged image of the project.

    Images that the trainer uploaded are known by id. Others are downloaded once, to learn the digest of their bytes, and remembered.

    Raises:
        SettingsError: There is no such project.
        ServiceError: The service failed.
    """
    there = connection.project_ids().get(policy.project)
    if there is None:
        raise SettingsError(f"Custom Vision has no project {policy.project!r}. Name an existing one in custom_vision.project.")
    project = Project(connection, there[0], policy.project)
    ours: defaultdict[str, list[str]] = defaultdict(list)
    for sha256, known in sorted(Memory.load(store, folder, project.id).images.items()):
        ours[known.image_id].append(sha256)
    remembered = _Digests(store, f"{folder}/custom_vision/{project.id}/digests.json")
    annotated: list[AnnotatedImage] = []
    unread: dict[str, str] = {}
    for image in sorted(project.images(tagged_only=True), key=lambda image: image.id):
        try:
            digests = ours.get(image.id) or [remembered.of(image, connection)]
        except ServiceError as error:
            unread[image.id] = str(error)
            continue
        annotated += [_annotated(len(annotated) + place, sha256, image) for place, sha256 in enumerate(digests, 1)]
    remembered.save()
    return Pulled(tuple(annotated), unread)


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


def _annotated(line: int, sha256: str, image: RemoteImage) -> AnnotatedImage:
    regions = tuple(replace(found.region, tag=_plain(found.region.tag)) for found in image.regions)
    return AnnotatedImage(line, "", sha256, tuple(sorted({_plain(tag) for tag in image.tags})), regions)


def _plain(tag: str) -> str:
    return unicodedata.normalize("NFC", tag).strip()
