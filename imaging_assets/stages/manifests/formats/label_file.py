"""What a reader is given.

Belongs here: a file's bytes and how its source wants it read. Does not: where it comes from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LabelFile:
    """One label file.

    Attributes:
        path: Its name, for messages and, in some formats, the image it is about.
        data: Its bytes.
        separator: Between several tags in one cell of a CSV file.
        encoding: Of a text file.
        header_rows: Rows before the first line of a CSV file; None: found by the names of columns.
        columns: Meaning (`path`, `tags`, …) to the name or 1-based number of a column of a CSV file.
        classes: Names of tags by number, for YOLO.
    """

    path: str
    data: bytes
    separator: str = "|"
    encoding: str = "utf-8"
    header_rows: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
