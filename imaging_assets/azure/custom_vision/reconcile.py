"""Bring a project to what a training set wants: upload what is missing, retag what changed, delete what left; nothing else.

Belongs here: the order of the steps. Does not: what is wanted (`desired`), what becomes of an upload (`uploads`), calls (`project`).

Every step is remembered as soon as it is done and harmless to repeat, so a crash anywhere costs one step. Whether somebody else changed
the project shows in the image counts of its tags, which are read anyway; only then all images are listed. Images of others are counted
and left alone.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from imaging_assets.azure.custom_vision.calls import took_effect_perhaps
from imaging_assets.azure.custom_vision.desired import Desired, Wanted
from imaging_assets.azure.custom_vision.differences import region_changes, same_regions, tags_to_add, tags_to_remove
from imaging_assets.azure.custom_vision.memory import Known, Memory
from imaging_assets.azure.custom_vision.project import BATCH, Project, chunks
from imaging_assets.azure.custom_vision.uploads import Uploader, as_found
from imaging_assets.azure.custom_vision.wire import RemoteImage, Tag
from imaging_assets.errors import QuotaError, ServiceError
from imaging_assets.policies import CustomVision
from imaging_assets.ports.trainer import Heartbeat
from imaging_assets.records.manifests import Region

_REGION_ROUNDS = 4


@dataclass
class Changes:
    """What was done, for people; `rejected` has the reason by sha256."""

    uploaded: int = 0
    known_already: int = 0
    retagged: int = 0
    deleted: int = 0
    foreign: int = 0
    rejected: dict[str, str] = field(default_factory=dict)


class Reconciler:
    """One run over one project."""

    def __init__(
        self, project: Project, memory: Memory, policy: CustomVision, read: Callable[[str], bytes], heartbeat: Heartbeat
    ) -> None:
        self._project = project
        self._memory = memory
        self._policy = policy
        self._read = read
        self._heartbeat = heartbeat
        self._tags: dict[str, Tag] = {}
        self._changes = Changes()

    def run(self, desired: Desired, *, new_project: bool = False) -> Changes:
        """Make the project equal to what is desired.

        Args:
            new_project: It was made a moment ago, so there is nothing to ask about.

        Raises:
            QuotaError: The project or tier has no room; what was done so far stays and is remembered.
            ServiceError: The service failed for longer than it is waited for.
        """
        self._memory.begin()
        self._tags = {} if new_project else {tag.name: tag for tag in self._project.tags()}
        listed = self._look_again() if self._changed_by_others() else []
        self._delete_what_left(desired)
        self._settle_tags(desired)
        try:
            self._upload_missing(desired.images)
        except QuotaError:
            self._memory.end()  # each batch is remembered, and it may stay so for long
            raise
        self._delete_orphans(listed)
        self._settle_images(desired)
        self._memory.save()
        self._memory.end()
        self._changes.rejected |= {
            sha256: known.rejected for sha256, known in self._memory.images.items() if known.rejected and not known.image_id
        }
        self._changes.foreign = len(self._memory.foreign.keys() - {known.image_id for known in self._memory.images.values()})
        return self._changes

    def _changed_by_others(self) -> bool:
        return self._memory.expected_counts() != Counter({tag.name: tag.images for tag in self._tags.values() if tag.images})

    def _look_again(self) -> list[RemoteImage]:
        """Learn what the project really holds; returns images that carry our mark and that we do not know."""
        self._heartbeat("the project was changed by others; listing its images")
        listed = {image.id: image for image in self._project.images()}
        here, gone = [], []
        for sha256, known in self._memory.images.items():
            if image := listed.get(known.image_id):
                here.append(as_found(known, image))
            elif known.image_id:
                gone.append(sha256)
        self._memory.note(here, gone)
        ours = {known.image_id for known in self._memory.images.values()}
        unknown = [image for image in listed.values() if image.id not in ours]
        self._memory.foreign = {image.id: image.tags for image in unknown if not image.ours}
        return [image for image in unknown if image.ours]

    def _delete_what_left(self, desired: Desired) -> None:
        wanted = {image.sha256 for image in desired.images}
        left = {sha256: known.image_id for sha256, known in self._memory.images.items() if sha256 not in wanted}
        kept = {known.image_id for sha256, known in self._memory.images.items() if sha256 in wanted}
        ids = sorted({image_id for image_id in left.values() if image_id} - kept)
        if ids:
            self._heartbeat(f"deleting {len(ids)} images that left the training set")
            self._project.delete_images(ids)
        self._changes.deleted += len(ids)
        self._memory.note((), left)

    def _settle_tags(self, desired: Desired) -> None:
        for name in sorted(self._tags.keys() - set(desired.tags)):
            if any(name in tags for tags in self._memory.foreign.values()):
                continue  # somebody else's; an empty tag is deleted whoever made it, because nothing is trained beside it
            self._project.delete_tag(self._tags.pop(name))
            having = [known for known in self._memory.images.values() if name in known.tags]
            self._memory.note([_without_tag(known, name) for known in having])
        for name in desired.tags:
            text = self._policy.tag_descriptions.get(name, "")
            known = self._tags.get(name)
            if known is None:
                negative = name == self._policy.negative_tag and desired.kind != "detection"
                self._tags[name] = self._project.create_tag(name, description=text, negative=negative)
            elif text and known.description != text:
                self._project.describe_tag(known, text)

    def _upload_missing(self, images: Sequence[Wanted]) -> None:
        tag_ids = {name: tag.id for name, tag in self._tags.items()}
        uploader = Uploader(self._project, self._memory, tag_ids, self._read, self._heartbeat)
        uploader.run([image for image in images if image.sha256 not in self._memory.images])
        self._changes.uploaded, self._changes.known_already = uploader.uploaded, uploader.known_already
        self._changes.rejected |= uploader.rejected

    def _delete_orphans(self, listed: Sequence[RemoteImage]) -> None:
        """Images that carry our mark and that no row wants: left by a run whose memory was lost."""
        ours = {known.image_id for known in self._memory.images.values()}
        ids = sorted(image.id for image in listed if image.id not in ours)
        if ids:
            self._project.delete_images(ids)
            self._changes.deleted += len(ids)

    def _settle_images(self, desired: Desired) -> None:
        wanted = self._wanted_by_id(desired)
        known = {one.image_id: one for one in self._memory.images.values() if one.image_id}
        if desired.kind == "detection":
            off = [key for key, image in wanted.items() if not same_regions(known[key].regions, image.regions)]
            self._settle_regions({key: wanted[key] for key in sorted(off)})
        else:
            off = [key for key, image in wanted.items() if set(known[key].tags) != set(image.tags)]
            self._retag({key: wanted[key] for key in sorted(off)}, known)
        self._changes.retagged += len(off)

    def _wanted_by_id(self, desired: Desired) -> dict[str, Wanted]:
        """What each image of the project should have; rows whose resized bytes are equal share an image and its tags."""
        shared: dict[str, Wanted] = {}
        for image in desired.images:
            known = self._memory.images.get(image.sha256)
            if known is None or not known.image_id:
                continue
            first = shared.get(known.image_id)
            if first is None:
                shared[known.image_id] = image
            elif desired.kind == "multiclass" and first.tags != image.tags:
                self._changes.rejected[image.sha256] = f"its resized bytes equal those of {first.sha256}, which has another tag"
            else:
                regions = (*first.regions, *(region for region in image.regions if region not in first.regions))
                shared[known.image_id] = replace(first, tags=tuple(sorted({*first.tags, *image.tags})), regions=regions)
        return shared

    def _retag(self, wanted: dict[str, Wanted], known: dict[str, Known]) -> None:
        tags = {key: image.tags for key, image in wanted.items()}
        now = {key: known[key].tags for key in wanted}
        for keys, extra in tags_to_remove(now, tags):
            self._project.remove_tags(keys, [self._tags[tag].id for tag in extra if tag in self._tags])
        for pairs in tags_to_add(now, tags):
            self._project.add_tags([(key, self._tags[tag].id) for key, tag in pairs])
        self._remember(wanted)

    def _settle_regions(self, wanted: dict[str, Wanted]) -> None:
        """Compare, delete, add; after a lost answer compare again, because adding twice would double."""
        for _ in range(_REGION_ROUNDS):
            extra: list[str] = []
            missing: list[tuple[str, str, Region]] = []
            for image in self._project.images_by_id(list(wanted)):
                too_many, lacking = region_changes(image.regions, wanted[image.id].regions)
                extra += too_many
                missing += [(image.id, self._tags[region.tag].id, region) for region in lacking]
            try:
                self._project.remove_regions(extra)
                for chunk in chunks(missing, BATCH):
                    self._project.add_regions(chunk)
            except ServiceError as error:
                if not took_effect_perhaps(error):
                    raise
                last = error
                continue
            self._remember(wanted)
            return
        if wanted:
            raise last

    def _remember(self, wanted: dict[str, Wanted]) -> None:
        changed = [
            replace(known, tags=wanted[known.image_id].tags, regions=wanted[known.image_id].regions)
            for known in self._memory.images.values()
            if known.image_id in wanted
        ]
        self._memory.note(changed)


def _without_tag(known: Known, name: str) -> Known:
    tags = tuple(tag for tag in known.tags if tag != name)
    return replace(known, tags=tags, regions=tuple(region for region in known.regions if region.tag != name))
