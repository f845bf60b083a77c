"""Settings: which steps say something about each image."""

import re
from typing import Any

from pydantic import Field, field_validator

from imaging_assets.policies.group import Group


class InsightStep(Group):
    """One step of the group insights, under its name: `[insights.steps.image_texts]`."""

    enabled: bool | None = Field(default=None, description="Whether it runs; by default as docs/insights.md says.")
    analyzer: str = Field(
        "",
        description="Who answers: a built-in analyser, `module:attribute` or an entry point; by default the one of the step's name.",
    )
    images: tuple[str, ...] = Field(("*",), min_length=1, description="Patterns of landing paths (`*`, `?`) it is asked about.")
    requires: tuple[str, ...] = Field((), description="Further steps that come first and whose output it is shown.")
    options: dict[str, Any] = Field(default={}, description="Options of its analyser.")


class Insights(Group):
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
