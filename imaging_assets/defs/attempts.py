"""How often the same was asked for, and whether it may be asked for again.

Belongs here: reading that from Dagster's runs. Does not: what is asked for (`sensors.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import dagster as dg

from imaging_assets.defs.tags import CONSENT_TAG, DAY_TAG, WANTED_TAG


@dataclass(frozen=True, slots=True)
class Attempts:
    """Earlier runs that wanted the same.

    Attributes:
        runs: All of them.
        failures: Those since the last that succeeded.
        ended: When the last of all ended (seconds since 1970), or None without any.
        day_failed: When the day's last run ended, where that one failed, whatever it wanted; else None.
        needs_consent: Whether one of the failures waits for a person's decision.
    """

    runs: int = 0
    failures: int = 0
    ended: float | None = None
    day_failed: float | None = None
    needs_consent: bool = False

    def may_try(self, waits: Sequence[float], now: float) -> bool:
        """After each failure a longer wait (minutes); after the last, never again for the same inputs.

        A success is no reason to rest for ever: inputs may go back to what they were, or rows have errors that may pass; then it is
        asked for less and less often. A day that failed also waits when it got so far that something else is wanted now.
        """
        if self.needs_consent or self.failures > len(waits):
            return False
        first, *_ = pauses = waits or (1.0,)
        pause = pauses[min(self.failures or self.runs or 1, len(pauses)) - 1]
        rested = self.ended is None or now >= self.ended + 60 * pause
        return rested and (self.day_failed is None or now >= self.day_failed + 60 * first)


def attempts(instance: dg.DagsterInstance, day: str, wanted: str) -> Attempts:
    """What the runs with this `WANTED_TAG`, and the last run of the day, tell."""
    records = instance.get_run_records(dg.RunsFilter(tags={WANTED_TAG: wanted}))  # newest first
    failed = list(takewhile(lambda record: record.dagster_run.status != dg.DagsterRunStatus.SUCCESS, records))
    last = instance.get_run_records(dg.RunsFilter(tags={DAY_TAG: day}), limit=1)
    return Attempts(
        runs=len(records),
        failures=len(failed),
        ended=max(map(_ended, records), default=None),
        day_failed=max((_ended(record) for record in last if record.dagster_run.is_failure), default=None),
        needs_consent=any(CONSENT_TAG in record.dagster_run.tags for record in failed),
    )


def _ended(record: dg.RunRecord) -> float:
    return record.end_time or record.create_timestamp.timestamp()
