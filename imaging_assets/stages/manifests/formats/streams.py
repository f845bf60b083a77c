"""Reading text, JSON and XML without holding more of them than one record at a time.

Belongs here: decoding, streaming, and what is wrong with a file as a whole. Does not: what a record means (the formats).
"""

import io
import json
from collections.abc import Iterator
from typing import Any

import ijson
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse

from imaging_assets.errors import LabelFileError


def decoded(file: str, data: bytes, encoding: str = "utf-8") -> str:
    """The text, without a byte order mark.

    Raises:
        LabelFileError: It is not in that encoding.
    """
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LabelFileError(
            f"{file} is not {encoding.upper()} text (byte {error.start}, line {line}). Save it as UTF-8, or set the encoding of its "
            "source in labels.sources."
        ) from error


def json_items(file: str, data: bytes, prefix: str) -> Iterator[Any]:
    """The values at a place of a JSON file (`images.item`), one after the other; numbers are floats or ints.

    Raises:
        LabelFileError: It is not JSON.
    """
    yield from _json(file, ijson.items(_stream(data), prefix, use_float=True))


def json_pairs(file: str, data: bytes, prefix: str) -> Iterator[tuple[str, Any]]:
    """Names and values of the object at a place of a JSON file, one after the other; raises as `json_items`."""
    yield from _json(file, ijson.kvitems(_stream(data), prefix, use_float=True))


def json_events(data: bytes) -> Iterator[tuple[str, Any]]:
    """Kinds and values of a JSON file's parts as they come; ends where it is no longer JSON."""
    try:
        yield from ijson.basic_parse(_stream(data), use_float=True)
    except (ijson.JSONError, UnicodeDecodeError, OverflowError):
        return


def objects_of(value: object) -> list[dict[str, Any]]:
    """The objects in a list, or among the values of an object; none of anything else."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [part for part in parts if isinstance(part, dict)]


def json_lines(text: str) -> Iterator[tuple[int, Any]]:
    """Line number and value of each line that is not empty; the value is None where it is not JSON."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                yield number, None


def xml_elements(file: str, data: bytes, tag: str) -> Iterator[Any]:
    """Elements of that name as they end; each is emptied once it was looked at.

    Raises:
        LabelFileError: It is not XML, or it declares entities, which no label file needs and which can blow up a reader.
    """
    try:
        for _, element in iterparse(io.BytesIO(data), events=("end",)):
            if element.tag == tag:
                yield element
                element.clear()
    except ParseError as error:
        raise LabelFileError(f"{file} is not XML ({error}). Export it again.") from error
    except (DefusedXmlException, LookupError, ValueError) as error:
        raise LabelFileError(
            f"{file} declares entities or an encoding that is not read here. Export it as plain UTF-8."
        ) from error


def xml_root(data: bytes) -> str:
    """Name of the outermost element, or "" when there is none."""
    try:
        return next((str(element.tag) for _, element in iterparse(io.BytesIO(data), events=("start",))), "")
    except (ParseError, DefusedXmlException, LookupError, ValueError):
        return ""


def _json(file: str, items: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from items
    except (ijson.JSONError, UnicodeDecodeError, OverflowError) as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LabelFileError(f"{file} is not JSON ({told}). Export it again; it may have been cut off.") from error


def _stream(data: bytes) -> io.BytesIO:
    return io.BytesIO(data.removeprefix(b"\xef\xbb\xbf"))
