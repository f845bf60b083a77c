"""The service: indexes and aliases by name, etags, quotas, alias propagation, batches of documents.

Belongs here: what each operation does and answers. Does not: HTTP and faults (`server`), one index's inside (`index`), pull mode (`parts`).
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from threading import RLock
from typing import Any

from imaging_assets_tests.azure.search_server.exchange import Answer, Refused, Request, check_etag
from imaging_assets_tests.azure.search_server.filters import BadFilter
from imaging_assets_tests.azure.search_server.index import BadIndex, Index, Json, check_definition
from imaging_assets_tests.azure.search_server.indexers import BadPart
from imaging_assets_tests.azure.search_server.parts import Parts
from imaging_assets_tests.azure.search_server.searching import BadQuery, search, shown
from imaging_assets_tests.azure.search_server.texts import BadText

MOST_ACTIONS = 1_000
MOST_BYTES = 16 * 1024 * 1024

_INDEX_NAME = re.compile(r"[a-z0-9](?:[-_]?[a-z0-9]){1,127}")


@dataclass
class Service:
    """State of one search service.

    Attributes:
        visible_after: Seconds until a write is seen by queries, counts and look-ups.
        alias_seconds: Seconds until a changed alias is followed.
        most_indexes: Quota.
        item_statuses: Statuses to give to the next documents with these keys, instead of taking them.
        most_bytes: Larger batches are refused with 413.
    """

    visible_after: float = 0.0
    alias_seconds: float = 0.0
    most_indexes: int = 50
    most_bytes: int = MOST_BYTES
    item_statuses: dict[str, list[int]] = field(default_factory=dict)
    indexes: dict[str, Index] = field(default_factory=dict)
    aliases: dict[str, Json] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)
    _former: dict[str, tuple[str, float]] = field(default_factory=dict)
    _etags: Any = field(default_factory=lambda: count(1))
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts(self.indexes, self._etag, self.lock)

    def handle(self, request: Request) -> Answer:
        """What the service answers; one request at a time."""
        with self.lock:
            try:
                return self._operation(request)
            except Refused as refused:
                return refused.answer
            except (BadIndex, BadPart, BadQuery, BadFilter, BadText) as error:
                return Answer(400, {"error": {"code": "", "message": str(error)}})

    def _operation(self, request: Request) -> Answer:
        for pattern, operations in _ROUTES:
            if found := re.fullmatch(pattern, request.path):
                operation = operations.get(request.method)
                if operation is None:
                    raise Refused(405, f"{request.method} is not allowed here")
                return operation(self, request, *(name.replace("''", "'") for name in found.groups()))
        return self.parts.handle(request)

    # --- indexes

    def list_indexes(self, request: Request) -> Answer:
        selected = request.query.get("$select")
        names = selected.split(",") if selected else None
        shown_ = [
            {name: index.definition[name] for name in names if name in index.definition} if names else self._described(index)
            for _, index in sorted(self.indexes.items())
        ]
        return Answer(200, {"value": shown_})

    def create_index(self, request: Request) -> Answer:
        if request.body["name"] in self.indexes:
            name = request.body["name"]
            raise Refused(409, f"Cannot create index '{name}' because it already exists.", "ResourceNameAlreadyInUse")
        return self.put_index(request, request.body["name"])

    def put_index(self, request: Request, name: str) -> Answer:
        if not _INDEX_NAME.fullmatch(name) or request.body["name"] != name:
            raise Refused(400, f"'{name}' is no index name, or not the one of the definition", "InvalidName")
        known = self.indexes.get(name)
        check_etag(request, known.etag if known else None)
        check_definition(request.body)
        if known is None:
            if len(self.indexes) >= self.most_indexes:
                raise Refused(
                    429, f"Index quota has been exceeded for this service. You currently have {len(self.indexes)} indexes."
                )
            self.indexes[name] = Index(request.body, self._etag(), self.visible_after)
            return Answer(201, self._described(self.indexes[name]))
        if not _keeps(known, request.body):
            raise Refused(400, "Existing field(s) cannot be deleted or changed.", "CannotChangeExistingField")
        changed = Index(request.body, self._etag(), self.visible_after, known.documents)
        self.indexes[name] = changed
        return Answer(200, self._described(changed))

    def get_index(self, request: Request, name: str) -> Answer:
        del request
        return Answer(200, self._described(self._index(name)))

    def delete_index(self, request: Request, name: str) -> Answer:
        if name not in self.indexes:
            raise Refused(404, f"No index with the name '{name}' was found in the service.")
        if used := [alias for alias, body in self.aliases.items() if name in body["indexes"]]:
            raise Refused(400, f"Cannot delete index '{name}' because it is mapped by the alias '{used[0]}'.")
        check_etag(request, self.indexes[name].etag)
        del self.indexes[name]
        return Answer(204)

    def statistics(self, request: Request, name: str) -> Answer:
        del request
        rows = self._index(name).visible()
        return Answer(200, {"documentCount": len(rows), "storageSize": len(json.dumps(rows)), "vectorIndexSize": 0})

    # --- aliases

    def list_aliases(self, request: Request) -> Answer:
        del request
        return Answer(200, {"value": [body for _, body in sorted(self.aliases.items())]})

    def create_alias(self, request: Request) -> Answer:
        if request.body["name"] in self.aliases:
            raise Refused(
                409, f"Cannot create alias '{request.body['name']}' because it already exists.", "ResourceNameAlreadyInUse"
            )
        return self.put_alias(request, request.body["name"])

    def put_alias(self, request: Request, name: str) -> Answer:
        known = self.aliases.get(name)
        check_etag(request, known["@odata.etag"] if known else None)
        indexes = request.body.get("indexes")
        if not _INDEX_NAME.fullmatch(name) or not isinstance(indexes, list) or len(indexes) != 1 or name in self.indexes:
            raise Refused(400, "An alias has a name that no index has, and exactly one index")
        if indexes[0] not in self.indexes:
            raise Refused(400, f"The index '{indexes[0]}' of the alias '{name}' does not exist.")
        if known:
            self._former[name] = (known["indexes"][0], time.monotonic() + self.alias_seconds)
        self.aliases[name] = {"@odata.etag": self._etag(), "name": name, "indexes": indexes}
        return Answer(200 if known else 201, self.aliases[name])

    def get_alias(self, request: Request, name: str) -> Answer:
        del request
        if name not in self.aliases:
            raise Refused(404, f"No alias with the name '{name}' was found in the service.")
        return Answer(200, self.aliases[name])

    def delete_alias(self, request: Request, name: str) -> Answer:
        if name not in self.aliases:
            raise Refused(404, f"No alias with the name '{name}' was found in the service.")
        check_etag(request, self.aliases[name]["@odata.etag"])
        del self.aliases[name]
        return Answer(204)

    # --- documents

    def index_documents(self, request: Request, name: str) -> Answer:
        if request.size > self.most_bytes:
            raise Refused(413, "The request payload is too large.", "RequestEntityTooLarge")
        actions = request.body.get("value")
        index = self._index(name, aliases=True)
        if not isinstance(actions, list) or not actions:
            raise Refused(400, "No indexing actions found in the request. Please include between 1 and 1000 indexing actions.")
        if len(actions) > MOST_ACTIONS:
            raise Refused(400, f"Too many indexing actions found in the request: {len(actions)}. Include between 1 and 1000.")
        results = []
        for kind, key, values in [index.check_action(action) for action in actions]:
            waiting = self.item_statuses.get(key)
            if waiting:
                status, message = waiting.pop(0), "injected"
            else:
                status, message = index.apply(kind, key, values)
            results.append({"key": key, "status": status < 300, "errorMessage": message or None, "statusCode": status})
        partial = any(not result["status"] for result in results)
        return Answer(207 if partial else 200, {"value": results})

    def search(self, request: Request, name: str) -> Answer:
        return Answer(200, search(self._index(name, aliases=True), request.body))

    def count(self, request: Request, name: str) -> Answer:
        del request
        return Answer(200, len(self._index(name, aliases=True).visible()))

    def look_up(self, request: Request, name: str, key: str) -> Answer:
        index = self._index(name, aliases=True)
        if key not in index.visible():
            return Answer(404)
        select = request.query.get("$select", "")
        return Answer(200, shown(index, index.documents[key], [each for each in select.split(",") if each]))

    # --- inside

    def _index(self, name: str, *, aliases: bool = False) -> Index:
        if aliases and name in self.aliases:
            former, until = self._former.get(name, ("", 0.0))
            if time.monotonic() < until and former in self.indexes:
                return self.indexes[former]
            name = self.aliases[name]["indexes"][0]
        if name not in self.indexes:
            raise Refused(404, f"The index '{name}' for service 'local' was not found.")
        return self.indexes[name]

    def _described(self, index: Index) -> Json:
        fields = list(index.fields.values())
        return {**index.definition, "@odata.etag": index.etag, "fields": fields}

    def _etag(self) -> str:
        return f'"0x8DC{next(self._etags):012X}"'


def _keeps(known: Index, definition: Json) -> bool:
    """Whether a new definition has every field as it was."""
    fields = Index(definition, "").fields
    return all(fields.get(name) == each for name, each in known.fields.items())


_NAME = r"\('((?:[^']|'')+)'\)"
_Operation = Callable[..., Answer]
_ROUTES: list[tuple[str, dict[str, _Operation]]] = [
    ("/indexes", {"GET": Service.list_indexes, "POST": Service.create_index}),
    (f"/indexes{_NAME}", {"GET": Service.get_index, "PUT": Service.put_index, "DELETE": Service.delete_index}),
    (f"/indexes{_NAME}/search[.]stats", {"GET": Service.statistics}),
    ("/aliases", {"GET": Service.list_aliases, "POST": Service.create_alias}),
    (f"/aliases{_NAME}", {"GET": Service.get_alias, "PUT": Service.put_alias, "DELETE": Service.delete_alias}),
    (f"/indexes{_NAME}/docs/search[.]index", {"POST": Service.index_documents}),
    (f"/indexes{_NAME}/docs/search[.]post[.]search", {"POST": Service.search}),
    (f"/indexes{_NAME}/docs/[$]count", {"GET": Service.count}),
    (f"/indexes{_NAME}/docs{_NAME}", {"GET": Service.look_up}),
]
