"""What assets read that are made of all that is known of a day.

Belongs here: gathering those manifests once for `review_queues`, `search_documents` and `image_catalog`. Does not: the assets.
"""

from collections.abc import Iterable, Mapping

import dagster as dg

from imaging_assets.stages.day_sources import DaySources
from imaging_assets.stages.state import Manifest

_ALWAYS = ("resized_images", "tagged_manifests", "predictions")


def day_inputs(insights: Iterable[str]) -> dict[str, dg.AssetIn]:
    """As `ins` of an asset whose body takes `**read`, with these steps of the group insights."""
    return {name: dg.AssetIn() for name in (*_ALWAYS, *insights)}


def day_sources(read: Mapping[str, Manifest]) -> DaySources:
    """What was read, sorted out."""
    insights = {name: manifest for name, manifest in read.items() if name not in _ALWAYS}
    return DaySources(
        resized=read["resized_images"], tagged=read["tagged_manifests"], predictions=read["predictions"], insights=insights
    )
