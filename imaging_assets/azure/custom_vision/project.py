"""One project of Custom Vision: the official SDK as typed functions, every call through `calls.Calls`.

Belongs here: which SDK method is called with what, and whether it may be repeated. Does not: when to call it, or what for.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from azure.cognitiveservices.vision.customvision.training import models as sdk

from imaging_assets.azure.custom_vision.client import Connection
from imaging_assets.azure.custom_vision.wire import (
    OUR_MARK,
    Iteration,
    RemoteImage,
    Tag,
    Upload,
    Uploaded,
    entry_of,
    image_of,
    iteration_of,
    predictions_of,
    tag_of,
    uploaded_of,
)
from imaging_assets.records.manifests import Region
from imaging_assets.records.models import ModelKind
from imaging_assets.records.predictions import Prediction

PAGE = 256
"""Images listed, read by id, or deleted at once."""

BATCH = 64
"""Images, tags or regions changed at once."""

BATCH_TAGS = 20
"""Distinct tags in one change."""

_TOO_BIG = (408, 413)

Item = TypeVar("Item")


class Project:
    """One project. Tags are named by name wherever possible."""

    def __init__(self, connection: Connection, project_id: str, name: str) -> None:
        self.id = project_id
        self.name = name
        self.calls = connection.calls
        self._training = connection.training
        self._prediction = connection.prediction

    def tags(self) -> list[Tag]:
        """All tags."""
        return [tag_of(tag) for tag in self._make("list its tags", lambda: self._training.get_tags(self.id))]

    def create_tag(self, name: str, *, description: str, negative: bool) -> Tag:
        """Make a tag; one that is there already (a lost answer) is taken."""

        def make() -> Any:
            try:
                kind = "Negative" if negative else "Regular"
                return self._training.create_tag(self.id, name, description=description or None, type=kind)
            except sdk.CustomVisionErrorException as error:
                there = getattr(error.error, "code", "") == "BadRequestTagNameNotUnique"
                same = [tag for tag in self._training.get_tags(self.id) if tag.name == name] if there else []
                if not same:
                    raise
                return same[0]

        return tag_of(self._make(f"make tag {name!r}", make))

    def describe_tag(self, tag: Tag, description: str) -> None:
        """Change a tag's description."""
        changed = sdk.Tag(name=tag.name, description=description, type="Negative" if tag.negative else "Regular")
        self._make(f"describe tag {tag.name!r}", lambda: self._training.update_tag(self.id, tag.id, changed))

    def delete_tag(self, tag: Tag) -> None:
        """Delete a tag; it leaves its images."""
        self._delete(f"delete tag {tag.name!r}", lambda: self._training.delete_tag(self.id, tag.id))

    def images(self, *, tagged_only: bool = False) -> Iterator[RemoteImage]:
        """All images, oldest first."""
        status = "Tagged" if tagged_only else "All"
        for skip in range(0, 10**9, PAGE):
            page = self._make(
                "list its images",
                partial(self._training.get_images, self.id, tagging_status=status, order_by="Oldest", take=PAGE, skip=skip),
            )
            yield from map(image_of, page)
            if len(page) < PAGE:
                return

    def images_by_id(self, ids: Sequence[str]) -> list[RemoteImage]:
        """These images as they are now; those that are gone are left out."""
        return [
            image_of(image)
            for chunk in chunks(ids, PAGE)
            for image in self._make(
                f"read {len(chunk)} images", partial(self._training.get_images_by_ids, self.id, image_ids=chunk)
            )
        ]

    def upload(self, images: Sequence[Upload]) -> list[Uploaded]:
        """Upload up to 64 images with up to 20 tags; one outcome each, in order. Repeating it changes nothing."""
        entries = [
            sdk.ImageFileCreateEntry(
                name=str(number),
                contents=bytearray(image.data),
                tag_ids=list(image.tag_ids) or None,
                regions=[entry_of(sdk.Region, tag_id, region) for tag_id, region in image.regions] or None,
            )
            for number, image in enumerate(images)
        ]
        batch = sdk.ImageFileCreateBatch(images=entries, metadata=OUR_MARK)
        answer = self._make(
            f"upload {len(images)} images, the first {images[0].name}",
            lambda: self._training.create_images_from_files(self.id, batch),
            not_again=_TOO_BIG if len(images) > 1 else (),
        )
        # The service tells the files' names, in quotes; the order is only relied on should it one day not.
        told = {str(result.source_url).strip('"'): result for result in answer.images}
        if len(answer.images) == len(images) and "0" not in told:
            return [uploaded_of(result) for result in answer.images]
        return [uploaded_of(told.get(str(number))) for number in range(len(images))]

    def delete_images(self, ids: Sequence[str]) -> None:
        """Delete images from the project; iterations that learnt from them stay."""
        for chunk in chunks(ids, PAGE):
            self._delete(f"delete {len(chunk)} images", partial(self._training.delete_images, self.id, image_ids=chunk))

    def add_tags(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Give tags to images, up to 64 pairs of image id and tag id with up to 20 tags. Repeating it changes nothing."""
        entries = [sdk.ImageTagCreateEntry(image_id=image, tag_id=tag) for image, tag in pairs]
        batch = sdk.ImageTagCreateBatch(tags=entries)
        self._make(f"tag {len(pairs)} images", lambda: self._training.create_image_tags(self.id, tags=batch.tags))

    def remove_tags(self, image_ids: Sequence[str], tag_ids: Sequence[str]) -> None:
        """Take each of up to 20 tags from each of up to 64 images."""
        self._delete(
            f"untag {len(image_ids)} images",
            lambda: self._training.delete_image_tags(self.id, image_ids=image_ids, tag_ids=tag_ids),
        )

    def add_regions(self, regions: Sequence[tuple[str, str, Region]]) -> None:
        """Give up to 64 regions (image id, tag id, box) to images. Repeating it doubles them, so a lost answer is an error."""
        entries = [entry_of(sdk.ImageRegionCreateEntry, tag, region, image_id=image) for image, tag, region in regions]
        self._make(
            f"add {len(regions)} regions", lambda: self._training.create_image_regions(self.id, regions=entries), repeat=False
        )

    def remove_regions(self, ids: Sequence[str]) -> None:
        """Delete regions."""
        for chunk in chunks(ids, BATCH):
            self._delete(f"delete {len(chunk)} regions", partial(self._training.delete_image_regions, self.id, region_ids=chunk))

    def iterations(self) -> list[Iteration]:
        """All iterations, oldest first."""
        found = self._make("list its iterations", lambda: self._training.get_iterations(self.id))
        return sorted(map(iteration_of, found), key=lambda iteration: iteration.created)

    def iteration(self, iteration_id: str) -> Iteration:
        """One iteration as it is now."""
        found = self._make("read an iteration", lambda: self._training.get_iteration(self.id, iteration_id))
        return iteration_of(found)

    def train(self, training_type: str, budget_hours: int, before: Collection[str], *, force: bool) -> Iteration:
        """Start a training.

        Args:
            before: Ids of the iterations there were, so that one whose answer was lost is found and not begun twice.
        """
        return self.calls.make(
            "train",
            f"train project {self.name!r}",
            lambda: iteration_of(
                self._training.train_project(
                    self.id, training_type=training_type, reserved_budget_in_hours=budget_hours, force_train=force
                )
            ),
            look=lambda: self.begun_since(before),
        )

    def begun_since(self, before: Collection[str]) -> Iteration | None:
        """The newest iteration that is not among those, or None."""
        new = [iteration for iteration in self.iterations() if iteration.id not in before and iteration.status != "New"]
        return new[-1] if new else None

    def name_iteration(self, iteration_id: str, name: str) -> None:
        """Give an iteration a name."""
        self._make(f"name iteration {name!r}", lambda: self._training.update_iteration(self.id, iteration_id, name))

    def rates(self, iteration_id: str) -> tuple[float, float]:
        """Precision and recall, 0-1, as the service found them on images it set aside itself."""
        told = self._make("read an iteration's rates", lambda: self._training.get_iteration_performance(self.id, iteration_id))
        return float(told.precision), float(told.recall)

    def delete_iteration(self, iteration: Iteration) -> None:
        """Delete an iteration."""
        doing = f"delete iteration {iteration.name!r}"
        self._delete(doing, lambda: self._training.delete_iteration(self.id, iteration.id))

    def publish(self, iteration: Iteration, name: str, target: str) -> None:
        """Let an iteration answer under a name, instead of whichever did."""
        self._make(
            f"publish iteration {iteration.name!r} as {name!r} to custom_vision.prediction_resource_id",
            lambda: self._training.publish_iteration(self.id, iteration.id, name, target, overwrite=True),
            look=lambda: self.iteration(iteration.id).publish_name == name or None,
        )

    def unpublish(self, iteration: Iteration) -> None:
        """Let an iteration no longer answer."""
        doing = f"unpublish iteration {iteration.name!r}"
        self._delete(doing, lambda: self._training.unpublish_iteration(self.id, iteration.id))

    def ask(self, iteration_id: str, image: bytes) -> list[Prediction]:
        """What any iteration sees in an image, by quick-test; nothing is stored."""
        told = self._make(
            "test an image", lambda: self._training.quick_test_image(self.id, image, iteration_id=iteration_id, store=False)
        )
        return predictions_of(told)

    def ask_published(self, publish_name: str, kind: ModelKind, image: bytes) -> list[Prediction]:
        """What the published iteration sees in an image; nothing is stored."""
        client = self._prediction
        ask = client.detect_image_with_no_store if kind == "detection" else client.classify_image_with_no_store
        return predictions_of(self.calls.make("prediction", "predict an image", lambda: ask(self.id, publish_name, image)))

    def _make(self, doing: str, call: Callable[[], Any], **how: Any) -> Any:
        return self.calls.make("other", f"{doing} (project {self.name!r})", call, **how)

    def _delete(self, doing: str, call: Callable[[], Any]) -> None:
        """Deleting what is gone already is done."""

        def delete() -> None:
            try:
                call()
            except sdk.CustomVisionErrorException as error:
                if error.response.status_code != 404:
                    raise

        self._make(doing, delete)


def chunks(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    """Runs of so many."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
