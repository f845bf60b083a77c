"""The code location: everything in `defs/`, over the backends that the settings name."""

from pathlib import Path

import dagster as dg

from imaging_assets.defs.io_manager import manifest_io_manager
from imaging_assets.defs.resources import PipelineResource


@dg.definitions
def defs() -> dg.Definitions:
    """Assets, checks and sensors with their resources; steps run in the run's own process."""
    resources = dg.Definitions(
        resources={"pipeline": PipelineResource(), "manifests": manifest_io_manager}, executor=dg.in_process_executor
    )
    return dg.Definitions.merge(resources, dg.load_from_defs_folder(path_within_project=Path(__file__).parent))
