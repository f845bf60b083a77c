"""Pull mode: makes, shows and deletes data source, index, skillset and indexer; asks the skill as the indexer does.

Belongs here: calls of the service and of the skill. Does not: what is to be there (`pipeline_definitions`).
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import requests
from azure.core import MatchConditions
from azure.core.credentials import AzureKeyCredential, TokenCredential
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.search.documents import SearchClient
from azure.search.documents.indexes import SearchIndexClient, SearchIndexerClient
from azure.search.documents.indexes.models import (
    SearchIndex,
    SearchIndexer,
    SearchIndexerDataSourceConnection,
    SearchIndexerSkillset,
)

from imaging_assets.azure.pipeline_definitions import KINDS, Json, Wanted, index_lacks, is_as_wanted, is_ours
from imaging_assets.azure.translation import pipeline_errors, redacted
from imaging_assets.errors import AccessDeniedError, ConsentRequiredError, ServiceError

_T = TypeVar("_T")
_SHOWN_RUNS = 10
_TOP = 20
"""As the power skill's notebook asks."""


class SearchPipeline:
    """The pipeline of one search service.

    Args:
        wanted: What it is to be.
    """

    def __init__(self, endpoint: str, credential: AzureKeyCredential | TokenCredential, wanted: Wanted) -> None:
        self._endpoint = endpoint
        self._wanted = wanted
        self._indexers = SearchIndexerClient(endpoint, credential)
        self._indexes = SearchIndexClient(endpoint, credential)
        self._documents = SearchClient(endpoint, f"{wanted.name}-index", credential)

    def apply(self, *, take_over: bool) -> dict[str, str]:
        """Make what is not there, change what differs; name to `made`, `changed` or `unchanged`. What is as it should be costs no write.

        Args:
            take_over: Change what somebody else made, too.

        Raises:
            ConsentRequiredError: One of the names is taken by what is not ours; nothing was changed.
            SearchIndexError: The service refuses or cannot be reached.
        """
        found = {kind: self._get(kind) for kind in KINDS}
        strangers = [there["name"] for there in found.values() if there and not is_ours(there)]
        if strangers and not take_over:
            raise ConsentRequiredError(
                f"{', '.join(strangers)} at {self._endpoint} was not made by imaging-assets. Give --take-over to change it, or "
                "another search_pipeline.name to leave it alone."
            )
        done = {}
        for kind, wanted in self._wanted.definitions().items():
            done[wanted["name"]] = self._bring_about(kind, wanted, found[kind])
        if set(done.values()) != {"unchanged"} and done[f"{self._wanted.name}-indexer"] != "made":  # a new one runs by itself
            self._run()
        return done

    def status(self) -> Json:
        """What is there, and the indexer's runs with their errors and warnings, newest first."""
        definitions = self._wanted.definitions()
        parts = {wanted["name"]: _state(kind, wanted, self._get(kind)) for kind, wanted in definitions.items()}
        indexer, index = f"{self._wanted.name}-indexer", f"{self._wanted.name}-index"
        if parts[indexer] == "missing":
            return {"parts": parts, "indexer": "missing", "documents": None, "runs": []}
        told = self._call(f"ask for the status of {indexer}", lambda: self._indexers.get_indexer_status(indexer)).as_dict()
        documents = None if parts[index] == "missing" else self._call(f"count {index}", self._documents.get_document_count)
        runs = [_run(each) for each in told.get("executionHistory") or ()][:_SHOWN_RUNS]
        return {"parts": parts, "indexer": told["status"], "documents": documents, "runs": runs}

    def delete(self) -> dict[str, str]:
        """Delete what is ours; name to `deleted`, `missing` or `not ours`."""
        done = {}
        for kind in reversed(KINDS):
            name, there = f"{self._wanted.name}-{kind}", self._get(kind)
            if there and is_ours(there):
                self._call(f"delete {name}", lambda kind=kind, name=name: self._remove(kind, name))  # type: ignore[misc]
            done[name] = "missing" if not there else "deleted" if is_ours(there) else "not ours"
        return done

    def ask_skill(self, image: bytes) -> Json:
        """What the skill says about an image, asked as the indexer asks: the record of the answer.

        Raises:
            AccessDeniedError: It does not accept the key.
            ServiceError: It cannot be reached, or its answer is none of the contract.
        """
        wanted = self._wanted
        url = wanted.skill_url.partition("?")[0]  # behind it there may be a key
        call: Any = {
            "values": [{"recordId": "0", "data": {"images": {"$type": "file", "data": base64.b64encode(image).decode()}}}]
        }
        try:
            answer = requests.post(
                wanted.skill_url, json=call, headers=wanted.skill_headers, timeout=wanted.timeout_seconds, allow_redirects=False
            )
        except requests.RequestException as error:
            reason = type(error).__name__
            raise ServiceError(
                f"No answer from {url} ({reason}). Start `imaging-assets serve` and see search_pipeline.skill_url."
            ) from None
        status = answer.status_code
        if status in (401, 403):
            raise AccessDeniedError(f"{url} answers {status}. Give the server's key as IMAGING_SERVE__KEY here, too.", status)
        try:
            (record,) = answer.json()["values"]
            assert isinstance(record["data"], dict)
        except (ValueError, KeyError, TypeError, AssertionError):
            text = redacted(answer.text[:200])
            raise ServiceError(
                f"{url} answers {status} and no record ({text!r}). Let search_pipeline.skill_url lead to /api/extraction.", status
            ) from None
        return dict(record)

    def query(self, label: str) -> Json:
        """Everything, the label as a word anywhere (the query of the power skill's notebook), and the label itself.

        The notebook takes the blob's address out of `id`, so each row has it as `blob`.
        """
        found = {"documents": self._call("query everything", lambda: self._page("*"))}
        if label:
            found["by_word"] = self._call(f"query the word {label!r}", lambda: self._page(label))
            found["with_label"] = self._call(f"query the label {label!r}", lambda: self._page(_phrase(label), ["amllabel"]))
        return found

    def _page(self, text: str, fields: list[str] | None = None) -> Json:
        select = ["id", "url", "file_name", "amllabel", "confidence"]
        pages = self._documents.search(text, search_fields=fields, include_total_count=True, select=select, top=_TOP).by_page()
        rows = [{name: row.get(name) for name in select} | {"blob": blob_of(row["id"])} for row in next(pages, ())]
        return {"count": pages.get_count() or 0, "rows": rows}  # type: ignore[attr-defined]

    def _bring_about(self, kind: str, wanted: Json, there: Json | None) -> str:
        if there is None:
            self._call(f"make {wanted['name']}", lambda: self._put(kind, wanted, MatchConditions.IfMissing))
            return "made"
        if _state(kind, wanted, there) == "as declared":
            return "unchanged"
        if kind == "index":
            fields = [*there["fields"], *index_lacks(wanted, there)]
            wanted = {**there, "fields": fields, "description": wanted["description"]}
        changed = {**wanted, "@odata.etag": there.get("@odata.etag")}
        self._call(f"change {wanted['name']}", lambda: self._put(kind, changed, MatchConditions.IfNotModified))
        return "changed"

    def _run(self) -> None:
        name = f"{self._wanted.name}-indexer"

        def run() -> None:
            try:
                self._indexers.run_indexer(name)
            except ResourceExistsError:  # it runs already
                return

        self._call(f"run {name}", run)

    def _get(self, kind: str) -> Json | None:
        name = f"{self._wanted.name}-{kind}"
        getters: Mapping[str, Callable[[str], Any]] = {
            "datasource": self._indexers.get_data_source_connection,
            "index": self._indexes.get_index,
            "skillset": self._indexers.get_skillset,
            "indexer": self._indexers.get_indexer,
        }

        def get() -> Json | None:
            try:
                return dict(getters[kind](name).as_dict())
            except ResourceNotFoundError:
                return None

        return self._call(f"read {name}", get)

    def _put(self, kind: str, wanted: Json, match: MatchConditions) -> None:
        if kind == "datasource":
            self._indexers.create_or_update_data_source_connection(
                SearchIndexerDataSourceConnection(wanted), match_condition=match
            )
        elif kind == "index":
            self._indexes.create_or_update_index(SearchIndex(wanted), match_condition=match)
        elif kind == "skillset":
            self._indexers.create_or_update_skillset(SearchIndexerSkillset(wanted), match_condition=match)
        else:
            self._indexers.create_or_update_indexer(SearchIndexer(wanted), match_condition=match)

    def _remove(self, kind: str, name: str) -> None:
        removers: Mapping[str, Callable[[str], None]] = {
            "datasource": self._indexers.delete_data_source_connection,
            "index": self._indexes.delete_index,
            "skillset": self._indexers.delete_skillset,
            "indexer": self._indexers.delete_indexer,
        }
        removers[kind](name)

    def _call(self, doing: str, step: Callable[[], _T]) -> _T:
        with pipeline_errors(doing, self._endpoint):
            return step()


def blob_of(document: str) -> str:
    """A blob's address out of the key of its document, or "" if it is none of the service's encoding."""
    try:
        return base64.urlsafe_b64decode(document[:-1] + "=" * int(document[-1:])).decode()
    except ValueError:
        return ""


def _state(kind: str, wanted: Json, there: Json | None) -> str:
    if there is None:
        return "missing"
    if not is_ours(there):
        return "not ours"
    same = not index_lacks(wanted, there) if kind == "index" else is_as_wanted(wanted, there)
    return "as declared" if same else "differs"


def _run(told: Mapping[str, Any]) -> Json:
    return {
        "status": told["status"],
        "started": told.get("startTime"),
        "ended": told.get("endTime"),
        "items": told.get("itemsProcessed") or 0,
        "failed": told.get("itemsFailed") or 0,
        "error": redacted(told.get("errorMessage") or ""),
        "errors": [_told(each, "errorMessage") for each in told.get("errors") or ()],
        "warnings": [_told(each, "message") for each in told.get("warnings") or ()],
    }


def _told(each: Mapping[str, Any], message: str) -> Json:
    return {"key": redacted(each.get("key") or ""), "message": redacted(each.get(message) or "")}


def _phrase(label: str) -> str:
    return '"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"'
