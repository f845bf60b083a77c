"""Label files: bytes in, statements and rejected lines out; and the ones we write ourselves.

Belongs here: formats. Does not: which image a line means (`matching`) or which statement wins (`winners`).

CSV: UTF-8 with or without BOM, any newline, comma, semicolon or tab, quotes as usual. With a header the columns are found by
name (`path`, `image`, `file`, `filename` or `name`; `tags`, `tag`, `labels` or `label`; `sha256` beside the path or in its place),
without one they are path and tags. Several tags stand in one cell, parted by the separator of the settings.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from imaging_assets.errors import LabelFileError
from imaging_assets.records.manifests import RejectedLine, Statement

MAX_TAG_CHARACTERS = 128

_PATH_NAMES = ("path", "image", "file", "filename", "name")
_TAG_NAMES = ("tags", "tag", "labels", "label")
_DELIMITERS = ",;\t"
_SHA256 = re.compile(r"(?:[0-9a-f]{64})?")

_Columns = tuple[int | None, int, int | None]
"""Places of path, tags and sha256."""


def read_csv(file: str, data: bytes, separator: str) -> tuple[list[Statement], list[RejectedLine]]:
    """Statements and rejected lines of a CSV label file.

    Args:
        file: Path of the label file, for the record.
        data: Its bytes.
        separator: Between tags of one cell.

    Raises:
        LabelFileError: Not UTF-8, or not CSV at all.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelFileError(f"{file} is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    statements: list[Statement] = []
    rejected: list[RejectedLine] = []
    for line, cells, columns in _rows(file, text, separator):
        outcome = _statement(file, line, cells, columns, separator)
        if isinstance(outcome, Statement):
            statements.append(outcome)
        else:
            rejected.append(RejectedLine(file, line, ",".join(cells)[:200], outcome))
    return statements, rejected


def write_csv(rows: Iterable[tuple[str, str, str]]) -> bytes:
    """Rows of image path, tags and sha256 as `read_csv` reads them."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("path", "tags", "sha256"))
    writer.writerows(rows)
    return text.getvalue().encode()


def clean_tag(text: str) -> str:
    """The tag as it is kept: NFC, trimmed, inner white space single."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _rows(file: str, text: str, separator: str) -> Iterator[tuple[int, list[str], _Columns]]:
    """Line number, cells and columns, for each line that is not empty."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, separator))
    columns: _Columns | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                header = _header(cells)
                columns = header or (0, 1, None)
                if header:
                    continue
            yield reader.line_num, cells, columns
    except csv.Error as error:
        raise LabelFileError(f"{file}, line {reader.line_num}: {error}. Mend that line.") from error


def _delimiter(text: str, separator: str) -> str:
    """The delimiter most used in the first line outside quotes; the separator of tags only when there is no other."""
    first = re.split(r"[\r\n]", re.sub(r'"[^"]*"', "", text).lstrip(), maxsplit=1)[0]
    return max(_DELIMITERS, key=lambda delimiter: (delimiter != separator and delimiter in first, first.count(delimiter)))


def _header(cells: Sequence[str]) -> _Columns | None:
    names = [cell.strip().casefold() for cell in cells]
    path = next((names.index(name) for name in _PATH_NAMES if name in names), None)
    tags = next((names.index(name) for name in _TAG_NAMES if name in names), None)
    sha256 = names.index("sha256") if "sha256" in names else None
    if tags is None or (path is None and sha256 is None):
        return None
    return path, tags, sha256


def _statement(file: str, line: int, cells: Sequence[str], columns: _Columns, separator: str) -> Statement | str:
    """The statement of a line, or why there is none."""
    path_at, tags_at, sha256_at = columns
    needed = max(path_at or 0, tags_at) + 1
    if len(cells) < needed:
        return f"{len(cells)} columns, at least {needed} expected"
    path = unicodedata.normalize("NFC", _cell(cells, path_at)).replace("\\", "/").removeprefix("./")
    tags = tuple(sorted({tag for tag in map(clean_tag, cells[tags_at].split(separator)) if tag}))
    sha256 = _cell(cells, sha256_at).lower()
    if not path and not sha256:
        return "no image named"
    if not _SHA256.fullmatch(sha256):
        return "the sha256 is not one: 64 hex digits expected"
    if not tags:
        return "no tag"
    if too_long := next((tag for tag in tags if len(tag) > MAX_TAG_CHARACTERS), None):
        return f"tag of {len(too_long)} characters, at most {MAX_TAG_CHARACTERS} allowed"
    return Statement("csv", file, line, path, sha256, tags)


def _cell(cells: Sequence[str], at: int | None) -> str:
    return cells[at].strip() if at is not None and at < len(cells) else ""
