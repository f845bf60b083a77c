"""What a user may choose, in groups of typed, described values with their limits and defaults.

Belongs here: one frozen group per subject; stages take the group they need. Does not: where values come from (`settings.py`).
"""

import os
from datetime import date
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


class Serve(_Group):
    """The server: the Azure AI Search custom skill and the gallery."""

    host: str = Field("127.0.0.1", description="Address to listen on; another than this machine's own needs `serve.key`.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    key: SecretStr | None = Field(None, description="What callers of the skill send, and what signs a person in to the gallery.")
    host_names: tuple[str, ...] = Field(
        (),
        description="Names that callers may know this server by; none given: any, or only this machine's own where it listens there.",
    )
    open_gallery: bool = Field(
        default=False, description="Show the gallery without signing in, even where other machines can reach it."
    )
    editing: bool = Field(default=False, description="Let signed-in people label and upload in the gallery; needs `serve.key`.")
    follow_model: bool = Field(
        default=True, description="Take over a newly published model while serving; else the one published at the start stays."
    )
    model_check_seconds: float = Field(5.0, gt=0, description="Time between two looks for a newly published model.")
    warn_below: float = Field(0.0, ge=0, le=1, description="The skill warns of answers that are less sure than this.")
    answer_seconds: float = Field(
        25.0, gt=0, le=230, description="The skill answers within this time; keep it below the skillset's `timeout`."
    )
    workers: int = Field(
        default_factory=lambda: min(8, os.cpu_count() or 1), ge=1, le=64, description="Batches of images worked on at once."
    )
    batch: int = Field(8, ge=1, le=1000, description="Images handed to a step at once when several wait.")
    calls: int = Field(8, ge=1, le=1000, description="Calls of the skill read and worked on at once; bounds the memory.")
    waiting_calls: int = Field(
        64, ge=0, le=10_000, description="Calls that may wait for that; more are told to come again (429)."
    )
    max_body_bytes: int = Field(64_000_000, ge=1000, description="Largest call of the skill, in bytes.")
    max_image_bytes: int = Field(
        20_000_000, ge=1000, description="Largest image in a call, and largest dropped picture, in bytes."
    )
    max_upload_bytes: int = Field(100_000_000, ge=1000, description="Largest file the gallery's upload takes, in bytes.")
    max_records: int = Field(1000, ge=1, le=10_000, description="Most records in a call of the skill.")
    image_hosts: tuple[str, ...] = Field(
        (), description="Hosts the skill may fetch images from: `host`, `*.domain`, or `https://host:port`; none by default."
    )
    private_hosts: bool = Field(default=False, description="Let those hosts have private addresses (private endpoints).")
    debug: bool = Field(default=False, description="Log more; never an image, never a key.")
