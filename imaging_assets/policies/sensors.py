"""Settings: what is watched, how hard, and who is told."""

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from imaging_assets.policies.group import Group


class Sensors(Group):
    """What the sensors watch, and how hard."""

    source: Literal["listing", "events"] = Field(
        "listing",
        description="How landed images are noticed: by listing at every tick, or by a queue of events and a listing now and then.",
    )
    listing_minutes: float = Field(10.0, gt=0, description="With `events`: time between two listings, the safety net.")
    events_per_tick: int = Field(2000, ge=32, le=20_000, description="At most so many messages are taken at once.")
    event_tries: int = Field(
        5, ge=2, description="A message is set aside when it was handed out so often and its day is still not taken note of."
    )
    event_hidden_seconds: float = Field(
        120.0, ge=1, le=3600, description="A message that was handed out and not deleted comes again after so long."
    )
    look_back_days: int = Field(14, ge=1, description="Newest days whose listing is compared at every tick.")
    sweep_days_per_tick: int = Field(20, ge=0, description="Older days compared at every tick, round and round.")
    requests_per_tick: int = Field(25, ge=1, le=100, description="Runs a sensor asks for at once.")
    interval_seconds: int = Field(30, ge=1, description="Time between two ticks.")
    retry_minutes: tuple[float, ...] = Field(
        (1.0, 5.0, 30.0), description="Waits before a failed day is asked for again; then it rests."
    )


class Alerts(Group):
    """Who is told when a run fails, or a check that somebody must act on."""

    webhook: SecretStr | None = Field(
        None,
        description="Address that failed runs and failed checks of severity error are posted to as JSON with a `text`; Slack takes it as "
        "it is.",
    )

    @field_validator("webhook")
    @classmethod
    def _is_an_address(cls, webhook: SecretStr | None) -> SecretStr | None:
        if webhook and not webhook.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("give an address that begins with https:// or http://")
        return webhook
