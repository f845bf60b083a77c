"""The manifests of one day that its review queue and its search documents are both made of.

Belongs here: naming them together. Does not: reading them (the steps).
"""

from dataclasses import dataclass

from imaging_assets.stages.state import Manifest


@dataclass(frozen=True, kw_only=True, slots=True)
class DaySources:
    """Everything that is known of a day's images."""

    resized: Manifest
    vectors: Manifest
    tagged: Manifest
    predictions: Manifest
