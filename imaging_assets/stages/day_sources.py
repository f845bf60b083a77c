"""The manifests of one day that its review queue, search documents and catalogue rows are made of.

Belongs here: naming them together. Does not: reading them (the steps).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from imaging_assets.stages.state import Manifest


@dataclass(frozen=True, kw_only=True, slots=True)
class DaySources:
    """Everything that is known of a day's images; `insights` by step."""

    resized: Manifest
    tagged: Manifest
    predictions: Manifest
    insights: Mapping[str, Manifest]

    @property
    def read(self) -> list[tuple[str, str]]:
        """Each manifest's asset and rows, in an order that stays."""
        manifests = (self.resized, self.tagged, self.predictions, *self.insights.values())
        return sorted((manifest.asset, manifest.rows) for manifest in manifests)
