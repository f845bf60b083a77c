"""Data sources, skillsets and indexers by name, and when an indexer runs.

Belongs here: their operations. Does not: what a run does (`indexers`), indexes (`service`).
"""

import re
from collections.abc import Callable
from threading import RLock

from imaging_assets_tests.azure.search_server.exchange import Answer, Refused, Request, check_etag
from imaging_assets_tests.azure.search_server.index import Index, Json
from imaging_assets_tests.azure.search_server.indexers import KINDS, Indexing, Run, check_part

_UNCHANGED = {None, "<unchanged>"}


class Parts:
    """What pull mode needs besides indexes.

    Args:
        indexes: The service's.
        etag: Makes one.
    """

    def __init__(self, indexes: dict[str, Index], etag: Callable[[], str], lock: RLock) -> None:
        self.named: dict[str, dict[str, Json]] = {kind: {} for kind in KINDS}
        self.indexings: dict[str, Indexing] = {}
        self._indexes = indexes
        self._etag = etag
        self._lock = lock

    def handle(self, request: Request) -> Answer:
        """What the service answers.

        Raises:
            Refused, BadPart: An error.
        """
        found = re.fullmatch(
            r"/(datasources|skillsets|indexers)(?:\('([^']+)'\))?(?:/search[.](run|reset|status))?", request.path
        )
        if not found:
            raise Refused(404, f"There is no {request.path}")
        kind, name, verb = found.groups()
        if name is None:
            return self._of_all(kind, request)
        if verb:
            return self._of_indexer(name, verb, request)
        if request.method == "PUT":
            return self._put(kind, name, request)
        if name not in self.named[kind]:
            raise Refused(404, f"No {kind[:-1]} with the name '{name}' was found in the service.")
        if request.method == "DELETE":
            check_etag(request, self.named[kind][name]["@odata.etag"])
            del self.named[kind][name]
            self.indexings.pop(name if kind == "indexers" else "", None)
            return Answer(204)
        return Answer(200, _shown(kind, self.named[kind][name]))

    def _of_all(self, kind: str, request: Request) -> Answer:
        if request.method == "GET":
            return Answer(200, {"value": [_shown(kind, each) for _, each in sorted(self.named[kind].items())]})
        name = request.body["name"]
        if name in self.named[kind]:
            raise Refused(409, f"Cannot create {kind[:-1]} '{name}' because it already exists.", "ResourceNameAlreadyInUse")
        return self._put(kind, name, request)

    def _put(self, kind: str, name: str, request: Request) -> Answer:
        known, body = self.named[kind].get(name), dict(request.body)
        check_etag(request, known["@odata.etag"] if known else None)
        if not re.fullmatch(r"[a-z0-9](?:[-_]?[a-z0-9]){1,127}", name) or body.get("name") != name:
            raise Refused(400, f"'{name}' is no name, or not the one of the definition", "InvalidName")
        if kind == "datasources" and known and (body.get("credentials") or {}).get("connectionString") in _UNCHANGED:
            body["credentials"] = known["credentials"]
        check_part(kind, body, self.named, self._indexes)
        self.named[kind][name] = {**body, "@odata.etag": self._etag()}
        if kind == "indexers" and known is None:
            self.indexings[name] = Indexing()
            if not body.get("disabled"):
                self._run(name)  # a new one runs at once
        return Answer(200 if known else 201, _shown(kind, self.named[kind][name]))

    def _of_indexer(self, name: str, verb: str, request: Request) -> Answer:
        if name not in self.named["indexers"]:
            raise Refused(404, f"No indexer with the name '{name}' was found in the service.")
        if request.method != ("GET" if verb == "status" else "POST"):
            raise Refused(405, f"{request.method} is not allowed here")
        indexing = self.indexings[name]
        if verb == "status":
            history = [dict(entry) for entry in indexing.history]
            last = next((entry for entry in history if entry["status"] != "inProgress"), None)
            limits = {"maxRunTime": "PT2H", "maxDocumentExtractionSize": 16_777_216}
            return Answer(200, {"status": "running", "lastResult": last, "executionHistory": history, "limits": limits})
        if verb == "reset":
            indexing.seen.clear()
            return Answer(204)
        if indexing.running:
            raise Refused(409, "Another indexer invocation is currently in progress; concurrent invocations not allowed.")
        self._run(name)
        return Answer(202)

    def _run(self, name: str) -> None:
        indexer, indexing = self.named["indexers"][name], self.indexings[name]
        index = self._indexes[indexer["targetIndexName"]]
        skills = self.named["skillsets"][indexer["skillsetName"]]["skills"] if indexer.get("skillsetName") else []

        def take(document: Json) -> None:
            with self._lock:
                index.apply(*index.check_action({"@search.action": "mergeOrUpload", **document}))

        datasource = self.named["datasources"][indexer["dataSourceName"]]
        indexing.start(Run(indexer, datasource, skills, index, indexing.seen, take))


def _shown(kind: str, part: Json) -> Json:
    """As the service gives it: never a connection string."""
    return {**part, "credentials": {"connectionString": None}} if kind == "datasources" else part
