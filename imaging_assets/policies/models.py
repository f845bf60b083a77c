"""Settings: when a model is trained and published, how it reaches older days, and what people are asked."""

from typing import Literal

from pydantic import Field, field_validator

from imaging_assets.policies.group import Group


class Training(Group):
    """When and how a model is trained, and when it is published."""

    automatic: bool = Field(
        default=True, description="Let the training sensor run by default (off where Custom Vision trains: it spends money)."
    )
    min_images_per_tag: int = Field(5, ge=2, description="A tag with fewer train and validation images is left out.")
    validation_share: float = Field(0.15, ge=0.0, le=0.5, description="Share of each tag's images kept for validation.")
    test_share: float = Field(0.2, gt=0.0, le=0.5, description="Share of each tag's images that is only ever scored.")
    trainer: Literal["scikit-learn", "torch"] = Field(
        "scikit-learn", description="Who trains without a service; `torch` is a small network and needs the extra `torch`."
    )
    budget_seconds: float = Field(20.0, gt=0, description="Time scikit-learn's trainer may spend comparing candidates.")
    torch_seconds: float = Field(
        300.0, gt=0, description="Time torch's trainer may spend learning; a network that does not get to its end learns less."
    )
    suspects_among: int = Field(
        2_000,
        ge=0,
        le=10_000,
        description="Newest training images whose labels get a second opinion; 0 for none. Time grows with the "
        "third power: 2,000 take a second or two, 10,000 some minutes.",
    )
    seed: int = Field(0, description="Seed of everything random in a training.")
    max_test_images: int = Field(
        1_000, ge=1, description="Test images scored per model at most, the same for all models; a service is paid for each."
    )
    min_changed_images: int = Field(1, ge=1, description="The sensor trains again when so many training images changed.")
    cool_down_minutes: float = Field(0.0, ge=0, description="The sensor waits so long after a training.")
    margin: float = Field(
        0.0, ge=0, le=1, description="A challenger is published when its accuracy is more than this above the champion's."
    )
    max_tag_drop: float = Field(0.2, ge=0, le=1, description="... and no tag's recall falls by more than this.")


class Review(Group):
    """What people are asked to look at."""

    images_per_day: int = Field(50, ge=1, le=10_000, description="Images in a day's review queue, at most.")
    image_url: str = Field(
        "/data/local-files/?d={path}",
        description="Where Label Studio finds an image; `{path}` stands for the resized image's path in the store. The default "
        "is Label Studio's own way to local files; in a container it is `azure-blob://CONTAINER/{path}`.",
    )

    @field_validator("image_url")
    @classmethod
    def _has_path(cls, value: str) -> str:
        if "{path}" not in value:
            raise ValueError("it must contain {path}, or every task shows the same image")
        return value


class Rollout(Group):
    """How a new model reaches older days."""

    days: int = Field(90, ge=0, description="Days, counted back from the newest, that are predicted again after a publication.")
    days_per_tick: int = Field(10, ge=1, le=25, description="Days asked for at once by the rollout sensor.")
