"""Resources: settings in, the plain `Pipeline` out.

Belongs here: what Dagster hands to assets and sensors. Does not: how it is built (`backends.py`).
"""

import dagster as dg
from typing_extensions import override

from imaging_assets.backends import build
from imaging_assets.settings import load_settings
from imaging_assets.stages.pipeline import Pipeline


class PipelineResource(dg.ConfigurableResource[Pipeline]):
    """The ports and policies of this deployment, from its settings; a run builds them once."""

    @override
    def create_resource(self, context: dg.InitResourceContext) -> Pipeline:
        return build(load_settings())
