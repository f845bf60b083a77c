"""What a user may choose, in groups of typed, described values with their limits and defaults.

Belongs here: one frozen group per subject; stages take the group they need. Does not: where values come from (`settings.py`).
"""

import os
import re
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Partitions(_Group):
    """Which days exist."""

    start: date = Field(date(2025, 1, 1), description="First day; `add` and `demo` move it back when an older image arrives.")
    timezone: str = Field("UTC", description="Where a day begins and ends; an IANA name.")

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is not an IANA time zone such as 'UTC' or 'Europe/Berlin'") from error
        return value


class Places(_Group):
    """Folders inside the store."""

    landing: str = Field("landing", description="Where images arrive, in yyyy/mm/dd/ folders. Read only, except by `add`.")
    labels: str = Field("labels", description="Label files.")
    resized: str = Field("resized", description="Resized images, named by content.")
    thumbnails: str = Field("thumbnails", description="Thumbnails, named by content.")
    manifests: str = Field("manifests", description="One table per asset and day.")
    crops: str = Field("crops", description="Crops of faces, named by content; private.")
    persons: str = Field("persons", description="Reference pictures of persons, a folder each; private.")
    models: str = Field("models", description="Trained models, the published one, the ledger, remembered scores.")


class Resize(_Group):
    """What an image must fit into."""

    max_bytes: int = Field(
        6_000_000, ge=10_000, description="Largest resized file, in bytes (Custom Vision trains on up to 6 MB)."
    )
    max_edge: int = Field(10_240, ge=64, description="Longest edge of a resized image, in pixels.")
    max_pixels: int = Field(89_478_485, ge=10_000, description="Larger images are quarantined unread, in pixels.")
    min_quality: int = Field(70, ge=20, le=95, description="JPEG quality that is not gone below; pixels are given up instead.")
    background: str = Field("#ffffff", pattern=r"^#[0-9a-fA-F]{6}$", description="Colour behind transparent pixels.")
    thumbnail_edge: int = Field(256, ge=32, le=1024, description="Longest edge of a thumbnail, in pixels.")
    near_duplicate_bits: int = Field(
        4, ge=0, le=16, description="Images whose 64-bit hashes differ in at most so many bits are duplicates."
    )
    workers: int = Field(
        default_factory=lambda: min(8, os.cpu_count() or 1), ge=1, le=64, description="Images worked on at once in one run."
    )
    batch: int = Field(
        256, ge=1, le=10_000, description="Images between two journal entries; at most so many are repeated after a crash."
    )


class InsightStep(_Group):
    """One step of the group insights, under its name: `[insights.steps.image_texts]`."""

    enabled: bool | None = Field(default=None, description="Whether it runs; by default as docs/insights.md says.")
    analyzer: str = Field(
        "",
        description="Who answers: a built-in analyser, `module:attribute` or an entry point; by default the one of the step's name.",
    )
    images: tuple[str, ...] = Field(("*",), min_length=1, description="Patterns of landing paths (`*`, `?`) it is asked about.")
    requires: tuple[str, ...] = Field((), description="Further steps that come first and whose output it is shown.")
    options: dict[str, Any] = Field(default={}, description="Options of its analyser.")


class Insights(_Group):
    """What is read out of images besides the user's tags."""

    steps: dict[str, InsightStep] = Field(
        default={}, description="Steps by name, each with `enabled`, `analyzer`, `images`, `requires`, `options`."
    )
    crop_days: float | None = Field(
        default=None,
        gt=0,
        description="`gc` deletes crops of faces that are older than so many days; by default with their image.",
    )

    @field_validator("steps")
    @classmethod
    def _named(cls, value: dict[str, InsightStep]) -> dict[str, InsightStep]:
        for name in value:
            if not re.fullmatch(r"[a-z][a-z0-9_]{2,60}", name):
                raise ValueError(f"{name!r} is no name of a step: use small letters, digits and _")
        return value


class Catalog(_Group):
    """Where the SQL catalogue is."""

    url: SecretStr = Field(
        SecretStr(""),
        description="Database, as `postgresql+psycopg://user:password@host/name`; by default SQLite in the state folder.",
    )


class Labels(_Group):
    """How labels find their images."""

    separator: str = Field("|", min_length=1, max_length=1, description="Separates several tags in one cell of a CSV file.")
    from_folders: bool = Field(
        default=False, description="Take the first folder below the day as the tag of every landed image (folder per class)."
    )


class Training(_Group):
    """When and how a model is trained, and when it is published."""

    automatic: bool = Field(
        default=True, description="Let the training sensor run by default (off in profile azure: it spends money)."
    )
    min_images_per_tag: int = Field(5, ge=2, description="A tag with fewer train and validation images is left out.")
    validation_share: float = Field(0.15, ge=0.0, le=0.5, description="Share of each tag's images kept for validation.")
    test_share: float = Field(0.2, gt=0.0, le=0.5, description="Share of each tag's images that is only ever scored.")
    budget_seconds: float = Field(20.0, gt=0, description="Time the embedded trainer may spend comparing candidates.")
    seed: int = Field(0, description="Seed of everything random in a training.")
    min_changed_images: int = Field(1, ge=1, description="The sensor trains again when so many training images changed.")
    cool_down_minutes: float = Field(0.0, ge=0, description="The sensor waits so long after a training.")
    margin: float = Field(
        0.0, ge=0, le=1, description="A challenger is published when its accuracy is more than this above the champion's."
    )
    max_tag_drop: float = Field(0.2, ge=0, le=1, description="... and no tag's recall falls by more than this.")


class Rollout(_Group):
    """How a new model reaches older days."""

    days: int = Field(90, ge=0, description="Days, counted back from the newest, that are predicted again after a publication.")
    days_per_tick: int = Field(10, ge=1, le=25, description="Days asked for at once by the rollout sensor.")


class Sensors(_Group):
    """What the sensors watch, and how hard."""

    look_back_days: int = Field(14, ge=1, description="Newest days whose listing is compared at every tick.")
    sweep_days_per_tick: int = Field(20, ge=0, description="Older days compared at every tick, round and round.")
    requests_per_tick: int = Field(25, ge=1, le=100, description="Runs a sensor asks for at once.")
    interval_seconds: int = Field(30, ge=1, description="Time between two ticks.")
    retry_minutes: tuple[float, ...] = Field(
        (1.0, 5.0, 30.0), description="Waits before a failed day is asked for again; then it rests."
    )


class Deletions(_Group):
    """When vanished images are taken for an accident."""

    max_share: float = Field(0.3, ge=0, le=1, description="Share of a day's images ...")
    max_images: int = Field(20, ge=0, description="... and number of images that may vanish at once without consent.")
    max_days: int = Field(3, ge=1, description="So many days that vanish whole at once stop everything.")
