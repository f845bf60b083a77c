"""Dagster lives here and nowhere else (but for the fifteen lines of `definitions.py`).

Belongs here: assets, checks, sensors, the IO manager, resources, metadata. An asset's body orders one call of a stage and reports.
Does not: anything that would still be true without Dagster (`stages/`).
"""
