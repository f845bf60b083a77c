"""What people tag in the trainer's portal, as a label file of its own.

Belongs here: which of it is a statement, and the file. Does not: reading the portal (`ports/portal.py`), following label files (`labels`).

The trainer writes tags there as well, so most of what stands there is an echo of our own labels and no statement: taken for one, it would
be newer than what it echoes, and no label could ever be withdrawn again. The rule, for each image:

    it has what the trainer gave it      whatever the file says of it stays, be it nothing
    it has other tags or boxes           that is what people say; as old as its newest tag, or as this look where something only went
    it lost all its tags, or was deleted what the file says of it goes, which withdraws it
    the trainer took it out              what the file says stays: the trainer makes room for other reasons than labels

So a statement outlives the trainer's next visit, when the project has just what the statement said. The file is rewritten only when it
changes, and equal statements keep their times. It is in Label Studio's format, which holds boxes, times and any tag.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from imaging_assets.errors import BlobNotFoundError, LabelFileError
from imaging_assets.records.manifests import PortalImage, PortalView, Region
from imaging_assets.stages.pipeline import Pipeline

WHO = "Custom Vision"

Task = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PullReport:
    """What a look at the portal changed.

    Attributes:
        unread: Images that could not be identified, by their id there, with the reason.
        not_now: Why nothing could be told; then the file is as it was.
    """

    file: str = ""
    statements: int = 0
    new: int = 0
    changed: int = 0
    withdrawn: int = 0
    unread: Mapping[str, str] = field(default_factory=dict)
    not_now: str = ""


def portal_file(pipeline: Pipeline) -> str:
    """Path of the label file; its folder may be a source of its own, with a priority."""
    return f"{pipeline.places.labels}/custom-vision/portal.json"


def pull_labels(pipeline: Pipeline, now: datetime) -> PullReport:
    """Bring the label file up to date with the portal, where there is one.

    Args:
        now: Time of this look, UTC.

    Raises:
        LabelFileError: The label file was damaged.
        ServiceError: The service failed.
        BlobConflictError: Somebody else wrote the file in between; the next look does it.
    """
    if pipeline.portal is None:
        return PullReport(not_now="Labels of the portal are not taken. Set custom_vision.pull_labels.")
    view = pipeline.portal.look()
    if view.not_now:
        return PullReport(not_now=view.not_now)
    path = portal_file(pipeline)
    before, etag = _read(pipeline, path)
    after = _merged(before, view, now)
    if after and after != before:
        text = json.dumps([task for _, task in sorted(after.items())], ensure_ascii=False, indent=1)
        pipeline.store.write(path, text.encode(), if_match=etag, if_absent=etag is None)
    elif before and not after:
        pipeline.store.delete(path)  # a source without a statement is a warning; one without a file is not there
    return PullReport(
        file=path if after else "",
        statements=len(after),
        new=len(after.keys() - before.keys()),
        changed=sum(after[sha256] != before[sha256] for sha256 in after.keys() & before.keys()),
        withdrawn=len(before.keys() - after.keys()),
        unread=view.unread,
    )


def _merged(before: Mapping[str, Task], view: PortalView, now: datetime) -> dict[str, Task]:
    """Statements by sha256."""
    tagged = {image.sha256: image for image in view.images}
    after = {sha256: task for sha256, task in before.items() if sha256 in tagged or sha256 not in view.known}
    for sha256, image in tagged.items():
        if not image.ours:
            said = _task(image, image.when or now)
            old = before.get(sha256)
            after[sha256] = old if old and _content(old) == _content(said) else said
    return after


def _read(pipeline: Pipeline, path: str) -> tuple[dict[str, Task], str | None]:
    """Tasks by sha256 and the file's etag; None where there is no file."""
    try:
        blob = pipeline.store.read(path)
    except BlobNotFoundError:
        return {}, None
    try:
        return {task["data"]["sha256"]: task for task in json.loads(blob.data)}, blob.etag
    except (ValueError, TypeError, KeyError) as error:
        raise LabelFileError(
            f"{path} is not what was written there. Delete it: the next look writes what the portal says now."
        ) from error


def _task(image: PortalImage, when: datetime) -> Task:
    boxed = {region.tag for region in image.regions}
    plain = [tag for tag in image.tags if tag not in boxed]
    result: list[dict[str, Any]] = [{"type": "choices", "value": {"choices": plain}}] if plain else []
    result += [
        {"type": "rectanglelabels", "value": {**_per_cent(region), "rectanglelabels": [region.tag]}} for region in image.regions
    ]
    return {
        "data": {"sha256": image.sha256},
        "annotations": [{"completed_by": WHO, "created_at": when.isoformat(), "result": result}],
    }


def _per_cent(region: Region) -> dict[str, float]:
    sides = {"x": region.left, "y": region.top, "width": region.width, "height": region.height}
    return {name: round(100 * value, 4) for name, value in sides.items()}


def _content(task: Task) -> object:
    """What a statement says, without when."""
    return task["annotations"][0]["result"]
