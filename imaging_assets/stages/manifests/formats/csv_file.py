"""CSV: a line per image, or a line per box.

UTF-8 with or without BOM (or the source's encoding), any newline, comma, semicolon or tab, quotes as usual. A header names the columns
(`csv_columns`); without one they are path and tags. Several tags stand in one cell, parted by the separator. A line with a box is one
of several about its image; boxes are fractions when no number of the file is above 1, else pixels.

Belongs here: reading and writing such files. Does not: which column means what.
"""

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from imaging_assets.errors import LabelFileError
from imaging_assets.records.manifests import AnnotatedImage, RejectedLine
from imaging_assets.stages.manifests.formats.csv_columns import Columns, Row, find_columns
from imaging_assets.stages.manifests.formats.draft import ImageDraft, Read, number_of
from imaging_assets.stages.manifests.formats.label_file import LabelFile
from imaging_assets.stages.manifests.formats.streams import decoded

_DELIMITERS = ",;\t"
_SIZED = ("left", "top", "width", "height")
_ACTIVE = ("=", "+", "-", "@", "\t", "\r")
"""First characters of a cell that a spreadsheet would take for a formula."""
_LOOK_AHEAD = 4
_LONGEST = 200

_BOX = ("left", "top", "right", "bottom")


def read(file: LabelFile) -> Iterator[Read]:
    """What each line says.

    Raises:
        LabelFileError: Another encoding, not CSV at all, or without a column that the source names.
    """
    text = decoded(file.path, file.data, file.encoding)
    rows = _rows(file.path, text, file.separator, keep_empty=file.header_rows is not None)
    first = list(itertools.islice(rows, max(_LOOK_AHEAD, (file.header_rows or 0) + 1)))
    columns, titles, above = find_columns(file.path, first, file.header_rows, file.columns)
    if columns is None:
        return
    for line, cells in titles:
        yield RejectedLine(line, ",".join(cells)[:_LONGEST], "above the header")
    lines = (row for part in (first[above:], rows) for row in part if any(cell.strip() for cell in row[1]))
    if columns.boxes:
        yield from _read_boxes(columns, list(lines), file.separator)
    else:
        for line, cells in lines:
            yield from _read_line(columns, line, cells, file.separator)


def write(images: Iterable[AnnotatedImage], separator: str = "|") -> str:
    """The images as CSV; with boxes (fractions) a line each, where any image has one.

    A cell that a spreadsheet would run as a formula gets a quote in front, which `read` takes off again.
    """
    images = list(images)
    header = ["path", "tags", "sha256"]
    header += ["split"] if any(image.split for image in images) else []
    header += _BOX if any(image.regions for image in images) else []
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header, restval="", lineterminator="\n")
    writer.writeheader()
    for image in images:
        about = {"path": guarded(image.path), "sha256": image.sha256} | ({"split": image.split} if image.split else {})
        boxed = {region.tag for region in image.regions}
        if plain := [tag for tag in image.tags if tag not in boxed]:
            writer.writerow(about | {"tags": guarded(separator.join(plain))})
        for region in image.regions:
            corners = (region.left, region.top, region.left + region.width, region.top + region.height)
            box = {name: repr(round(number, 9)) for name, number in zip(_BOX, corners, strict=True)}
            writer.writerow(about | {"tags": guarded(region.tag)} | box)
    return text.getvalue()


def guarded(cell: str) -> str:
    """The cell with a quote in front when a spreadsheet would run it, or when it begins with one already."""
    return f"'{cell}" if cell.startswith((*_ACTIVE, "'")) else cell


def unguarded(cell: str) -> str:
    """What `guarded` was given; other cells stay as they are."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith((*_ACTIVE, "'")) else cell


def _rows(file: str, text: str, separator: str, *, keep_empty: bool) -> Iterator[Row]:
    """Line number and cells, for each line that is not empty."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, separator))
    try:
        for cells in reader:
            if keep_empty or any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise LabelFileError(f"{file}, line {reader.line_num}: {error}. Mend that line.") from error


def _delimiter(text: str, separator: str) -> str:
    """The delimiter most used in the first line outside quotes; the separator of tags only when there is no other."""
    first = re.split(r"[\r\n]", re.sub(r'"[^"]*"', "", text).lstrip(), maxsplit=1)[0]
    return max(_DELIMITERS, key=lambda delimiter: (delimiter != separator and delimiter in first, first.count(delimiter)))


def _read_line(columns: Columns, line: int, cells: Sequence[str], separator: str) -> Iterator[Read]:
    draft, text = _draft(columns, line, cells), ",".join(cells)[:_LONGEST]
    if fault := _fault(columns, cells):
        yield RejectedLine(line, text, fault)
        return
    for tag in _tags(columns, cells, separator):
        draft.tag(tag)
    yield from draft.finish(text)


def _read_boxes(columns: Columns, lines: Sequence[Row], separator: str) -> Iterator[Read]:
    """Lines about the same image become one record, which stands at its first line."""
    corners = _SIZED if columns.sized else _BOX
    in_pixels = any((number_of(columns.cell(cells, name)) or 0) > 1 for _, cells in lines for name in corners)
    drafts: dict[tuple[str, str], ImageDraft] = {}
    for line, cells in lines:
        if fault := _fault(columns, cells):
            yield RejectedLine(line, ",".join(cells)[:_LONGEST], fault)
            continue
        draft = drafts.setdefault(_image(columns, cells), _draft(columns, line, cells, in_pixels=in_pixels))
        numbers = [columns.cell(cells, name) for name in corners]
        first, draft.line = draft.line, line  # so that a refusal names its own line
        for tag in _tags(columns, cells, separator):
            if not any(numbers):
                draft.tag(tag)
            elif columns.sized:
                draft.box(tag, *numbers)
            else:
                draft.corners(tag, *numbers)
        draft.line = first
    for draft in drafts.values():
        yield from draft.finish()


def _draft(columns: Columns, line: int, cells: Sequence[str], *, in_pixels: bool = False) -> ImageDraft:
    said = {name: columns.cell(cells, name) for name in ("sha256", "who", "when", "split")}
    size = {"width": columns.cell(cells, "image_width"), "height": columns.cell(cells, "image_height")}
    return ImageDraft(line, unguarded(columns.cell(cells, "path")), in_pixels=in_pixels, **said, **size)


def _image(columns: Columns, cells: Sequence[str]) -> tuple[str, str]:
    return columns.cell(cells, "path"), columns.cell(cells, "sha256")


def _tags(columns: Columns, cells: Sequence[str], separator: str) -> list[str]:
    return unguarded(columns.cell(cells, "tags")).split(separator)


def _fault(columns: Columns, cells: Sequence[str]) -> str:
    """What is wrong with a line as such, or ""."""
    if len(cells) < columns.needed:
        return f"{len(cells)} columns, at least {columns.needed} expected"
    if any(cell.strip() for cell in cells[columns.cells :]):
        return f"{len(cells)} columns, at most {columns.cells} expected; put a cell that holds the delimiter in quotes"
    return ""
