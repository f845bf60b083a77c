"""Everything that a deployment holds, as values that can be compared: without the times at which it came to be.

Belongs here: reading a finished state. Does not: judging it.
"""

import io
import json
from collections.abc import Collection, Iterable
from typing import Any

import polars as pl

from imaging_assets.embedded.blob_store import DirectoryBlobStore
from imaging_assets.records.search import SearchQuery
from imaging_assets.stages.digests import digest, sha256_of
from imaging_assets.stages.pipeline import Pipeline

_TIMES = ("at", "published_at", "seconds", "finished_at", "retracted_at", "updated_at")


def state_of(pipeline: Pipeline) -> dict[str, Any]:
    """Blobs by path (manifests: their rows by name), ledger, index, catalogue, and what was left lying about."""
    found: dict[str, Any] = {}
    ledger: list[str] = []
    for blob in pipeline.store.list_blobs():
        data = pipeline.store.read(blob.path).data
        if blob.path.startswith("models/ledger/"):
            ledger.append(json.dumps(timeless(json.loads(data)), sort_keys=True))
        else:
            found[_name(blob.path)] = content_of(blob.path, data)
    found["ledger"] = sorted(ledger)
    found["index"] = {key: pipeline.index.get(key) for key in pipeline.index.ids()}
    found["index answers"] = pipeline.index.query(SearchQuery()).count
    columns = pipeline.catalog.query("select * from image_catalog order by id")
    found["catalogue"] = [timeless(dict(zip(columns.columns, row, strict=True))) for row in columns.rows]
    found["left over"] = left_over(pipeline)
    return found


def left_over(pipeline: Pipeline) -> list[str]:
    """Temporary files."""
    if not isinstance(pipeline.store, DirectoryBlobStore):
        return []
    files = [path for path in pipeline.store.root.parent.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return [path.name for path in files if path.parent.name == ".tmp" or path.suffix in {".tmp", ".part"}]


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Names of what is not the same, with both values, cut short."""
    names = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
    return [f"{name}: {str(expected.get(name))[:300]} became {str(found.get(name))[:300]}" for name in names]


def content_of(path: str, data: bytes, *, without: Iterable[str] = ()) -> str:
    """What a blob says; of a table its rows, as if these columns were not there either."""
    if path.endswith(".parquet"):
        rows = pl.read_parquet(io.BytesIO(data))
        times = {*_TIMES, "etag", "modified_at", "stated_at", *without}
        return digest([timeless(row, times) for row in rows.to_dicts()] if rows.width else [])
    if path.endswith(("labels.json", "published.json")):
        return json.dumps(timeless(json.loads(data)), sort_keys=True)
    return sha256_of(data)


def timeless(row: dict[str, Any], times: Collection[str] = _TIMES) -> dict[str, str]:
    """The row without when it came to be."""
    return {name: str(value) for name, value in row.items() if name not in times}


def _name(path: str) -> str:
    # Rows of label_records hold the moment of a retraction, so their digest differs from run to run.
    return path.rsplit(".", 2)[0] if path.startswith("manifests/label_records/all.") else path
