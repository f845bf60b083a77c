"""Tags that runs carry, for sensors to read and people to filter by.

Belongs here: their names. Does not: who sets or reads them.
"""

DAY_TAG = "dagster/partition"
"""Run tag of Dagster's own: the day."""

WANTED_TAG = "imaging_assets/wanted"
"""Run tag: `<day>@<digest of what the run should read>`."""

CONSENT_TAG = "imaging_assets/needs_consent"
"""Run tag: the run stopped for a person's decision and is not repeated."""

MODEL_TAG = "imaging_assets/model"
"""Run tag of a rollout: the model that older days are predicted with."""
