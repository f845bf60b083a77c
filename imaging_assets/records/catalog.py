"""Values of the SQL catalogue: its one table's columns, and answers to questions.

Belongs here: the columns, the same for every database. Does not: SQL (`embedded/catalog.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

CatalogType = Literal["text", "integer", "real", "boolean", "date", "time", "json"]
CatalogRow = Mapping[str, Any]

TABLE, VIEW = "image_catalog", "pipeline_output"

COLUMNS: Mapping[str, CatalogType] = {
    "id": "text",  # hex sha256 of the path, as in the search index
    "path": "text",
    "name": "text",
    "source": "text",  # landing source; null for `places.landing`
    "day": "date",
    "batch_id": "text",
    "sha256": "text",
    "status": "text",
    "reason": "text",
    "format": "text",
    "width": "integer",
    "height": "integer",
    "size": "integer",
    "captured_at": "time",
    "resized": "text",
    "thumbnail": "text",
    "duplicate_group": "text",
    "tags": "json",
    "label_source": "text",
    "predicted": "text",
    "probability": "real",
    "model_id": "text",
    "text": "text",
    "caption": "text",
    "image_tags": "json",
    "faces": "integer",
    "insights": "json",  # by step, its whole answer
    "job_output": "json",  # the same under Imaginem's keys
    "updated_at": "time",
}
INDEXED = ("path", "day", "batch_id", "sha256", "predicted", "updated_at")


@dataclass(frozen=True, slots=True)
class SqlAnswer:
    """Rows of a question, in its order."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
