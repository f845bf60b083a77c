"""Tests of imaging_assets, mirrored by folder: `stages/`, `contracts/` (one suite per port), `defs/`, `cli/`."""
