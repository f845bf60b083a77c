"""One index: its definition, its documents, and when a write becomes visible.

Belongs here: checking definitions and documents as the service does. Does not: queries (`searching`), names and etags (`service`).
"""

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from threading import RLock
from typing import Any

from imaging_assets_tests.azure.search_server.texts import Analyzer, BadText, TextIndex

Json = dict[str, Any]

_KEY = re.compile(r"[A-Za-z0-9_=-]{1,1024}")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
_NUMBER = re.compile(r"Edm\.(Int32|Int64|Double)")
_ABILITIES = ("searchable", "filterable", "sortable", "facetable")
_TEXT = ("Edm.String", "Collection(Edm.String)")


class BadIndex(ValueError):  # noqa: N818 - becomes a 400
    """A definition or document that the service refuses."""


@dataclass
class Index:
    """A stored definition and its documents by key; `visible_after` is in seconds."""

    definition: Json
    etag: str
    visible_after: float = 0.0
    documents: dict[str, Json] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)
    _coming: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    _texts: TextIndex | None = None

    @cached_property
    def fields(self) -> dict[str, Json]:
        """Field definitions by name, with the service's defaults filled in."""
        return {each["name"]: _with_defaults(each) for each in self.definition["fields"]}

    @cached_property
    def key(self) -> str:
        """Name of the key field."""
        return next(name for name, each in self.fields.items() if each.get("key"))

    def texts(self) -> TextIndex:
        """Full-text view of what is visible now."""
        if self._texts is None:
            analyzers = {
                name: Analyzer(each.get("analyzer") or "standard.lucene", self.definition)
                for name, each in self.fields.items()
                if each["searchable"] and each["type"] in _TEXT
            }
            self._texts = TextIndex(analyzers, dict(self.documents))
        return self._texts

    def visible(self) -> dict[str, Json]:
        """Documents that queries see now."""
        now = time.monotonic()
        while self._coming and self._coming[0][0] <= now:
            self._coming.pop(0)[1]()
            self._texts = None
        return self.documents

    def check_action(self, action: Mapping[str, Any]) -> tuple[str, str, Json]:
        """Kind, key and canonical fields of an action.

        Raises:
            BadIndex: The service refuses the whole batch because of it.
        """
        kind = action.get("@search.action", "upload")
        if kind not in {"upload", "merge", "mergeOrUpload", "delete"}:
            raise BadIndex(f"'{kind}' is no action")
        values = {name: value for name, value in action.items() if name != "@search.action"}
        key = values.get(self.key)
        if not isinstance(key, str) or not _KEY.fullmatch(key) or key.startswith("_"):
            raise BadIndex(
                f"Invalid document key: '{key}'. Keys can only contain letters, digits, underscore (_), dash (-), or equal sign (=). "
                "If the keys in your source data contain other characters, we recommend encoding them with a URL-safe version of "
                "Base64 before uploading them to your index."
            )
        if kind == "delete":
            return kind, key, {}
        return kind, key, {name: self._checked(name, value) for name, value in values.items()}

    def apply(self, kind: str, key: str, values: Json) -> tuple[int, str]:
        """Do it, visible later; the item's status and message."""
        known = key in self._known()
        if kind == "merge" and not known:
            return 404, "Document not found."
        if kind == "delete":
            self._later(lambda: self.documents.pop(key, None))
        elif kind == "upload":
            empty: Json = {name: [] if each["type"] == "Collection(Edm.String)" else None for name, each in self.fields.items()}
            self._later(lambda: self.documents.__setitem__(key, empty | values))
        else:
            self._later(lambda: self.documents.__setitem__(key, self.documents.get(key, {}) | values))
        return (201 if kind != "delete" and not known else 200), ""

    def _known(self) -> dict[str, Json]:
        return self.documents

    def _later(self, change: Callable[[], object]) -> None:
        if not self.visible_after:
            change()
            self._texts = None
            return
        self._coming.append((time.monotonic() + self.visible_after, lambda: (change(), None)[1]))

    def _checked(self, name: str, value: Any) -> Any:
        declared = self.fields.get(name)
        if declared is None:
            raise BadIndex(
                f"The property '{name}' does not exist on type 'search.documentFields' or is not present in the API version"
            )
        if value is None:
            return [] if declared["type"] == "Collection(Edm.String)" else None
        return _of_type(name, declared, value)


def check_definition(definition: Json) -> None:
    """Refuse what the service refuses.

    Raises:
        BadIndex: As the service says it, or because this server does not know it.
    """
    fields = definition.get("fields") or []
    keys = [each for each in fields if each.get("key")]
    if len(keys) != 1 or keys[0]["type"] != "Edm.String":
        raise BadIndex(
            f"Found {len(keys)} key fields in index '{definition['name']}'. Each index must have exactly one key field."
        )
    names = [each["name"] for each in fields]
    if len(set(names)) < len(names) or not all(_FIELD.fullmatch(name) and not name.startswith("azureSearch") for name in names):
        raise BadIndex("Field names must be unique and made of letters, digits and underscores")
    profiles = {profile["name"] for profile in (definition.get("vectorSearch") or {}).get("profiles") or ()}
    for each in fields:
        _check_field(each, profiles)
        if each["type"] in _TEXT and each.get("searchable", True):
            try:
                Analyzer(each.get("analyzer") or "standard.lucene", definition)
            except BadText as error:
                raise BadIndex(str(error)) from error


def _check_field(each: Json, profiles: set[str]) -> None:
    kind, name = each["type"], each["name"]
    if kind == "Collection(Edm.Single)":
        dimensions, profile = each.get("dimensions"), each.get("vectorSearchProfile")
        if not isinstance(dimensions, int) or not 2 <= dimensions <= 4096 or profile not in profiles:
            raise BadIndex(f"The vector field '{name}' needs 'dimensions' from 2 to 4096 and a 'vectorSearchProfile' that exists")
        if not each.get("searchable") or any(each.get(ability) for ability in ("filterable", "sortable", "facetable")):
            raise BadIndex(f"The vector field '{name}' must be searchable and nothing else")
    elif each.get("searchable") and kind not in _TEXT:
        raise BadIndex(f"The searchable field '{name}' must be of type Edm.String or Collection(Edm.String)")
    elif each.get("sortable") and kind.startswith("Collection"):
        raise BadIndex(f"The field '{name}' cannot be sortable because it is a collection")


def _with_defaults(each: Json) -> Json:
    kind = each["type"]
    vector = kind == "Collection(Edm.Single)"
    defaults = {
        "searchable": kind in _TEXT or vector,
        "filterable": not vector,
        "sortable": not kind.startswith("Collection"),
        "facetable": not vector,
        "retrievable": True,
        "key": False,
    }
    given = {name: value for name, value in each.items() if value is not None}
    return defaults | given


def _of_type(name: str, declared: Json, value: Any) -> Any:
    kind = declared["type"]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "Edm.String" and isinstance(value, str):
        if any(declared[ability] for ability in ("filterable", "sortable", "facetable")) and len(value.encode()) > 32_766:
            raise BadIndex(
                f"Field '{name}' contains a term that is too large to process. The max length for UTF-8 encoded terms is 32766"
            )
        return value
    if kind == "Collection(Edm.String)" and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    if kind == "Edm.Boolean" and isinstance(value, bool):
        return value
    if _NUMBER.fullmatch(kind) and number and (kind == "Edm.Double" or isinstance(value, int)):
        return float(value) if kind == "Edm.Double" else _whole(kind, value)
    if kind == "Edm.DateTimeOffset" and isinstance(value, str) and (moment := _moment(value)) is not None:
        return moment
    if kind in {"Collection(Edm.Single)", "Collection(Edm.Double)"} and isinstance(value, list):
        return _vector(name, declared, value)
    raise BadIndex(f"Cannot convert a value of the field '{name}' to the expected type '{kind}'.")


def _vector(name: str, declared: Json, value: Sequence[Any]) -> list[float]:
    if "dimensions" in declared and len(value) != declared["dimensions"]:
        raise BadIndex(
            f"The vector field '{name}', with dimension '{declared['dimensions']}', was given a length of '{len(value)}'."
        )
    if not all(isinstance(item, int | float) and not isinstance(item, bool) and math.isfinite(item) for item in value):
        raise BadIndex(f"The field '{name}' holds something that is no number")
    return list(value)


def _whole(kind: str, value: int) -> int:
    bits = 31 if kind == "Edm.Int32" else 63
    if not -(2**bits) <= value < 2**bits:
        raise BadIndex(f"Cannot convert the literal '{value}' to the expected type '{kind}'.")
    return value


def _moment(text: str) -> str | None:
    """As the service returns it: UTC, milliseconds without trailing zeros; None for what is no time with an offset."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return re.sub(r"\.?0*\+00:00$", "Z", moment.astimezone(UTC).isoformat(timespec="milliseconds")) if moment.tzinfo else None
