"""What a user may choose, in groups of typed, described values with their limits and defaults.

Belongs here: one frozen group per subject; stages take the group they need. Does not: where values come from (`settings.py`).
"""

import os
import re
from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Partitions(_Group):
    """Which days exist."""

    start: date = Field(date(2025, 1, 1), description="First day; `add` and `demo` move it back when an older image arrives.")
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


class Places(_Group):
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


class Resize(_Group):
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


class Vision(_Group):
    """Azure AI Vision, for the steps that name it; without a key, the process's own identity signs in."""

    endpoint: str = Field("", description="Resource, as `https://<name>.cognitiveservices.azure.com`.")
    key: SecretStr | None = Field(default=None, description="One of its keys.")
    calls_per_second: float = Field(10.0, gt=0, le=1000, description="At most so many calls; a free resource allows 20 a minute.")
    tries: int = Field(6, ge=1, le=20, description="Times a call is made while it is refused for a reason that may pass.")


class Catalog(_Group):
    """Where the SQL catalogue is."""

    url: SecretStr = Field(
        SecretStr(""),
        description="Database, as `postgresql+psycopg://user:password@host/name`; by default SQLite in the state folder.",
    )


LabelFormat = Literal["auto", "csv", "coco", "voc", "via", "via-csv", "yolo", "label-studio", "cvat", "azure-ml"]
"""Of the files of a label source; `auto` goes by their content."""


class LabelSource(_Group):
    """Where labels come from: a folder of the store, and how its files are read and joined."""

    name: str = Field(min_length=1, description="Shown wherever the labels are, as `label_source`.")
    folder: str = Field(min_length=1, description="Folder in the store; of nested ones the inner counts.")
    format: LabelFormat = Field("auto", description="Format of its files; `auto` goes by their content.")
    priority: int = Field(0, description="Of statements of the same time, that of the higher priority wins.")
    images: str = Field(
        "", description="Beginning of the paths of the images that it describes, below the landing place or below the day."
    )
    rewrite: dict[str, str] = Field(
        default_factory=dict,
        description="Where nothing has the name as it stands: regular expression to what replaces it, the first that fits.",
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description='CSV: meaning to name or 1-based number of a column, as in `{path = "Picture", tags = "3"}`.',
    )
    header_rows: int | None = Field(
        None, ge=0, le=2, description="CSV: rows above the first line; unset: found by names of columns."
    )
    separator: str | None = Field(
        None, min_length=1, max_length=1, description="CSV: separates several tags in one cell; unset: `labels.separator`."
    )
    encoding: str = Field("utf-8", description="Of text files, as Python calls it: `cp1252`, `utf-16`.")

    @field_validator("folder", "images")
    @classmethod
    def _bare(cls, value: str) -> str:
        return value.strip("/")

    @field_validator("rewrite")
    @classmethod
    def _expressions(cls, value: dict[str, str]) -> dict[str, str]:
        for pattern, replacement in value.items():
            try:
                re.compile(pattern).sub(replacement, "")
            except (re.error, IndexError) as error:
                raise ValueError(f"{pattern!r} to {replacement!r} is no regular expression and replacement ({error})") from error
        return value

    @field_validator("columns")
    @classmethod
    def _meanings(cls, value: dict[str, str]) -> dict[str, str]:
        if unknown := value.keys() - set(LABEL_COLUMNS):
            raise ValueError(f"there is no meaning {min(unknown)!r}; there are {', '.join(LABEL_COLUMNS)}")
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError as error:
            raise ValueError(f"there is no encoding {value!r}") from error
        return value


LABEL_COLUMNS = (
    "path", "tags", "sha256", "who", "when", "split", "left", "top", "right", "bottom", "width", "height", "image_width", "image_height",
)  # fmt: skip
"""What a column of a CSV file may mean; width and height are those of a box."""


class Labels(_Group):
    """How labels find their images."""

    sources: tuple[LabelSource, ...] = Field(
        (), description="Label sources beside the folder `places.labels`, which is one by itself; see below."
    )

    separator: str = Field("|", min_length=1, max_length=1, description="Separates several tags in one cell of a CSV file.")
    from_folders: bool = Field(
        default=False, description="Take the first folder below the day as the tag of every landed image (folder per class)."
    )

    @field_validator("sources")
    @classmethod
    def _told_apart(cls, value: tuple[LabelSource, ...]) -> tuple[LabelSource, ...]:
        for what, found in (("name", [source.name for source in value]), ("folder", [source.folder for source in value])):
            if twice := [item for item in found if found.count(item) > 1]:
                raise ValueError(f"two sources have the {what} {twice[0]!r}")
        return value

    @property
    def priorities(self) -> dict[str, int]:
        """Priority by source name; sources that are not named here have 0."""
        return {source.name: source.priority for source in self.sources}


class Training(_Group):
    """When and how a model is trained, and when it is published."""

    automatic: bool = Field(
        default=True, description="Let the training sensor run by default (off in profile azure: it spends money)."
    )
    min_images_per_tag: int = Field(5, ge=2, description="A tag with fewer train and validation images is left out.")
    validation_share: float = Field(0.15, ge=0.0, le=0.5, description="Share of each tag's images kept for validation.")
    test_share: float = Field(0.2, gt=0.0, le=0.5, description="Share of each tag's images that is only ever scored.")
    budget_seconds: float = Field(20.0, gt=0, description="Time the embedded trainer may spend comparing candidates.")
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


class Review(_Group):
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


class Azure(_Group):
    """Accounts and services of profile `azure`; without a key, the process's own identity signs in (`DefaultAzureCredential`)."""

    account_url: str = Field("", description="Blob endpoint, as `https://<account>.blob.core.windows.net`.")
    account_key: SecretStr | None = Field(None, description="Key of the account, where the identity may not read it.")
    sas_token: SecretStr | None = Field(None, description="A SAS of the account or container instead of a key.")
    connection_string: SecretStr | None = Field(None, description="Instead of `account_url` and a key or SAS.")
    container: str = Field("imaging", pattern=r"^[a-z0-9](-?[a-z0-9]){2,62}$", description="Container of all places ...")
    containers: dict[str, str] = Field(
        {}, description="... but for places that lie elsewhere: place to `container` or `container/prefix`."
    )
    search_endpoint: str = Field("", description="Search service, as `https://<service>.search.windows.net`.")
    search_key: SecretStr | None = Field(None, description="Admin key of the search service.")
    search_alias: str = Field(
        "imaging",
        pattern=r"^[a-z0-9](-?[a-z0-9]){1,63}$",
        description="Alias that applications query; indexes are named after it and the hash of their schema.",
    )
    trainer: Literal["custom_vision", "embedded"] = Field(
        "custom_vision",
        description="Who trains and predicts; `embedded` does it in this process and keeps its models in the store.",
    )


CUSTOM_VISION_NOTICE = (
    "Custom Vision ends on 2028-09-25. Images, labels and training sets stay in your store: the embedded trainer learns from the same "
    "sets (`imaging-assets compare`), and `imaging-assets export` writes them for other tools, Azure ML among them."
)
"""Said when a project is made, and beside a comparison. Source: Microsoft's page "Custom Vision retirement", 2025-09-24."""


class CustomVision(_Group):
    """The Azure Custom Vision resources and project that train and predict; without keys, the process's own identity signs in."""

    endpoint: str = Field("", description="Training resource, as `https://<name>.cognitiveservices.azure.com`.")
    training_key: SecretStr | None = Field(None, description="Key of the training resource.")
    prediction_endpoint: str = Field("", description="Prediction resource; by default the same as `endpoint`.")
    prediction_key: SecretStr | None = Field(None, description="Key of the prediction resource.")
    prediction_resource_id: str = Field(
        "", description="Full id of the prediction resource, `/subscriptions/…`; iterations are published to it."
    )
    project: str = Field("imaging-assets", min_length=1, description="Name of the project; made when there is none.")
    publish_name: str = Field("production", min_length=1, description="Name that the serving iteration answers under.")
    tier: Literal["F0", "S0"] = Field("S0", description="Tier of both resources; it sets how many calls a second are made.")
    project_type: Literal["auto", "multiclass", "multilabel", "detection"] = Field(
        "auto", description="What is learnt; `auto` takes it from the training set: regions, several tags per image, or one."
    )
    domain: str = Field("General", min_length=1, description="Domain of a new project, by name, such as `General (compact)`.")
    training_type: Literal["regular", "advanced"] = Field("regular", description="`advanced` is billed by compute hour.")
    budget_hours: int = Field(1, ge=1, le=96, description="Compute hours an advanced training may take.")
    deadline_minutes: float = Field(
        240.0, gt=0, description="A training is waited for so long; it goes on, and the next run adopts it."
    )
    poll_seconds: float = Field(10.0, gt=0, description="Time between two looks at a running training.")
    negative_tag: str = Field("", description="The tag that means none of the others; made as the project's negative tag.")
    tag_descriptions: dict[str, str] = Field({}, description="Descriptions to give to tags, by tag.")


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
