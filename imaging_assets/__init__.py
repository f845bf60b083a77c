"""imaging_assets."""
