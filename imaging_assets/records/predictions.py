"""Values of the group *predictions*: what a model says about an image."""

from dataclasses import dataclass

from imaging_assets.records.manifests import Region


@dataclass(frozen=True, slots=True)
class Prediction:
    """One tag a model sees in an image; `probability` is 0-1, `box` is None for classification."""

    tag: str
    probability: float
    box: Region | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A model's answer for one image: predictions by falling probability, or why there are none."""

    predictions: tuple[Prediction, ...]
    error: str = ""
