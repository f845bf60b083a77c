"""The days.

Belongs here: the one partitions definition and its mapping. Does not: which day an image belongs to (`stages/images/raw.py`).
"""

import dagster as dg

from imaging_assets.settings import load_settings

_days = load_settings().partitions

DAILY = dg.DailyPartitionsDefinition(start_date=_days.start.isoformat(), timezone=_days.timezone, end_offset=1)
"""Every day from `partitions.start` to today; `end_offset=1` makes today one of them."""

EVERY_DAY_SO_FAR = dg.TimeWindowPartitionMapping(start_offset=-36500, end_offset=0)
"""The day itself and all before it; the one cumulative mapping that daemon, UI and backfills honour (offsets are clipped)."""
