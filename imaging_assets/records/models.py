"""Values of the group *models*: what is trained on, what comes out, and how it is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from imaging_assets.records.manifests import Region, Split

ClassificationKind = Literal["multiclass", "multilabel"]
"""`multiclass`: one tag per image; `multilabel`: any number of tags per image."""

ModelKind = Literal[ClassificationKind, "detection"]
"""`detection`: tagged boxes, any number per image."""

Verdict = Literal["published", "kept champion", "not trained", "reused"]
"""`published`: became the champion; `kept champion`: lost to it; `not trained`: see the reason; `reused`: this very
training set was trained before."""


@dataclass(frozen=True, slots=True)
class TrainingImage:
    """One distinct image of a training set.

    Attributes:
        sha256: Hex digest of the landed bytes; the image's identity.
        blob: Path of the resized bytes to train on.
        tags: At least one; exactly one in a multiclass set.
        regions: Boxes, 0-1 of the upright image, top-left origin; empty for classification.
        group: Near-duplicates share it and never sit on two sides of the split.
        split: `train` or `validation` are trained on; `test` is only ever scored.
    """

    sha256: str
    blob: str
    tags: tuple[str, ...]
    regions: tuple[Region, ...]
    group: str
    split: Split


@dataclass(frozen=True, slots=True)
class Candidate:
    """One combination that a trainer compared, with its grouped cross-validation score (0-1)."""

    name: str
    score: float
    seconds: float


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """What a trainer made.

    Attributes:
        model_id: Names the folder `models/<model_id>/`.
        kind: What was learnt.
        tags: In the order of the model's outputs.
        candidates: What was compared, best first; empty where the service does not tell.
        seconds: Wall time of the training.
        details: Anything worth showing beside the metrics (external ids, chosen settings).
    """

    model_id: str
    kind: ModelKind
    tags: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    seconds: float
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TagScore:
    """How a model did on one tag of a test set; rates are 0-1, `images` counts the tag's test images.

    `average_precision` is the area under the steps of the curve of precision by recall, over all thresholds.
    """

    tag: str
    images: int
    precision: float
    recall: float
    average_precision: float = 0.0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model's result on the test rows of a training set.

    Attributes:
        accuracy: 0-1; 0.0 when `images` is 0.
        per_tag: In alphabetical order.
        confusion: Images by (tag, answered tag); "" for no answer. Empty when multilabel.
        curves: By tag, (recall, precision) at each threshold, the highest first.
    """

    model_id: str
    images: int
    accuracy: float
    per_tag: tuple[TagScore, ...]
    confusion: Mapping[tuple[str, str], int] = field(default_factory=dict)
    curves: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """The model that serves now, as `models/published.json` says it."""

    model_id: str
    published_at: str
    previous: str | None
    reason: str
