"""One image of a label file while its reader gathers what is said about it.

Belongs here: the rules that hold for every format (spelling of tags and paths, what a box must be). Does not: any format.
"""

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

from imaging_assets.records.manifests import AnnotatedImage, Region, RejectedLine

MAX_TAG_CHARACTERS = 128

_SHA256 = re.compile(r"(?:[0-9a-f]{64})?")
_LONGEST_TEXT = 200
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""NUL and halves of characters, which JSON can spell and no table keeps."""
_REPLACED = "\ufffd"

Read = AnnotatedImage | RejectedLine
"""What a reader yields."""


class ImageDraft:
    """Gathers tags and boxes; `finish` yields the image, if anything usable was said of it, and every refusal."""

    def __init__(
        self,
        line: int,
        path: object,
        *,
        sha256: object = "",
        in_pixels: bool = False,
        width: object = None,
        height: object = None,
        who: object = "",
        when: object = None,
        split: object = "",
    ) -> None:
        self.line = line
        self.path = clean_path(_text(path))
        self.sha256 = _text(sha256).strip().lower()
        self.in_pixels = in_pixels
        self.state_size(width, height)
        self.who = clean_tag(_text(who))
        self.when = _moment(when)
        self._odd_time = "" if self.when else _text(when).strip()
        self.split = _text(split).strip()
        self._tags: set[str] = set()
        self._regions: list[Region] = []
        self._rejected: list[RejectedLine] = []

    def state_size(self, width: object, height: object) -> None:
        """The image's size as the file has it; what is no number of pixels is not known."""
        self.width, self.height = _size(width), _size(height)

    def tag(self, text: object) -> str:
        """Note a tag; returns it as it is kept, or "" when it is refused or empty."""
        tag = clean_tag(_text(text))
        if len(tag) > MAX_TAG_CHARACTERS:
            self.refuse(tag, f"tag of {len(tag)} characters, at most {MAX_TAG_CHARACTERS} allowed")
            return ""
        if _REPLACED in tag:
            self.refuse(tag, "the tag holds characters that are no text")
            return ""
        if tag:
            self._tags.add(tag)
        return tag

    def box(self, tag: object, left: object, top: object, width: object, height: object) -> None:
        """Note a box; one that is none is refused."""
        told = f"{_text(tag)} at {left}, {top}, {width}, {height}"
        numbers = [number_of(value) for value in (left, top, width, height)]
        if None in numbers:
            self.refuse(told, "a box is four finite numbers")
            return
        x, y, w, h = (number for number in numbers if number is not None)
        if w <= 0 or h <= 0:
            self.refuse(told, "the box has no area")
        elif not clean_tag(_text(tag)):
            self.refuse(told, "the box has no tag")
        elif kept := self.tag(tag):
            self._regions.append(Region(kept, x, y, w, h))

    def corners(self, tag: object, left: object, top: object, right: object, bottom: object) -> None:
        """Note a box by two corners."""
        x1, y1, x2, y2 = (number_of(value) for value in (left, top, right, bottom))
        if x1 is None or y1 is None or x2 is None or y2 is None:
            self.refuse(f"{_text(tag)} from {left}, {top} to {right}, {bottom}", "a box is four finite numbers")
        else:
            self.box(tag, x1, y1, x2 - x1, y2 - y1)

    def outline(self, tag: object, xs: Sequence[object], ys: Sequence[object]) -> None:
        """Note the box around points."""
        across, down = [number_of(x) for x in xs], [number_of(y) for y in ys]
        if len(across) != len(down) or not across or None in across or None in down:
            self.refuse(_text(tag), "an outline is pairs of finite numbers")
            return
        x, y = [number for number in across if number is not None], [number for number in down if number is not None]
        self.corners(tag, min(x), min(y), max(x), max(y))

    def turned_box(self, tag: object, left: object, top: object, width: object, height: object, *, turn: float) -> None:
        """Note the upright box around one that is turned clockwise about its top-left corner, in degrees."""
        x, y, w, h = (number_of(value) for value in (left, top, width, height))
        if x is None or y is None or w is None or h is None or not turn:
            self.box(tag, left, top, width, height)
            return
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)]
        self.outline(tag, [x + a * cos - b * sin for a, b in corners], [y + a * sin + b * cos for a, b in corners])

    def refuse(self, text: str, reason: str) -> None:
        """Note what cannot be used, and why."""
        self._rejected.append(RejectedLine(self.line, _text(text)[:_LONGEST_TEXT], reason))

    def finish(self, text: str = "") -> Iterator[Read]:
        """The image and the refusals; `text` stands for the line where nothing of it can be used."""
        said = text or self.path or self.sha256
        if not self.path and not self.sha256:
            self.refuse(said, "no image named")
        elif not _SHA256.fullmatch(self.sha256):
            self.refuse(said, "the sha256 is not one: 64 hex digits expected")
        elif self._tags:
            if self._odd_time:
                self.refuse(self._odd_time, "a time that is not ISO (2026-11-19T12:30Z): the file's own counts for the line")
            yield AnnotatedImage(
                line=self.line,
                path=self.path,
                sha256=self.sha256,
                tags=tuple(sorted(self._tags)),
                regions=tuple(self._regions),
                in_pixels=self.in_pixels and bool(self._regions),
                width=self.width,
                height=self.height,
                who=self.who,
                when=self.when,
                split=self.split,
            )
        elif not self._rejected:
            self.refuse(said, "no tag")
        yield from self._rejected


def clean_tag(text: str) -> str:
    """The tag as it is kept: NFC, trimmed, inner white space single."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def clean_path(text: str) -> str:
    """An image's name with slashes, in NFC, without scheme, host and query when it is a URL.

    Datastore addresses (`azureml://…/paths/a.jpg`, `AmlDatastore://store/a.jpg`) become the path inside the datastore; Label Studio's
    local files (`/data/local-files/?d=a.jpg`) the path behind `d=`.
    """
    text = unicodedata.normalize("NFC", text.strip())
    if text.startswith("/data/local-files/?d="):
        return unquote(text.partition("?d=")[2])
    if "://" in text:
        try:
            parts = urlsplit(text)
        except ValueError:  # brackets that hold no address
            return text
        path = unquote(parts.path).lstrip("/")
        return path.partition("/paths/")[2] if parts.scheme == "azureml" and "/paths/" in path else path
    path = text.replace("\\", "/").removeprefix("./")
    while path.startswith("../"):  # relative to the label file; the end of the path tells which image it is
        path = path.removeprefix("../")
    return path


def _text(value: object) -> str:
    """As text that every table can hold."""
    return "" if value is None else _NO_TEXT.sub(_REPLACED, str(value))


def number_of(value: object) -> float | None:
    """A finite number, of a number or text; None for anything else."""
    if not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _size(value: object) -> int | None:
    """Pixels: `640`, `640.0`, `640px`; nothing for 0, which some tools write for "unknown"."""
    number = number_of(_text(value).removesuffix("px"))
    return int(number) if number is not None and number >= 1 else None


def _moment(value: object) -> datetime | None:
    """An ISO time as UTC; without a zone it is UTC."""
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
