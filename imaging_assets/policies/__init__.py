"""What a user may choose, in groups of typed, described values with their limits and defaults; a module per group of assets.

Belongs here: one frozen group per subject; stages take the group they need. Does not: where values come from (`settings.py`).
"""

from imaging_assets.policies.azure import CUSTOM_VISION_NOTICE, Azure, CustomVision, Vision
from imaging_assets.policies.execution import Execution
from imaging_assets.policies.images import Deletions, Landing, LandingSource, Partitions, Places, Resize
from imaging_assets.policies.insights import Insights, InsightStep
from imaging_assets.policies.manifests import LABEL_COLUMNS, LabelFormat, Labels, LabelSource
from imaging_assets.policies.models import Review, Rollout, Training
from imaging_assets.policies.prices import Prices
from imaging_assets.policies.search import Catalog, SearchPipeline
from imaging_assets.policies.sensors import Alerts, Sensors
from imaging_assets.policies.web import Serve

__all__ = [
    "CUSTOM_VISION_NOTICE",
    "LABEL_COLUMNS",
    "Alerts",
    "Azure",
    "Catalog",
    "CustomVision",
    "Deletions",
    "Execution",
    "InsightStep",
    "Insights",
    "LabelFormat",
    "LabelSource",
    "Labels",
    "Landing",
    "LandingSource",
    "Partitions",
    "Places",
    "Prices",
    "Resize",
    "Review",
    "Rollout",
    "SearchPipeline",
    "Sensors",
    "Serve",
    "Training",
    "Vision",
]
