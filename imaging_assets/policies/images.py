"""Settings: what lands, when it belongs to which day, and what an image must fit into."""

import os
from datetime import date
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from imaging_assets.policies.group import Group


class Partitions(Group):
    """Which days exist."""

    start: date = Field(date(2025, 1, 1), description="First day; `add` and `demo` move it back when an older image arrives.")
    fresh_days: float | None = Field(
        None, gt=0, description="`raw_images_are_fresh` fails when the newest day with images is older; unset, it only tells."
    )
    timezone: str = Field("UTC", description="Where a day begins and ends; an IANA name.")
    folder: str = Field(
        "{yyyy}/{mm}/{dd}", description="Folders below the landing place that tell an image's day; each of the three once."
    )
    undated: Literal["report", "arrival"] = Field(
        "report",
        description='Images in no such folder: "report" leaves them alone and lists them, "arrival" takes the day of their arrival.',
    )

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is not an IANA time zone such as 'UTC' or 'Europe/Berlin'") from error
        return value

    @field_validator("folder")
    @classmethod
    def _dated(cls, value: str) -> str:
        clean = value.strip("/")
        if any(clean.count(part) != 1 for part in ("{yyyy}", "{mm}", "{dd}")) or not all(clean.split("/")):
            raise ValueError(f"{value!r} must hold {{yyyy}}, {{mm}} and {{dd}} once each, as '{{yyyy}}/{{mm}}/{{dd}}' does")
        return clean


class Places(Group):
    """Folders inside the store."""

    landing: str = Field("landing", description="Where images arrive, in folders of days. Read only, except by `add`.")
    labels: str = Field("labels", description="Label files.")
    resized: str = Field("resized", description="Resized images, named by content.")
    thumbnails: str = Field("thumbnails", description="Thumbnails, named by content.")
    manifests: str = Field("manifests", description="One table per asset and day.")
    crops: str = Field("crops", description="Crops of faces, named by content; private.")
    persons: str = Field("persons", description="Reference pictures of persons, a folder each; private.")
    models: str = Field("models", description="Trained models, the published one, the ledger, remembered scores.")
    review: str = Field("review", description="What people should look at next, a task file and a CSV per day.")


class LandingSource(Group):
    """A further folder that images land in, or, in profile `azure`, a container: `azure.containers` says where the folder lies."""

    name: str = Field(min_length=1, description="Shown wherever its images are, as `source`.")
    folder: str = Field(
        min_length=1, description="Folder in the store, with folders of days as in `places.landing`; that one may be named, too."
    )

    @field_validator("folder")
    @classmethod
    def _bare(cls, value: str) -> str:
        return value.strip("/")


class Landing(Group):
    """Where images land beside `places.landing`; days unite the images of all sources."""

    sources: tuple[LandingSource, ...] = Field((), description="Landing sources, see below; only ever read.")

    @field_validator("sources")
    @classmethod
    def _told_apart(cls, value: tuple[LandingSource, ...]) -> tuple[LandingSource, ...]:
        names = [source.name for source in value]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two sources have the name {twice[0]!r}")
        return value


class Resize(Group):
    """What an image must fit into."""

    max_bytes: int = Field(
        6_000_000, ge=10_000, description="Largest resized file, in bytes (Custom Vision trains on up to 6 MB)."
    )
    max_edge: int = Field(10_240, ge=64, description="Longest edge of a resized image, in pixels.")
    min_edge: int = Field(
        256, ge=1, description="Shortest edge that pixels are given up down to, in pixels; what is still too large cannot fit."
    )
    max_pixels: int = Field(89_478_485, ge=10_000, description="Larger images are quarantined unread, in pixels.")
    min_quality: int = Field(70, ge=20, le=95, description="JPEG quality that is not gone below; pixels are given up instead.")
    background: str = Field("#ffffff", pattern=r"^#[0-9a-fA-F]{6}$", description="Colour behind transparent pixels.")
    thumbnail_edge: int = Field(256, ge=32, le=1024, description="Longest edge of a thumbnail, in pixels.")
    keep_gps: bool = Field(default=False, description="Keep the place an image was taken at; by default it is taken out.")
    near_duplicate_bits: int = Field(
        4,
        ge=0,
        le=16,
        description="Images whose 64-bit hashes differ in at most so many bits, turned or mirrored, are duplicates.",
    )
    decoder_seconds: float = Field(60.0, gt=0, le=3600, description="Time a decoder has for one image; then it is quarantined.")
    decoder_bytes: int = Field(
        2_000_000_000, ge=500_000_000, description="Memory of a process that decodes what is not trusted, in bytes."
    )
    workers: int = Field(
        default_factory=lambda: min(8, os.cpu_count() or 1), ge=1, le=64, description="Images worked on at once in one run."
    )
    batch: int = Field(
        256, ge=1, le=10_000, description="Images between two journal entries; at most so many are repeated after a crash."
    )


class Deletions(Group):
    """When vanished images are taken for an accident."""

    max_share: float = Field(0.3, ge=0, le=1, description="Share of a day's images ...")
    max_images: int = Field(20, ge=0, description="... and number of images that may vanish at once without consent.")
    max_days: int = Field(3, ge=1, description="So many days that vanish whole at once stop everything.")
