"""Which column of a CSV file means what.

Belongs here: names of columns and finding the header. Does not: reading lines (`csv_file`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from imaging_assets.errors import LabelFileError

NAMES: Mapping[str, tuple[str, ...]] = {
    "path": ("path", "image", "file", "filename", "name", "image_path", "image_url", "url"),
    "tags": ("tags", "tag", "labels", "label", "class", "category"),
    "sha256": ("sha256",),
    "who": ("who", "labeller", "labeler", "annotator"),
    "when": ("when", "stated_at", "updated_at"),
    "split": ("split",),
    "left": ("left", "xmin"),
    "top": ("top", "ymin"),
    "right": ("right", "xmax"),
    "bottom": ("bottom", "ymax"),
    "width": ("box_width",),
    "height": ("box_height",),
    "image_width": ("image_width",),
    "image_height": ("image_height",),
}
"""Meaning to the names a header may use, in any case; the first that is there counts."""

_HEADER_WITHIN = 2


@dataclass(frozen=True, slots=True)
class Columns:
    """Places of the meanings, and how many cells a line may have."""

    places: Mapping[str, int]
    cells: int

    def cell(self, cells: Sequence[str], meaning: str) -> str:
        """The cell of that meaning, trimmed; "" where there is none."""
        at = self.places.get(meaning)
        return cells[at].strip() if at is not None and at < len(cells) else ""

    @property
    def needed(self) -> int:
        """Cells a line must have: up to the image's name and its tags."""
        return max(self.places.get("path", 0), self.places["tags"]) + 1

    @property
    def boxes(self) -> bool:
        """Whether lines give a box."""
        return {"left", "top"} <= self.places.keys() and ({"right", "bottom"} <= self.places.keys() or self.sized)

    @property
    def sized(self) -> bool:
        """Whether boxes are given by width and height."""
        return {"width", "height"} <= self.places.keys()


Row = tuple[int, list[str]]


def find_columns(
    file: str, rows: Sequence[Row], header_rows: int | None, mapping: Mapping[str, str]
) -> tuple[Columns | None, list[Row], int]:
    """Columns, rows above the header that are no header, and how many of the first rows are no lines.

    Args:
        file: For messages.
        rows: The first rows (line number and cells), empty ones left out.
        header_rows: How many of them stand above the first line; None: look for a header.
        mapping: Meaning to name or 1-based number, as the source sets it.

    Raises:
        LabelFileError: A column that the source names is not there.
    """
    if not rows:
        return None, [], 0
    if header_rows is None:
        for at, (_, cells) in enumerate(rows[:_HEADER_WITHIN]):
            if columns := _by_header(cells, mapping):
                return columns, list(rows[:at]), at + 1
        return _by_number(file, rows[0][1], mapping), [], 0
    header = rows[header_rows - 1][1] if 0 < header_rows <= len(rows) else []
    first = rows[header_rows][1] if header_rows < len(rows) else []
    return _by_header(header, mapping) or _by_number(file, first, mapping), [], header_rows


def _by_header(cells: Sequence[str], mapping: Mapping[str, str]) -> Columns | None:
    names = [cell.strip().casefold() for cell in cells]
    wanted = {meaning: (mapping[meaning].casefold(),) if meaning in mapping else known for meaning, known in NAMES.items()}
    places = dict(_places(names, wanted))
    if "tags" not in places or not {"path", "sha256"} & places.keys():
        return None
    return Columns(places, len(names))


def _places(names: Sequence[str], wanted: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, int]]:
    for meaning, known in wanted.items():
        if found := [names.index(name) for name in known if name in names]:
            yield meaning, found[0]
    if {"left", "top", "width", "height"} <= set(names) and "right" not in names:
        # A CSV of boxes calls the box's size plainly so.
        yield "width", names.index("width")
        yield "height", names.index("height")


def _by_number(file: str, cells: Sequence[str], mapping: Mapping[str, str]) -> Columns:
    """By the numbers of the mapping, else path and tags."""
    if bad := {meaning: name for meaning, name in mapping.items() if not name.isdecimal() or int(name) < 1}:
        meaning, name = next(iter(bad.items()))
        raise LabelFileError(f"{file} has no column {name!r} for {meaning}. Mend `columns` of its source in labels.sources.")
    places = {meaning: int(name) - 1 for meaning, name in mapping.items()} or {"path": 0, "tags": 1}
    if "tags" not in places or not {"path", "sha256"} & places.keys():
        raise LabelFileError(f"{file}: `columns` of its source names no tags or no image. Give tags, and path or sha256.")
    return Columns(places, max(len(cells), *(at + 1 for at in places.values())))
