"""Which labels were stated twice? Whoever doubts a label asks here first.

Belongs here: the rule. Does not: which statement wins (`winners`).

A label that two label files state is confirmed: somebody looked again and said the same, so nobody is asked a third time.
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
    """(sha256, tags) that at least two label files state."""
    files: dict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
    for sha256, tags, file in statements.select("sha256", "tags", "file").iter_rows():
        files[sha256, tuple(sorted(tags))].add(file)
    return {said for said, where in files.items() if len(where) > 1}
