"""Settings: accounts and services of profile `azure`."""

from typing import Literal

from pydantic import Field, SecretStr

from imaging_assets.policies.group import Group


class Azure(Group):
    """Accounts and services of profile `azure`; without a key, the process's own identity signs in (`DefaultAzureCredential`)."""

    account_url: str = Field("", description="Blob endpoint, as `https://<account>.blob.core.windows.net`.")
    account_key: SecretStr | None = Field(None, description="Key of the account, where the identity may not read it.")
    sas_token: SecretStr | None = Field(None, description="A SAS of the account or container instead of a key.")
    connection_string: SecretStr | None = Field(None, description="Instead of `account_url` and a key or SAS.")
    container: str = Field("imaging", pattern=r"^[a-z0-9](-?[a-z0-9]){2,62}$", description="Container of all places ...")
    containers: dict[str, str] = Field(
        {}, description="... but for places that lie elsewhere: place to `container` or `container/prefix`."
    )
    queue_url: str = Field("", description="Queue endpoint; by default the one beside `account_url`.")
    event_queue: str = Field(
        "blob-events",
        pattern=r"^[a-z0-9](-?[a-z0-9]){2,55}$",
        description="Queue that Event Grid tells of landed blobs, for `sensors.source`; what cannot be used goes to `<queue>-poison`.",
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


class CustomVision(Group):
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
    pull_labels: bool = Field(default=False, description="Take tags that people give in the portal as labels.")
    pull_schedule: str = Field(
        "*/15 * * * *", min_length=1, description="When the portal is looked at for them, in cron's words."
    )
    tag_descriptions: dict[str, str] = Field({}, description="Descriptions to give to tags, by tag.")


class Vision(Group):
    """Azure AI Vision, for the steps that name it; without a key, the process's own identity signs in."""

    endpoint: str = Field("", description="Resource, as `https://<name>.cognitiveservices.azure.com`.")
    key: SecretStr | None = Field(default=None, description="One of its keys.")
    calls_per_second: float = Field(10.0, gt=0, le=1000, description="At most so many calls; a free resource allows 20 a minute.")
    tries: int = Field(6, ge=1, le=20, description="Times a call is made while it is refused for a reason that may pass.")
