"""Uploading images, and what each image's own status means.

Belongs here: batches on their way, and outcomes. Does not: which images are missing (`reconcile.py`), what fits together (`batches.py`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from imaging_assets.azure.custom_vision.batches import Loaded, batches, halves
from imaging_assets.azure.custom_vision.desired import Wanted
from imaging_assets.azure.custom_vision.memory import Known, Memory
from imaging_assets.azure.custom_vision.project import Project
from imaging_assets.azure.custom_vision.wire import RemoteImage, Upload, Uploaded
from imaging_assets.errors import QuotaError, ServiceError
from imaging_assets.ports.trainer import Heartbeat

_ROUNDS = 3
_PASSING_STATUSES = {"ErrorSource", "ErrorStorage", "ErrorUnknown"}
_FULL = "ErrorLimitExceed"
_HALVED = (400, 408, 413)

REASONS = {
    "ErrorImageFormat": "not a JPEG, PNG, BMP or GIF that the service can read",
    "ErrorImageSize": "over 6 MB; lower resize.max_bytes",
    "ErrorImageDimensions": "a side over 10,240 pixels, or longer than 25 times the other",
    "ErrorTagLimitExceed": "more tags than the project's type allows",
    "ErrorRegionLimitExceed": "over 300 regions",
    "ErrorNegativeAndRegularTagOnSameImage": "the negative tag beside another",
}
"""What the service's statuses mean."""


class Uploader:
    """Uploads into one project and remembers each batch as soon as it is there.

    Attributes:
        uploaded: Images that were new to the project.
        known_already: Images whose bytes it had.
        rejected: Why an image was not taken, by sha256.
    """

    def __init__(
        self, project: Project, memory: Memory, tag_ids: Mapping[str, str], read: Callable[[str], bytes], heartbeat: Heartbeat
    ) -> None:
        self.uploaded = 0
        self.known_already = 0
        self.rejected: dict[str, str] = {}
        self._project = project
        self._memory = memory
        self._tag_ids = tag_ids
        self._read = read
        self._heartbeat = heartbeat

    def run(self, images: Sequence[Wanted]) -> None:
        """Upload all of them.

        Raises:
            QuotaError: The project has no room for more; what fitted is remembered.
        """
        todo = list(images)
        for _ in range(_ROUNDS):
            if todo:
                todo = self._upload_round(todo)
        self.rejected |= {image.sha256: "the service failed to store it; it is tried again next time" for image in todo}

    def _upload_round(self, todo: Sequence[Wanted]) -> list[Wanted]:
        """Upload; returns what is worth another try."""
        again: list[Wanted] = []
        done = 0

        def unreadable(image: Wanted) -> None:
            self.rejected[image.sha256] = "its resized bytes are gone; run its day again"

        for batch in batches(todo, self._read, unreadable):
            self._heartbeat(f"uploading images, {done} of {len(todo)}")
            again += self._upload_batch(batch)
            done += len(batch)
        return again

    def _upload_batch(self, batch: Sequence[Loaded]) -> list[Wanted]:
        """Upload and remember; returns what is worth another try. What is refused as a whole is halved until the culprit stands alone."""
        try:
            outcomes = self._project.upload([self._upload_of(loaded.image, loaded.data) for loaded in batch])
        except ServiceError as error:
            if error.status not in _HALVED or isinstance(error, QuotaError):
                raise
            if len(batch) > 1:
                first, second = halves(batch)
                return [*self._upload_batch(first), *self._upload_batch(second)]
            if error.status != 400:
                raise
            outcomes = [Uploaded(error.code or "refused", "")]
        return self._note_outcomes([loaded.image for loaded in batch], outcomes)

    def _upload_of(self, image: Wanted, data: bytes) -> Upload:
        tag_ids = () if image.regions else tuple(self._tag_ids[tag] for tag in image.tags)
        return Upload(image.sha256, data, tag_ids, tuple((self._tag_ids[region.tag], region) for region in image.regions))

    def _note_outcomes(self, images: Sequence[Wanted], outcomes: Sequence[Uploaded]) -> list[Wanted]:
        known: list[Known] = []
        duplicates: set[str] = set()
        again: list[Wanted] = []
        full = False
        for image, outcome in zip(images, outcomes, strict=True):
            if outcome.status == "OK":
                known.append(Known(image.sha256, outcome.image_id, image.tags, image.regions))
            elif outcome.status == "OKDuplicate":
                duplicates.add(image.sha256)
                known.append(Known(image.sha256, outcome.image_id))
            elif outcome.status in _PASSING_STATUSES:
                again.append(image)
            elif outcome.status == _FULL:
                full = True
            else:
                known.append(
                    Known(image.sha256, "", rejected=": ".join(filter(None, (outcome.status, REASONS.get(outcome.status)))))
                )
        self._note_uploads(known, duplicates)
        if full:
            raise QuotaError(
                f"Project {self._project.name!r} has no room for more images; those that fitted are remembered. "
                "Raise the resource's tier (F0 holds 5,000, S0 100,000), or train on fewer days.",
                code=_FULL,
            )
        return again

    def _note_uploads(self, known: Sequence[Known], duplicates: Collection[str]) -> None:
        """Remember a batch; of duplicates the tags and regions are read back, because the service adds to what is there."""
        if duplicates:
            found = {
                image.id: image
                for image in self._project.images_by_id(sorted({k.image_id for k in known if k.sha256 in duplicates}))
            }
            known = [
                as_found(one, found[one.image_id]) if one.sha256 in duplicates and one.image_id in found else one for one in known
            ]
        self._memory.note(known)
        self.known_already += len(duplicates)
        self.uploaded += sum(bool(one.image_id) for one in known) - len(duplicates)


def as_found(known: Known, image: RemoteImage) -> Known:
    """The image with the tags and regions it has in the project."""
    return replace(known, tags=image.tags, regions=tuple(found.region for found in image.regions))
