"""Which bytes lie under which path, day by day, read when it is first asked for.

Belongs here: reading that off the manifests of `resized_images`. Does not: which days matter (`labels`, `tagged`).
"""

from collections.abc import Iterable, Mapping

import polars as pl

from imaging_assets.stages.images.landing import Landing
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Manifest
from imaging_assets.stages.tables import RESIZED_IMAGES


class DayImages:
    """The images of all days.

    Attributes:
        by_day: Of the days that were read, sha256 by landing path; what was gone before it was read is left out.
        quarantined: Paths of what could not be opened, of the same days.
    """

    def __init__(self, pipeline: Pipeline, resized: Mapping[str, Manifest], landing: Landing | None = None) -> None:
        self.by_day: dict[str, dict[str, str]] = {}
        self.quarantined: set[str] = set()
        self._pipeline = pipeline
        self._resized = resized
        self._landing = landing or Landing(pipeline)

    def read(self, days: Iterable[str]) -> None:
        """Read the days that were not read yet; those without a manifest hold nothing."""
        missing = [day for day in days if day in self._resized and day not in self.by_day]
        for day, rows in zip(missing, self._pipeline.threads.map(self._rows_of, missing), strict=True):
            self.by_day[day] = dict(rows.filter(pl.col("sha256") != "").select("path", "sha256").iter_rows())
            self.quarantined |= set(rows.filter(pl.col("status") == "quarantined")["path"])

    def exist(self, path: str, sha256: str) -> bool:
        """Whether these bytes lie there."""
        day = self._landing.day_of(path)
        if day is None or day not in self._resized:
            return False
        self.read([day])
        return self.by_day[day].get(path) == sha256

    def _rows_of(self, day: str) -> pl.DataFrame:
        return self._pipeline.manifests.read(self._resized[day], RESIZED_IMAGES.narrowed("path", "sha256", "status"))
