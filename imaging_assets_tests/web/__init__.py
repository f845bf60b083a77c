"""Tests of `imaging_assets/web`."""
