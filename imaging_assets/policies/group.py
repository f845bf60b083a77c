"""What every group of settings is.

Belongs here: the base. Does not: any setting.
"""

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """Typed, described values that do not change; an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
