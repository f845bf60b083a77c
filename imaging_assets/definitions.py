"""The code location: everything in `defs/`, over the backends that the settings name.

Loaded by package rather than by folder: `load_from_defs_folder` needs the project's pyproject.toml, which an installed wheel does not
have, and imports every installed integration on the way.
"""

import dagster as dg

from imaging_assets.defs import assets
from imaging_assets.defs.alerts import check_webhook, failure_webhook
from imaging_assets.defs.io_manager import manifest_io_manager
from imaging_assets.defs.jobs import (
    inventory_checks,
    nightly_audit,
    nightly_inventory_checks,
    portal_labels,
    portal_look,
    search_audit,
)
from imaging_assets.defs.resources import PipelineResource
from imaging_assets.defs.sensors import label_changes, model_rollout, new_images, training


@dg.definitions
def defs() -> dg.Definitions:
    """Assets, checks, jobs, schedules and sensors with their resources; steps run in the run's own process."""
    return dg.Definitions(
        assets=dg.load_assets_from_package_module(assets, include_specs=True),
        asset_checks=dg.load_asset_checks_from_package_module(assets),
        jobs=[search_audit, inventory_checks, portal_labels],
        schedules=[nightly_audit, nightly_inventory_checks, portal_look],
        sensors=[new_images, label_changes, training, model_rollout, failure_webhook, check_webhook],
        resources={"pipeline": PipelineResource(), "manifests": manifest_io_manager},
        executor=dg.in_process_executor,
    )
