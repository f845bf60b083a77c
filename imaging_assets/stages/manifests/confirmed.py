"""Which labels were stated twice? Whoever doubts a label asks here first.

Belongs here: the rule. Does not: which statement wins (`winners`).

A label that was stated twice is confirmed: somebody looked again and said the same, so nobody is asked a third time. Two files count as
twice, or two statements of a file that tells who said it and when; the same statement in two files (a tool exports all it knows, again
and again) counts once.
"""

from collections import defaultdict
from collections.abc import Collection

import polars as pl

from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import ALL
from imaging_assets.stages.tables import LABEL_RECORDS


def statements_about(pipeline: Pipeline, images: Collection[str]) -> pl.DataFrame:
    """Rows of the newest label records that hold for these sha256; none where there are no records."""
    manifest = pipeline.manifests.look_up(LABEL_RECORDS.asset, ALL)
    rows = LABEL_RECORDS.frame([]) if manifest is None else pipeline.manifests.read(manifest, LABEL_RECORDS)
    holds = (pl.col("status") == "bound") & pl.col("retracted_at").is_null()
    return rows.filter(holds & pl.col("sha256").is_in(list(images)))


def confirmed(statements: pl.DataFrame) -> set[tuple[str, tuple[str, ...]]]:
    """(sha256, tags) that were stated at least twice."""
    said: dict[tuple[str, tuple[str, ...]], set[object]] = defaultdict(set)
    for row in statements.iter_rows(named=True):
        said[row["sha256"], tuple(sorted(row["tags"]))].add((row["who"], row["stated_at"]) if row["who"] else row["file"])
    return {label for label, times in said.items() if len(times) > 1}
