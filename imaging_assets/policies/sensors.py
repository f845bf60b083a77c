"""Settings: what is watched, and how hard."""

from pydantic import Field

from imaging_assets.policies.group import Group


class Sensors(Group):
    """What the sensors watch, and how hard."""

    look_back_days: int = Field(14, ge=1, description="Newest days whose listing is compared at every tick.")
    sweep_days_per_tick: int = Field(20, ge=0, description="Older days compared at every tick, round and round.")
    requests_per_tick: int = Field(25, ge=1, le=100, description="Runs a sensor asks for at once.")
    interval_seconds: int = Field(30, ge=1, description="Time between two ticks.")
    retry_minutes: tuple[float, ...] = Field(
        (1.0, 5.0, 30.0), description="Waits before a failed day is asked for again; then it rests."
    )
