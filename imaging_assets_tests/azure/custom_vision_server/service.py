"""The service's memory and rules: projects, tags, images, iterations, publication; no HTTP.

Belongs here: what Custom Vision would accept, refuse, and answer. Does not: addresses, headers, faults (`server.py`), learning.
Where Microsoft's pages are silent the stricter guess is taken, so that a client that passes here is careful there.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from imaging_assets_tests.azure.custom_vision_server.learning import Array, Box, Kind, Learnt, Lesson, learn, overlap, pixels_of

GENERAL = "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31"
GENERAL_DETECTION = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"
DOMAINS = {
    GENERAL: ("General", "Classification", False),
    "0732100f-1a38-4e49-a514-c9b44c697ab5": ("General (compact)", "Classification", True),
    "c151d5b5-dd07-472a-acc8-15d29dea8518": ("Food", "Classification", False),
    GENERAL_DETECTION: ("General", "ObjectDetection", False),
}
AUGMENTATION = ("rotation", "scaling", "translation", "horizontal flip", "equalize", "solarize", "padtosquare")

Json = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """Of a tier; `tps` are calls per second for prediction, training and everything else, or None not to enforce them."""

    projects: int
    images: int
    tags: int
    iterations: int = 20
    images_per_tag: Mapping[str, int] = field(default_factory=lambda: {"Detection": 15})
    upload_bytes: int = 6 * 1024 * 1024
    prediction_bytes: int = 4 * 1024 * 1024
    request_bytes: int = 55_000_000
    regions_per_image: int = 300
    tps: Mapping[str, int] | None = None


S0 = Limits(projects=100, images=100_000, tags=500)
F0 = Limits(projects=2, images=5_000, tags=50)


class Refusal(Exception):  # noqa: N818 - it is an answer
    """An error answer in Custom Vision's own form."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


def now() -> datetime:
    """UTC."""
    return datetime.now(UTC)


def exact_time(moment: datetime) -> str:
    """As images, tags and regions carry it: 7 digits, no zone."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0"


def short_time(moment: datetime) -> str:
    """As projects and iterations carry it: milliseconds without trailing zeros."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}".rstrip("0").rstrip(".") + "Z"


@dataclass
class Tag:
    """A tag of a project."""

    name: str
    description: str | None
    type: str
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass
class Region:
    """A box on an image."""

    tag: str
    box: Box
    id: str = field(default_factory=lambda: str(uuid4()))
    created: datetime = field(default_factory=now)


@dataclass
class StoredImage:
    """An image of a project; `tags` maps tag ids to when they were given."""

    data: bytes
    sha256: str
    pixels: Array = field(repr=False)
    size: tuple[int, int]
    tags: dict[str, datetime] = field(default_factory=dict)
    regions: list[Region] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid4()))
    created: datetime = field(default_factory=now)


@dataclass
class Iteration:
    """A training; `left` polls until it is done, `fails` is why it will fail."""

    name: str
    training_type: str
    budget: int
    left: int
    fails: str
    fingerprint: object
    learnt: Learnt | None
    tags: list[Tag]
    images: int
    counts: dict[str, int] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid4()))
    status: str = "Training"
    created: datetime = field(default_factory=now)
    modified: datetime = field(default_factory=now)
    publish_name: str | None = None
    publish_target: str | None = None


@dataclass
class Project:
    """A project with everything in it."""

    name: str
    description: str
    domain: str
    classification: str | None
    id: str = field(default_factory=lambda: str(uuid4()))
    created: datetime = field(default_factory=now)
    tags: dict[str, Tag] = field(default_factory=dict)
    images: dict[str, StoredImage] = field(default_factory=dict)
    iterations: dict[str, Iteration] = field(default_factory=dict)
    trainings: int = 0
    stored_predictions: int = 0

    @property
    def kind(self) -> Kind:
        """What it learns."""
        if DOMAINS[self.domain][1] == "ObjectDetection":
            return "Detection"
        return "Multiclass" if self.classification == "Multiclass" else "Multilabel"

    def fingerprint(self) -> object:
        """Equal while a training would learn the same."""
        return {
            image.id: (frozenset(image.tags), frozenset((region.tag, region.box) for region in image.regions))
            for image in self.images.values()
            if image.tags
        }

    def tag(self, tag_id: str) -> Tag:
        """Raises Refusal."""
        if tag_id not in self.tags:
            raise Refusal("NotFoundTag", f"Tag {tag_id} not found.", 404)
        return self.tags[tag_id]

    def iteration(self, iteration_id: str) -> Iteration:
        """Raises Refusal."""
        if iteration_id not in self.iterations:
            raise Refusal("NotFoundIteration", f"Iteration {iteration_id} not found.", 404)
        return self.iterations[iteration_id]


class Service:
    """All projects of one resource.

    Attributes:
        polls: Readings of a running iteration until it is done.
        fail_training: Why the next trainings fail, one each.
        image_statuses: What becomes of an upload, by sha256 of the bytes, instead of the natural outcome; one entry per try.
        poison: Digests of bytes that let a whole upload be refused.
        tells_names: Whether the answer to an upload names the files, as it does.
        prediction_resource: The only resource iterations can be published to.
    """

    def __init__(self, limits: Limits, prediction_resource: str) -> None:
        self.limits = limits
        self.prediction_resource = prediction_resource
        self.projects: dict[str, Project] = {}
        self.polls = 2
        self.fail_training: list[str] = []
        self.image_statuses: dict[str, list[str]] = {}
        self.poison: set[str] = set()
        self.tells_names = True

    def project(self, project_id: str) -> Project:
        """Raises Refusal."""
        if project_id not in self.projects:
            raise Refusal("NotFoundProject", f"Project {project_id} not found.", 404)
        return self.projects[project_id]

    def create_project(self, name: str, description: str, domain: str, classification: str | None) -> Project:
        """A new project; names are unique, whatever their case."""
        if len(self.projects) >= self.limits.projects:
            raise Refusal("BadRequestExceedProjectLimit", "The number of projects exceeds the limit.")
        if any(project.name.lower() == name.lower() for project in self.projects.values()):
            raise Refusal("BadRequestProjectNameNotUnique", "The project name is not unique.")
        if domain not in DOMAINS:
            raise Refusal("BadRequestDomainNotSupported", "Unknown domain.")
        detects = DOMAINS[domain][1] == "ObjectDetection"
        project = Project(name, description, domain, None if detects else classification or "Multilabel")
        self.projects[project.id] = project
        return project

    def create_tag(self, project: Project, name: str, description: str | None, kind: str) -> Tag:
        """A new tag; names are unique, there is one negative tag at most and none in detection."""
        if len(project.tags) >= self.limits.tags:
            raise Refusal("BadRequestExceedTagPerProjectLimit", f"Number of tags exceeds the limit of {self.limits.tags}.")
        if any(tag.name.lower() == name.lower() for tag in project.tags.values()):
            raise Refusal("BadRequestTagNameNotUnique", f"Name {name} is not unique.")
        if kind == "Negative" and any(tag.type == "Negative" for tag in project.tags.values()):
            raise Refusal("BadRequestMultipleNegativeTag", "Only one negative tag is allowed.")
        tag = Tag(name, description, kind)
        project.tags[tag.id] = tag
        return tag

    def delete_tag(self, project: Project, tag_id: str) -> None:
        """The tag leaves its images, too."""
        project.tag(tag_id)
        del project.tags[tag_id]
        for image in project.images.values():
            image.tags.pop(tag_id, None)
            image.regions = [region for region in image.regions if region.tag != tag_id]

    def add_images(self, project: Project, batch: Mapping[str, Any]) -> Json:
        """The answer to an upload of files; each image has its own fate."""
        entries = batch.get("images") or []
        shared = batch.get("tagIds") or []
        named = {tag for entry in entries for tag in _tags_of(entry)} | set(shared)
        if not 0 < len(entries) <= 64 or len(named) > 20:
            raise Refusal("BadRequestExceededBatchSize", "A batch holds 1 to 64 images and up to 20 tags.")
        if {hashlib.sha256(base64.b64decode(entry["contents"])).hexdigest() for entry in entries} & self.poison:
            raise Refusal("BadRequestImageRegions", "A region is not valid.")
        results = [self._add_image(project, entry, shared, batch.get("metadata") or {}) for entry in entries]
        in_their_order = results[::-1] if self.tells_names else results
        return {"isBatchSuccessful": all(result["status"] == "OK" for result in results), "images": in_their_order}

    def add_image(self, project: Project, name: str, data: bytes, tags: Sequence[str]) -> Json:
        """The answer to an upload of one file as form data."""
        entry = {"name": name, "contents": base64.b64encode(data).decode()}
        return self.add_images(project, {"images": [entry], "tagIds": list(tags)})

    def change_tags(self, project: Project, entries: Iterable[Mapping[str, str]]) -> Json:
        """Give tags to images; a multiclass image holds one."""
        answer: Json = {"created": [], "duplicated": [], "exceeded": []}
        for entry in entries:
            image, tag = project.images.get(entry["imageId"]), project.tag(entry["tagId"])
            if image is None:
                raise Refusal("NotFoundImage", f"Image {entry['imageId']} not found.", 404)
            if project.kind == "Detection":
                raise Refusal("BadRequestInvalid", "Images of a detection project are tagged by regions.")
            if tag.id in image.tags:
                answer["duplicated"].append(dict(entry))
            elif project.kind == "Multiclass" and image.tags:
                answer["exceeded"].append(dict(entry))
            else:
                image.tags[tag.id] = now()
                answer["created"].append(dict(entry))
        return answer

    def add_regions(self, project: Project, entries: Sequence[Mapping[str, Any]]) -> Json:
        """Give regions to images; answered in another order than asked."""
        created = []
        exceeded = []
        for entry in entries:
            image = project.images.get(entry["imageId"])
            if image is None:
                raise Refusal("NotFoundImage", f"Image {entry['imageId']} not found.", 404)
            if len(image.regions) >= self.limits.regions_per_image:
                exceeded.append(dict(entry))
                continue
            region = self._region(project, entry)
            image.regions.append(region)
            image.tags.setdefault(region.tag, now())
            created.append({"imageId": image.id, **region_json(project, region)})
        return {"created": created[::-1], "duplicated": [], "exceeded": exceeded}

    def delete_regions(self, project: Project, ids: Iterable[str]) -> None:
        """A tag without regions leaves its image."""
        gone = set(ids)
        for image in project.images.values():
            if any(region.id in gone for region in image.regions):
                image.regions = [region for region in image.regions if region.id not in gone]
                image.tags = {tag: given for tag, given in image.tags.items() if tag in {region.tag for region in image.regions}}

    def train(self, project: Project, training_type: str, budget: int, *, force: bool) -> Iteration:
        """Start a training."""
        if any(iteration.status == "Training" for iteration in project.iterations.values()):
            raise Refusal("BadRequestTrainingAlreadyInProgress", "Training is already in progress.")
        if training_type == "Advanced" and budget < 1:
            raise Refusal(
                "BadRequestReservedBudgetInHoursNotEnoughForAdvancedTraining", "Advanced training needs at least 1 hour."
            )
        self._check_enough(project)
        done = [iteration for iteration in project.iterations.values() if iteration.status == "Completed"]
        if done and done[-1].fingerprint == project.fingerprint() and not force:
            raise Refusal("BadRequestTrainingNotNeeded", "Nothing changed since last training")
        if len(project.iterations) >= self.limits.iterations:
            raise Refusal("BadRequestExceedIterationPerProjectLimit", "The number of iterations exceeds the limit.")
        project.trainings += 1
        tagged = [image for image in project.images.values() if image.tags]
        iteration = Iteration(
            name=f"Iteration {project.trainings}",
            training_type=training_type,
            budget=budget,
            left=self.polls,
            fails=self.fail_training.pop(0) if self.fail_training else "",
            fingerprint=project.fingerprint(),
            learnt=learn(project.kind, list(project.tags), [_lesson(image) for image in tagged]),
            tags=[replace(tag) for tag in project.tags.values()],
            images=len(tagged),
            counts={tag: sum(tag in image.tags for image in tagged) for tag in project.tags},
        )
        project.iterations[iteration.id] = iteration
        return iteration

    def poll(self, iteration: Iteration) -> Iteration:
        """The iteration, one step on."""
        if iteration.status == "Training":
            iteration.left -= 1
            if iteration.left < 0:
                iteration.status = "Failed" if iteration.fails else "Completed"
                iteration.modified = now()
        return iteration

    def publish(self, project: Project, iteration: Iteration, name: str, target: str, *, overwrite: bool) -> None:
        """Let an iteration answer under a name."""
        if iteration.status != "Completed":
            raise Refusal("BadRequestIterationIsNotTrained", "The iteration is not trained.")
        if iteration.publish_name:
            raise Refusal("BadRequestIterationIsPublished", f"Iteration is already published as: {iteration.publish_name}")
        if target != self.prediction_resource:
            raise Refusal("BadRequestInvalidPublishTarget", "The prediction resource cannot be published to.")
        holder = published(project, name)
        if holder and not overwrite:
            raise Refusal("BadRequestInvalidPublishName", f"The name {name} is taken.")
        if holder:
            holder.publish_name = holder.publish_target = None
        iteration.publish_name, iteration.publish_target = name, target

    def delete_iteration(self, project: Project, iteration: Iteration) -> None:
        """Never a published or running one."""
        if iteration.publish_name:
            raise Refusal("BadRequestIterationIsPublished", f"Iteration is already published as: {iteration.publish_name}")
        if iteration.status == "Training":
            raise Refusal("BadRequestInvalid", "The iteration is being trained.")
        del project.iterations[iteration.id]

    def predict(self, project: Project, iteration: Iteration, data: bytes) -> Json:
        """What an iteration sees in an image."""
        if iteration.status != "Completed" or iteration.learnt is None:
            raise Refusal("BadRequestIterationIsNotTrained", "The iteration is not trained.")
        if len(data) > self.limits.prediction_bytes:
            raise Refusal("BadRequestImageSizeBytes", "The image is too large.")
        try:
            pixels, format_, _ = pixels_of(data)
        except OSError as error:
            raise Refusal("BadRequestImageFormat", "Bad Request Image Format") from error
        if format_ not in ("JPEG", "PNG", "BMP", "GIF"):
            raise Refusal("BadRequestImageFormat", "Bad Request Image Format")
        tags = {tag.id: tag for tag in iteration.tags}
        return {
            "id": str(uuid4()),
            "project": project.id,
            "iteration": iteration.id,
            "created": short_time(now()),
            "predictions": [_prediction(tags[tag], chance, box) for tag, chance, box in iteration.learnt.answer(pixels)],
        }

    def performance(self, project: Project, iteration: Iteration) -> Json:
        """How an iteration does on what it learnt from, which flatters it."""
        images = [image for image in project.images.values() if image.tags]
        assert iteration.learnt is not None
        answers = [(image, [seen for seen in iteration.learnt.answer(image.pixels) if seen[1] >= 0.5]) for image in images]
        rows = []
        for tag in iteration.tags:
            having = [image for image in images if tag.id in image.tags]
            said = [image for image, seen in answers if tag.id in {name for name, *_ in seen}]
            right = len([image for image in said if tag.id in image.tags])
            rows.append(
                _rates(right / len(said) if said else 0.0, right / len(having) if having else 0.0)
                | {"id": tag.id, "name": tag.name}
            )
        count = max(len(rows), 1)
        whole = _rates(sum(row["precision"] for row in rows) / count, sum(row["recall"] for row in rows) / count)
        return {"perTagPerformance": rows, **whole}

    def _check_enough(self, project: Project) -> None:
        kind = project.kind
        needed = self.limits.images_per_tag.get(kind, 5)
        counts = {tag: sum(tag in image.tags for image in project.images.values()) for tag in project.tags}
        if len(counts) < (1 if kind == "Detection" else 2) or min(counts.values(), default=0) < needed:
            names = {"Detection": "Detection", "Multiclass": "MultiClassClassification", "Multilabel": "MultiLabelClassification"}
            raise Refusal(f"BadRequest{names[kind]}TrainingValidationFailed", "Not enough images per tag for training")

    def _add_image(self, project: Project, entry: Mapping[str, Any], shared: Sequence[str], metadata: Mapping[str, str]) -> Json:
        answer: Json = {"sourceUrl": f'"{entry.get("name", "")}"' if self.tells_names else None}
        try:
            data = base64.b64decode(entry.get("contents") or "", validate=True)
        except binascii.Error:
            return answer | {"status": "ErrorSource", "image": None}
        sha256 = hashlib.sha256(data).hexdigest()
        status = self.image_statuses[sha256].pop(0) if self.image_statuses.get(sha256) else ""
        known = next((image for image in project.images.values() if image.sha256 == sha256), None)
        fault, image = (status, None) if status else ("", known) if known else self._new_image(project, data, sha256)
        fault = fault or self._tag_fault(project, [*shared, *_tags_of(entry)], entry, image)
        if fault or image is None:
            return answer | {"status": fault, "image": None}
        for tag in [*shared, *_tags_of(entry)]:
            if project.kind != "Detection" and not (project.kind == "Multiclass" and image.tags):
                image.tags.setdefault(tag, now())
        for region in entry.get("regions") or []:
            new = self._region(project, region)
            if all(old.tag != new.tag or overlap(old.box, new.box) < 0.999 for old in image.regions):
                image.regions.append(new)
                image.tags.setdefault(new.tag, now())
        if known:
            return answer | {"status": "OKDuplicate", "image": image_json(project, image, named=False)}
        image.metadata = dict(metadata)
        project.images[image.id] = image
        return answer | {"status": "OK", "image": image_json(project, image, named=False)}

    def _new_image(self, project: Project, data: bytes, sha256: str) -> tuple[str, StoredImage | None]:
        if len(data) > self.limits.upload_bytes:
            return "ErrorImageSize", None
        try:
            pixels, format_, size = pixels_of(data)
        except OSError:
            return "ErrorImageFormat", None
        if format_ not in ("JPEG", "PNG", "BMP", "GIF"):
            return "ErrorImageFormat", None
        if max(size) > 10_240 or max(size) > 25 * min(size):
            return "ErrorImageDimensions", None
        if len(project.images) >= self.limits.images:
            return "ErrorLimitExceed", None
        return "", StoredImage(data, sha256, pixels, size)

    def _tag_fault(self, project: Project, tags: Sequence[str], entry: Mapping[str, Any], image: StoredImage | None) -> str:
        regions = entry.get("regions") or []
        if any(tag not in project.tags for tag in [*tags, *(region["tagId"] for region in regions)]):
            return "ErrorInvalidTag"
        if len(regions) > self.limits.regions_per_image:
            return "ErrorRegionLimitExceed"
        all_tags = {*tags, *(image.tags if image else ())}
        kinds = {project.tags[tag].type for tag in all_tags}
        if project.kind == "Multilabel" and "Negative" in kinds and len(all_tags) > 1:
            return "ErrorNegativeAndRegularTagOnSameImage"
        return "ErrorTagLimitExceed" if len(tags) > (1 if project.kind == "Multiclass" else 100) else ""

    def _region(self, project: Project, entry: Mapping[str, Any]) -> Region:
        box = Box(entry["left"], entry["top"], entry["width"], entry["height"])
        if not (0 <= box.left <= 1 and 0 <= box.top <= 1 and box.left + box.width <= 1.00001 and box.top + box.height <= 1.00001):
            raise Refusal("BadRequestImageRegions", "A region lies outside its image.")
        return Region(project.tag(entry["tagId"]).id, box)


def published(project: Project, name: str) -> Iteration | None:
    """The iteration that answers under a name."""
    return next((iteration for iteration in project.iterations.values() if iteration.publish_name == name), None)


def project_json(project: Project) -> Json:
    """As the wire has it."""
    return {
        "id": project.id,
        "name": project.name,
        "description": project.description,
        "settings": {
            "domainId": project.domain,
            "classificationType": project.classification,
            "targetExportPlatforms": [],
            "useNegativeSet": True,
            "detectionParameters": None,
            "imageProcessingSettings": {"augmentationMethods": dict.fromkeys(AUGMENTATION, True)},
        },
        "created": short_time(project.created),
        "lastModified": short_time(project.created),
        "thumbnailUri": None,
        "drModeEnabled": False,
        "status": "Succeeded",
    }


def tag_json(project: Project, tag: Tag) -> Json:
    """As the wire has it."""
    count = sum(tag.id in image.tags for image in project.images.values())
    return {"id": tag.id, "name": tag.name, "description": tag.description, "type": tag.type, "imageCount": count}


def region_json(project: Project, region: Region) -> Json:
    """As the wire has it; coordinates are single precision."""
    tag = project.tags[region.tag]
    box = {name: round(value, 7) for name, value in region.box._asdict().items()}
    return {"regionId": region.id, "tagName": tag.name, "created": exact_time(region.created), "tagId": tag.id, **box}


def image_json(project: Project, image: StoredImage, *, named: bool = True, link: Callable[[str], str] | None = None) -> Json:
    """As the wire has it: empty parts are absent; the answer to an upload has no tag names.

    Args:
        link: Makes a signed address of an image's path.
    """
    address = (link or (lambda path: f"https://images.invalid/{path}"))(
        f"i-{project.id.replace('-', '')}/i-{image.id.replace('-', '')}"
    )
    answer: Json = {
        "id": image.id,
        "created": exact_time(image.created),
        "width": image.size[0],
        "height": image.size[1],
        "resizedImageUri": address,
        "thumbnailUri": address,
        "originalImageUri": address,
    }
    if image.tags:
        answer["tags"] = [
            {"tagId": tag, "tagName": project.tags[tag].name if named else None, "created": exact_time(given)}
            for tag, given in image.tags.items()
        ]
    if image.regions:
        answer["regions"] = [region_json(project, region) for region in image.regions]
    if image.metadata:
        answer["metadata"] = image.metadata
    return answer


def iteration_json(project: Project, iteration: Iteration) -> Json:
    """As the wire has it: while it runs little is known, `trainedAt` is absent until it is done."""
    known = iteration.status != "Training" or iteration.left <= 0
    done = {"trainedAt": short_time(iteration.modified)} if iteration.status == "Completed" else {}
    return done | {
        "id": iteration.id,
        "name": iteration.name,
        "status": iteration.status,
        "created": short_time(iteration.created),
        "lastModified": short_time(iteration.modified),
        "projectId": project.id,
        "exportable": DOMAINS[project.domain][2],
        "exportableTo": [] if known else None,
        "domainId": project.domain if known else None,
        "classificationType": project.classification if known else None,
        "trainingType": iteration.training_type,
        "reservedBudgetInHours": iteration.budget,
        "trainingTimeInMinutes": 1 if known else 0,
        "publishName": iteration.publish_name,
        "originalPublishResourceId": iteration.publish_target,
        "customBaseModelInfo": None,
        "trainingErrorDetails": iteration.fails if iteration.status == "Failed" else None,
    }


def _tags_of(entry: Mapping[str, Any]) -> list[str]:
    return list(entry.get("tagIds") or [])


def _lesson(image: StoredImage) -> Lesson:
    return Lesson(image.pixels, tuple(image.tags), tuple((region.tag, region.box) for region in image.regions))


def _prediction(tag: Tag, chance: float, box: Box | None) -> Json:
    answer: Json = {"probability": round(chance, 7), "tagId": tag.id, "tagName": tag.name, "tagType": tag.type}
    return answer | ({"boundingBox": box._asdict()} if box else {})


def _rates(precision: float, recall: float) -> Json:
    spread = {"precisionStdDeviation": 0.0, "recallStdDeviation": 0.0}
    return {"precision": precision, "recall": recall, "averagePrecision": precision, **spread}
