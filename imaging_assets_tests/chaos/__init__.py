"""Processes that are killed, disks that fill, services that fail: what stands in the end is what would have stood anyway."""
