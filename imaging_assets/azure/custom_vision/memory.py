"""Which image of the project is which of ours: sha256 <-> image id, with the tags and regions it was given.

Belongs here: the file and its journal. Does not: the project. All of it can be lost: uploading again tells the ids of what is there
(`OKDuplicate`), so the price is calls, not doubles.

`<folder>/custom_vision/<project id>/images.jsonl` has a header line, then an image per line; `journal/` beside it has what was done since,
a file per step, so that a crash repeats one step at most.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from imaging_assets.errors import BlobNotFoundError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.manifests import Region

_UNDER_WAY = "under_way.json"


@dataclass(frozen=True, slots=True)
class Known:
    """One of our images: its id in the project, or "" and why the service `rejected` it for good."""

    sha256: str
    image_id: str
    tags: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()
    rejected: str = ""


@dataclass
class Memory:
    """What is known of a project.

    Attributes:
        images: By sha256.
        foreign: Tags of images that are not ours, by image id, as they were last listed.
    """

    store: BlobStore
    path: str
    images: dict[str, Known] = field(default_factory=dict)
    foreign: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _steps: int = 0

    @classmethod
    def load(cls, store: BlobStore, folder: str, project_id: str) -> "Memory":
        """As it was left, the journal included."""
        memory = cls(store, f"{folder}/custom_vision/{project_id}")
        try:
            lines = store.read(f"{memory.path}/images.jsonl").data.decode().splitlines()
        except BlobNotFoundError:
            lines = []
        if lines:
            memory.foreign = {image_id: tuple(tags) for image_id, tags in json.loads(lines[0])["foreign"].items()}
        memory._take(lines[1:])
        for blob in store.list_blobs(f"{memory.path}/journal/"):
            memory._take(store.read(blob.path).data.decode().splitlines())
            memory._steps = int(blob.path.rpartition("/")[2].partition(".")[0])
        return memory

    def expected_counts(self) -> Counter[str]:
        """How many images of the project should have each tag."""
        tags = self.foreign | {known.image_id: known.tags for known in self.images.values() if known.image_id}
        return Counter(tag for given in tags.values() for tag in given)

    @property
    def under_way(self) -> bool:
        """Whether somebody changes the project now, or was stopped while doing so."""
        return self.store.find(f"{self.path}/{_UNDER_WAY}") is not None

    def begin(self) -> None:
        """Say that the project is being changed; until `end`, it may hold what is not remembered."""
        self.store.write(f"{self.path}/{_UNDER_WAY}", b"{}")

    def end(self) -> None:
        """Say that what is remembered is what the project was given."""
        self.store.delete(f"{self.path}/{_UNDER_WAY}")

    def note(self, changed: Iterable[Known], gone: Iterable[str] = ()) -> None:
        """Remember a step that was done: images that changed, digests that are gone."""
        lines = [json.dumps(asdict(known), ensure_ascii=False) for known in changed]
        lines += [json.dumps({"gone": sha256}) for sha256 in gone]
        if lines:
            self._take(lines)
            self._steps += 1
            self.store.write(f"{self.path}/journal/{self._steps:08d}.jsonl", "\n".join(lines).encode())

    def save(self) -> None:
        """Write everything as one file and drop the journal."""
        header = json.dumps({"foreign": self.foreign})
        lines = [json.dumps(asdict(known), ensure_ascii=False) for _, known in sorted(self.images.items())]
        self.store.write(f"{self.path}/images.jsonl", "\n".join([header, *lines]).encode())
        for blob in list(self.store.list_blobs(f"{self.path}/journal/")):
            self.store.delete(blob.path)
        self._steps = 0

    def _take(self, lines: Iterable[str]) -> None:
        for line in lines:
            said = json.loads(line)
            if "gone" in said:
                self.images.pop(said["gone"], None)
                continue
            regions = tuple(Region(**region) for region in said["regions"])
            self.images[said["sha256"]] = Known(said["sha256"], said["image_id"], tuple(said["tags"]), regions, said["rejected"])
