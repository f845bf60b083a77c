"""What the project should hold for a training set: which images, with which tags and regions; and why others are left out. Pure.

Belongs here: the service's rules that can be known beforehand. Does not: any call.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Literal

from imaging_assets.records.manifests import Region
from imaging_assets.records.models import ModelKind, TrainingImage

LEAST_IMAGES: Mapping[ModelKind, int] = {"multiclass": 5, "multilabel": 5, "detection": 15}
"""Images per tag without which the service refuses to train."""

_NAMED_TAGS = 5

ProjectType = Literal["auto", "multiclass", "multilabel", "detection"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image the project should hold; `tags` sorted, `regions` empty unless boxes are learnt."""

    sha256: str
    blob: str
    tags: tuple[str, ...]
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class Desired:
    """What the project should hold.

    Attributes:
        tags: Sorted.
        images: In digest order.
        left_out: Why an image of the train and validation rows is not wanted, by sha256.
        rare: Tags left out because too few images have them, with how many have.
    """

    kind: ModelKind
    tags: tuple[str, ...]
    images: tuple[Wanted, ...]
    left_out: Mapping[str, str]
    rare: Mapping[str, int]

    @property
    def digest(self) -> str:
        """Equal exactly for what the service would learn the same from."""
        learnt = [(image.sha256, image.tags, [astuple(region) for region in image.regions]) for image in self.images]
        return hashlib.sha256(json.dumps([self.kind, learnt]).encode()).hexdigest()


def kind_of(images: Sequence[TrainingImage], choice: ProjectType, negative: str) -> ModelKind:
    """What is learnt: as chosen, else boxes when every learnable image has some (the negative tag's aside), else by tags per image."""
    if choice != "auto":
        return choice
    positive = [image for image in _learnable(images) if image.tags != (negative,)]
    if positive and all(image.regions for image in positive):
        return "detection"
    several = any(len(image.tags) > 1 for image in images if image.split != "excluded")
    return "multilabel" if several else "multiclass"


def desire(images: Sequence[TrainingImage], choice: ProjectType, least: int, negative: str = "") -> Desired:
    """What the project should hold; test rows never.

    Args:
        least: Tags with fewer images are left out; the service's own minimum holds as well.
        negative: The tag that means none of the others, or "".
    """
    kind = kind_of(images, choice, negative)
    least = max(least, LEAST_IMAGES[kind])
    left_out: dict[str, str] = {}
    fitting: list[Wanted] = []
    for image in sorted(_learnable(images), key=lambda image: image.sha256):
        if reason := _unfit(image, kind, negative):
            left_out[image.sha256] = reason
        else:
            regions = tuple(map(_inside, image.regions)) if kind == "detection" else ()
            tags = {region.tag for region in regions} if kind == "detection" else set(image.tags)
            fitting.append(Wanted(image.sha256, image.blob, tuple(sorted(tags)), regions))
    counts = Counter(tag for image in fitting for tag in image.tags)
    rare = {tag: number for tag, number in sorted(counts.items()) if number < least}
    wanted = []
    for whole in fitting:
        kept = _without(whole, rare)
        if kept.tags:
            wanted.append(kept)
        else:
            left_out[whole.sha256] = f"too few images have its tags ({', '.join(whole.tags)})"
    return Desired(kind, tuple(sorted(counts.keys() - rare.keys())), tuple(wanted), left_out, rare)


def refusal(desired: Desired, least: int) -> str:
    """Why the service would not train on this, or ""."""
    needed = 1 if desired.kind == "detection" else 2
    least = max(least, LEAST_IMAGES[desired.kind])
    if len(desired.tags) >= needed:
        return ""
    need = f"{needed} tag{'s' if needed > 1 else ''} with at least {least} images each {'are' if needed > 1 else 'is'} needed"
    known = len(desired.tags) + len(desired.rare)
    if known < needed:
        only = "".join(f": {tag}" for tag in desired.tags or desired.rare)
        return f"{need}, there {'is' if known == 1 else 'are'} {known}{only}. Label images of another tag."
    rare = list(desired.rare.items())
    lacking = ", ".join(f"{tag} has {number} of {least}" for tag, number in rare[:_NAMED_TAGS])
    more = f" and {len(rare) - _NAMED_TAGS} more tags have too few" if len(rare) > _NAMED_TAGS else ""
    return f"{need}: {lacking}{more}. Label more images of them."


def _learnable(images: Sequence[TrainingImage]) -> list[TrainingImage]:
    return [image for image in images if image.split in ("train", "validation")]


def _unfit(image: TrainingImage, kind: ModelKind, negative: str) -> str:
    if kind == "detection":
        return "" if image.regions else "it has no region, and the project learns boxes"
    if kind == "multiclass" and len(image.tags) > 1:
        return f"it has {len(image.tags)} tags, and the project learns one per image"
    if negative in image.tags and len(image.tags) > 1:
        return f"it has the negative tag {negative!r} and others"
    return ""


def _inside(region: Region) -> Region:
    """The part of a box that lies on the image; the service refuses boxes that do not."""
    left, top = max(region.left, 0.0), max(region.top, 0.0)
    right, bottom = min(region.left + region.width, 1.0), min(region.top + region.height, 1.0)
    return Region(region.tag, left, top, right - left, bottom - top)


def _without(image: Wanted, rare: Mapping[str, int]) -> Wanted:
    tags = tuple(tag for tag in image.tags if tag not in rare)
    return Wanted(image.sha256, image.blob, tags, tuple(region for region in image.regions if region.tag not in rare))
