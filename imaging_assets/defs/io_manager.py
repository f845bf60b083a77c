"""The one IO manager: an asset's value is a `Draft`, its reader gets the `Manifest` that became of it.

Belongs here: handing manifests between Dagster and `stages/state.py`. Does not: reading rows; a `Manifest` is only a name, and the stage
reads it when there is work to do. A user's own downstream asset may take `resized_images: Manifest` as well.
"""

from collections.abc import Mapping
from typing import get_origin

import dagster as dg
from typing_extensions import override

from imaging_assets.stages.state import ALL, Draft, Manifest, Manifests


class ManifestIOManager(dg.IOManager):
    """Commits drafts, finds manifests."""

    def __init__(self, manifests: Manifests) -> None:
        self.manifests = manifests

    @override
    def handle_output(self, context: dg.OutputContext, obj: Draft) -> None:
        self.manifests.commit(obj)

    @override
    def load_input(self, context: dg.InputContext) -> Manifest | dict[str, Manifest]:
        asset = context.asset_key.to_python_identifier()
        if not context.has_asset_partitions:
            return self.manifests.find(asset, ALL)
        if get_origin(context.dagster_type.typing_type) in (dict, Mapping):
            wanted = set(context.asset_partition_keys)
            return {key: manifest for key, manifest in sorted(self.manifests.newest(asset).items()) if key in wanted}
        return self.manifests.find(asset, context.asset_partition_key)


@dg.io_manager(required_resource_keys={"pipeline"}, description="Parquet manifests whose names carry their state.")
def manifest_io_manager(context: dg.InitResourceContext) -> ManifestIOManager:
    """The IO manager over the run's pipeline."""
    return ManifestIOManager(context.resources.pipeline.manifests)
