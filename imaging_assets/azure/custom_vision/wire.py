"""What Custom Vision's answers say, as frozen values.

Belongs here: values of this package and how the SDK's models become them. Does not: calls (`project.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from imaging_assets.records.manifests import Region
from imaging_assets.records.models import ModelKind
from imaging_assets.records.predictions import Prediction

OUR_MARK = {"uploaded_by": "imaging-assets"}
"""Metadata of every image we upload, so that we never delete an image that is somebody else's."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of the project; `images` counts those that have it."""

    id: str
    name: str
    description: str
    negative: bool
    images: int


@dataclass(frozen=True, slots=True)
class RemoteRegion:
    """A region of an image of the project."""

    id: str
    region: Region


@dataclass(frozen=True, slots=True)
class RemoteImage:
    """An image of the project; `url` gives its original bytes for a day, `ours` tells that this package uploaded it.

    `tagged_at` tells when it got each of its tags, where the service told.
    """

    id: str
    tags: tuple[str, ...]
    regions: tuple[RemoteRegion, ...]
    ours: bool
    url: str
    tagged_at: Mapping[str, datetime | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Upload:
    """One image to upload; tags and regions by tag id."""

    name: str
    data: bytes
    tag_ids: tuple[str, ...]
    regions: tuple[tuple[str, Region], ...]


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What became of one image of an upload: `OK`, `OKDuplicate` or an error of `ImageCreateStatus`."""

    status: str
    image_id: str


@dataclass(frozen=True, slots=True)
class Iteration:
    """A training of the project; `status` is a free text, seen were New, Training, Completed and Failed."""

    id: str
    name: str
    status: str
    publish_name: str
    publish_target: str
    created: str
    training_type: str
    minutes: int
    error: str


def kind_of(settings: Any) -> ModelKind:
    """What a project learns."""
    style = settings.classification_type
    return "multiclass" if style == "Multiclass" else "multilabel" if style == "Multilabel" else "detection"


def tag_of(tag: Any) -> Tag:
    """A tag."""
    return Tag(str(tag.id), tag.name, tag.description or "", tag.type == "Negative", tag.image_count or 0)


def image_of(image: Any) -> RemoteImage:
    """An image, its tags by name."""
    regions = tuple(
        RemoteRegion(str(found.region_id), Region(found.tag_name, found.left, found.top, found.width, found.height))
        for found in image.regions or ()
    )
    metadata: Mapping[str, str] = image.metadata or {}
    tagged_at = {tag.tag_name: tag.created for tag in image.tags or ()}
    ours = OUR_MARK.items() <= metadata.items()
    return RemoteImage(str(image.id), tuple(sorted(tagged_at)), regions, ours, image.original_image_uri or "", tagged_at)


def uploaded_of(result: Any) -> Uploaded:
    """An outcome; one that the answer lacks is unknown."""
    if result is None:
        return Uploaded("ErrorUnknown", "")
    return Uploaded(str(getattr(result.status, "value", result.status)), str(result.image.id) if result.image else "")


def entry_of(kind: Any, tag_id: str, region: Region, **more: str) -> Any:
    """A region as one of the SDK's classes."""
    return kind(tag_id=tag_id, left=region.left, top=region.top, width=region.width, height=region.height, **more)


def iteration_of(found: Any) -> Iteration:
    """An iteration."""
    return Iteration(
        id=str(found.id),
        name=found.name,
        status=found.status or "",
        publish_name=found.publish_name or "",
        publish_target=found.original_publish_resource_id or "",
        created=found.created.isoformat() if found.created else "",
        training_type=str(found.training_type or "Regular"),
        minutes=found.training_time_in_minutes or 0,
        error=found.training_error_details or "",
    )


def predictions_of(told: Any) -> list[Prediction]:
    """Predictions by falling probability."""
    seen = [
        Prediction(
            found.tag_name,
            min(max(found.probability, 0.0), 1.0),
            Region(found.tag_name, *(getattr(found.bounding_box, side) for side in ("left", "top", "width", "height")))
            if found.bounding_box
            else None,
        )
        for found in told.predictions
    ]
    return sorted(seen, key=lambda prediction: (-prediction.probability, prediction.tag))
