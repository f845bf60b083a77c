"""The question behind a page of results, and the URL that asks it again.

Belongs here: parameters to a `SearchQuery` and back. Does not: asking (`search`). Filters are named like the index's fields, so a link
says what it shows: `/?q=harbour&tags=boat&tags=ship&since=2026-03-01&sort=-captured_at&page=2`.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt
from starlette.datastructures import QueryParams

from imaging_assets.errors import QueryError
from imaging_assets.records.search import FIELDS, Condition, Order, SearchQuery

PAGE = 60
MOST_SKIPPED = 100_000
"""As far as Azure AI Search lets one page; later images are found by narrowing the question."""

MOST_ALIKE = 10_000
"""As many neighbours of a vector as Azure AI Search ranks."""

FACETS: Mapping[str, str] = {
    "tags": "Label",
    "predicted": "Predicted",
    "disagrees": "Label ≠ prediction",
    "image_tags": "Seen in it",
    "faces": "Faces",
    "split": "Split",
    "quality": "Quality",
    "has_text": "Has text",
    "status": "Fitted",
    "model_id": "Model",
    "source": "Source",
    "day": "Day",
}
"""Field to heading, in the order of the page; those that the index does not declare are left out."""

SORTS: Mapping[str, str] = {
    "": "Best match",
    "-day": "Newest day",
    "day": "Oldest day",
    "-captured_at": "Taken last",
    "probability": "Least sure",
    "-probability": "Most sure",
    "-size": "Largest file",
    "-width": "Widest",
    "name": "Name",
}

_ABLE = {field.name: field for field in FIELDS}
SHOWN_FACETS = tuple(name for name in FACETS if name in _ABLE and _ABLE[name].facetable)
_FILTERS = tuple(field.name for field in FIELDS if field.filterable and field.type in ("string", "strings", "boolean", "int64"))
_MOST_VALUES = 100

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class View:
    """What somebody looks at.

    Attributes:
        text: Words.
        filters: Field to the values one of which must hold.
        since, until: First and last day, ISO, or "".
        sort: A key of `SORTS`.
        page: From 1.
        like: Path below the landing place of an image whose look-alikes are shown, or "".
        alike: A dropped picture's vector as `pack_vector` wrote it, or "".
    """

    text: str = ""
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    since: str = ""
    until: str = ""
    sort: str = ""
    page: int = 1
    like: str = ""
    alike: str = ""

    @property
    def ranked_by_likeness(self) -> bool:
        """Whether hits come by similarity."""
        return bool(self.like or self.alike) and not self.sort

    @property
    def last_page(self) -> int:
        """The last page that any index can show, however many images match."""
        return MOST_ALIKE // PAGE if self.ranked_by_likeness else MOST_SKIPPED // PAGE + 1

    def reaches(self, skip: int, top: int) -> bool:
        """Whether any index can show so many hits from that place on."""
        return skip + top <= MOST_ALIKE if self.ranked_by_likeness else skip <= MOST_SKIPPED

    def query(self, vector: Vector | None, *, facets: bool) -> SearchQuery:
        """One page of the question."""
        return replace(
            self.query_at(vector, (self.page - 1) * PAGE, PAGE), facets=SHOWN_FACETS if facets else (), facet_values=30
        )

    def query_at(self, vector: Vector | None, skip: int, top: int) -> SearchQuery:
        """So many hits of the question from that place on."""
        sort = self.sort or ("" if self.text or vector is not None else "-day")
        order = (Order(sort.removeprefix("-"), sort.startswith("-")), Order("path")) if sort else ()
        return SearchQuery(text=self.text, where=tuple(self._conditions()), vector=vector, order=order, skip=skip, top=top)

    def url(self, path: str = "/", **changes: Any) -> str:
        """A link to this question with changes; any change but of the page begins at the first one."""
        changed = replace(self, **({"page": 1} | changes)) if changes else self
        pairs = changed.pairs()
        return f"{path}?{urlencode(pairs)}" if pairs else path

    def pairs(self) -> list[tuple[str, str]]:
        """Names and values of the URL, without what is as usual."""
        plain = {
            "q": self.text,
            "since": self.since,
            "until": self.until,
            "sort": self.sort,
            "like": self.like,
            "alike": self.alike,
            "page": str(self.page) if self.page > 1 else "",
        }
        return [(name, value) for name, value in plain.items() if value] + [
            (name, value) for name, values in self.filters.items() for value in values
        ]

    def toggled(self, name: str, value: str) -> str:
        """A link with one value of a facet chosen, or no more."""
        before = list(self.filters.get(name, ()))
        after = [other for other in before if other != value] if value in before else [*before, value]
        return self.url(filters={key: values for key, values in {**self.filters, name: after}.items() if values})

    def _conditions(self) -> list[Condition]:
        conditions = [
            Condition(name, "eq", tuple(_typed(name, value) for value in values)) for name, values in self.filters.items()
        ]
        if self.since:
            conditions.append(Condition("day", "ge", (self.since,)))
        if self.until:
            conditions.append(Condition("day", "le", (self.until,)))
        return conditions


def read_view(parameters: QueryParams) -> View:
    """The question a URL asks.

    Raises:
        QueryError: A sort or page that there is not.
    """
    sort = parameters.get("sort", "")
    if sort not in SORTS:
        raise QueryError(f"There is no order {sort!r}. Choose one of the list.")
    filters = {name: tuple(dict.fromkeys(parameters.getlist(name)))[:_MOST_VALUES] for name in _FILTERS if parameters.get(name)}
    plain = {name: parameters.get(name, "") for name in ("since", "until", "like", "alike")}
    view = View(text=parameters.get("q", "").strip(), filters=filters, sort=sort, page=1, **plain)
    page = parameters.get("page", "1")
    if not page.isascii() or not page.isdecimal() or not 1 <= int(page[:9]) <= view.last_page:
        raise QueryError(f"There is no page {page[:20]!r}. Pages go from 1 to {view.last_page}; narrow the search to see others.")
    return replace(view, page=int(page))


def pack_vector(vector: Vector) -> str:
    """A direction in few letters: a byte per number, so that a dropped picture has a link and pages."""
    scale = float(np.abs(vector).max()) or 1.0
    return base64.urlsafe_b64encode(np.round(vector / scale * 127).astype(np.int8).tobytes()).decode().rstrip("=")


def unpack_vector(text: str, dimensions: int) -> Vector:
    """The vector, of length 1.

    Raises:
        QueryError: It was not written by `pack_vector` for this index.
    """
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        data = b""
    vector = np.frombuffer(data, np.int8).astype(np.float32)
    length = float(np.linalg.norm(vector))
    if len(vector) != dimensions or not length:
        raise QueryError("The link to a dropped picture is damaged or of another index. Drop the picture again.")
    return vector / np.float32(length)


def _typed(name: str, value: str) -> str | bool | int:
    kind = _ABLE[name].type
    if kind == "int64":
        try:
            return int(value[:18])
        except ValueError as error:
            raise QueryError(f"{name} is a whole number, and {value[:20]!r} is not. Choose one of the list.") from error
    return value == "true" if kind == "boolean" else value
