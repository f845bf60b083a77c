"""Values of the group *insights*: what an analyser is shown, and the columns it answers with.

Belongs here: the columns of the built-in steps, because several backends fill the same. Does not: how they are filled
(`ports/analyzer.py` and its implementations).

A step's columns named `text`, `tags`, `caption` and `faces` also reach the search documents, whichever step has them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ColumnType = Literal["text", "integer", "real", "boolean", "texts", "json"]
"""Type of an output column; `texts` is a list of strings, `json` any JSON value (kept as text)."""

Columns = Mapping[str, ColumnType]
Output = Mapping[str, Any]
"""Column name to value; a missing column is null."""

ImageBytes = Literal["resized", "thumbnail", "none"]
"""Which bytes of an image an analyser wants to see."""

TAGS: Columns = {"tags": "texts", "colours": "json", "sharpness": "real", "brightness": "real", "scores": "json"}
TEXTS: Columns = {"text": "text", "lines": "json", "confidence": "real"}
FACES: Columns = {"faces": "integer", "boxes": "json", "crops": "texts"}
FACE_PRINTS: Columns = {"prints": "json"}
FACE_MATCHES: Columns = {"persons": "texts", "matches": "json"}
ANALYSIS: Columns = {
    "tags": "texts",
    "caption": "text",
    "text": "text",
    "people": "integer",
    "scores": "json",
    "objects": "json",
    "people_boxes": "json",
    "lines": "json",
    "model_version": "text",
}


@dataclass(frozen=True, slots=True)
class ImageToAnalyze:
    """One distinct image as a step's analyser sees it.

    Attributes:
        sha256: Hex digest of the landed bytes.
        data: Encoded picture, upright, sRGB: the resized one or its thumbnail; empty for an analyser that reads neither.
        width, height: Of the upright image as landed, in pixels.
        insights: Output of each required step, by step.
    """

    sha256: str
    data: bytes
    width: int
    height: int
    insights: Mapping[str, Output] = field(default_factory=dict)
