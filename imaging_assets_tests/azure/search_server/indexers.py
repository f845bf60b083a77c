"""Pull mode: data sources, skillsets and indexers, and a run that reads blobs, calls skills over HTTP and fills the index.

Belongs here: what the service keeps and what a run does, as far as images and custom skills go. Does not: HTTP of the service (`server`).
"""

import base64
import io
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Thread
from typing import Any

from azure.storage.blob import BlobProperties, ContainerClient
from PIL import Image, ImageOps, UnidentifiedImageError

from imaging_assets_tests.azure.search_server.index import BadIndex, Index, Json

KINDS = ("datasources", "skillsets", "indexers")
_ATTEMPTS = 3
_AGAIN = {429, 502, 503}
_LARGEST = 2_000
_REQUIRED = {
    "datasources": ("name", "type", "credentials", "container"),
    "skillsets": ("name", "skills"),
    "indexers": ("name", "dataSourceName", "targetIndexName"),
}
_FORBIDDEN = ("accept", "content-", "cookie", "host", "te", "upgrade", "via")


class BadPart(ValueError):  # noqa: N818 - becomes a 400
    """A definition that the service refuses."""


class BadItem(Exception):  # noqa: N818 - becomes an error of a run
    """A blob that could not be indexed."""


@dataclass
class Indexing:
    """What an indexer remembers: its runs, newest first, and the blobs it has seen."""

    history: list[Json] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)
    thread: Thread | None = None

    @property
    def running(self) -> bool:
        return self.thread is not None and self.thread.is_alive()

    def start(self, work: Callable[[Json], None]) -> None:
        """Begin a run; `work` writes into its entry of the history."""
        entry: Json = {"status": "inProgress", "errorMessage": None, "startTime": _now(), "endTime": None}
        entry |= {"errors": [], "warnings": [], "itemsProcessed": 0, "itemsFailed": 0}
        self.history.insert(0, entry)
        self.thread = Thread(target=work, args=(entry,), daemon=True)
        self.thread.start()


def check_part(kind: str, body: Json, parts: Mapping[str, Mapping[str, Json]], indexes: Mapping[str, Index]) -> None:
    """Refuse what the service refuses.

    Raises:
        BadPart: With its reason.
    """
    if missing := [name for name in _REQUIRED[kind] if not body.get(name)]:
        raise BadPart(f"The required property '{missing[0]}' is missing.")
    if kind == "datasources" and body["type"] != "azureblob":
        raise BadPart(f"data sources of type {body['type']!r} are not known here")
    for skill in body.get("skills") or ():
        _check_skill(skill)
    if kind == "indexers":
        _check_indexer(body, parts, indexes)


def _check_indexer(body: Json, parts: Mapping[str, Mapping[str, Json]], indexes: Mapping[str, Index]) -> None:
    if body["dataSourceName"] not in parts["datasources"]:
        raise BadPart(f"This indexer refers to a data source '{body['dataSourceName']}' that doesn't exist")
    if body["targetIndexName"] not in indexes:
        raise BadPart(f"This indexer refers to an index '{body['targetIndexName']}' that doesn't exist")
    if body.get("skillsetName") and body["skillsetName"] not in parts["skillsets"]:
        raise BadPart(f"This indexer refers to a skillset '{body['skillsetName']}' that doesn't exist")
    fields = indexes[body["targetIndexName"]].fields
    for mapping in [*(body.get("fieldMappings") or ()), *(body.get("outputFieldMappings") or ())]:
        if mapping["targetFieldName"] not in fields:
            raise BadPart(f"The target field '{mapping['targetFieldName']}' is not in the index")
    if re.fullmatch(r"PT[0-4]M", (body.get("schedule") or {}).get("interval", "")):
        raise BadPart("The minimum interval of a schedule is 5 minutes.")


def _check_skill(skill: Json) -> None:
    if skill["@odata.type"] != "#Microsoft.Skills.Custom.WebApiSkill":
        raise BadPart(f"skill {skill['@odata.type']!r} is not known here")
    if not re.match(r"https://|http://127[.]0[.]0[.]1[:/]", skill["uri"]):  # this server is on this machine, without TLS
        raise BadPart("Invalid web API skill: the uri must use https.")
    seconds = int(re.fullmatch(r"PT(\d+)S", skill.get("timeout") or "PT30S")[1])  # type: ignore[index]
    if not 1 <= seconds <= 230:
        raise BadPart("The timeout of a web API skill is from 1 to 230 seconds.")
    if bad := [
        name for name in skill.get("httpHeaders") or () if name.lower().startswith(_FORBIDDEN[:2]) or name.lower() in _FORBIDDEN
    ]:
        raise BadPart(f"The header '{bad[0]}' is not allowed.")


@dataclass
class Run:
    """One run of an indexer.

    Attributes:
        take: Puts a document into the index.
    """

    indexer: Json
    datasource: Json
    skills: Sequence[Json]
    index: Index
    seen: dict[str, str]
    take: Callable[[Json], None]

    def __call__(self, entry: Json) -> None:
        try:
            self._work(entry)
            most = (self.indexer.get("parameters") or {}).get("maxFailedItems") or 0
            entry["status"] = "success" if most == -1 or entry["itemsFailed"] <= most else "transientFailure"
        except Exception as error:  # noqa: BLE001 - as the service: a run's failure is its status
            entry["status"], entry["errorMessage"] = "transientFailure", f"{type(error).__name__}: {str(error)[:200]}"
        entry["endTime"] = _now()

    def _work(self, entry: Json) -> None:
        container = self.datasource["container"]
        client = ContainerClient.from_connection_string(self.datasource["credentials"]["connectionString"], container["name"])
        prefix = f"{container['query'].rstrip('/')}/" if container.get("query") else None
        with client:
            changed = [blob for blob in client.list_blobs(prefix) if self.seen.get(blob.name) != blob.etag]
            documents: list[tuple[BlobProperties, Json]] = []
            for blob in changed:
                entry["itemsProcessed"] += 1
                try:
                    documents.append((blob, self._cracked(client, blob)))
                except BadItem as error:
                    self._failed(entry, f"{client.url}/{blob.name}", "DocumentExtraction.azureblob", str(error))
        self._enrich([document for _, document in documents], entry)
        for blob, document in documents:
            if document.get("failed"):
                continue
            try:
                self.take(self._mapped(document))
                self.seen[blob.name] = blob.etag
            except BadIndex as error:
                self._failed(entry, document["metadata_storage_path"], "Indexing", str(error))

    def _cracked(self, client: ContainerClient, blob: BlobProperties) -> Json:
        data = client.download_blob(blob.name).readall()
        document = {
            "metadata_storage_path": f"{client.url}/{blob.name}",
            "metadata_storage_name": blob.name.rpartition("/")[2],
            "metadata_storage_size": blob.size,
            "metadata_storage_last_modified": blob.last_modified.isoformat(),
            "content": "",
        }
        configuration = (self.indexer.get("parameters") or {}).get("configuration") or {}
        if configuration.get("imageAction", "none") != "none":
            document["normalized_images"] = [_normalized(data)]
        return document

    def _enrich(self, documents: Sequence[Json], entry: Json) -> None:
        for skill in self.skills:
            records = list(_contexts(skill["context"], documents))
            size = skill.get("batchSize") or 1000
            for start in range(0, len(records), size):
                self._ask(skill, records[start : start + size], entry)

    def _ask(self, skill: Json, batch: Sequence[tuple[Json, Json]], entry: Json) -> None:
        name = f"Enrichment.WebApiSkill.{skill.get('name') or '#1'}"
        values = [{"recordId": str(number), "data": _inputs(skill, node)} for number, (_, node) in enumerate(batch)]
        try:
            told = {each["recordId"]: each for each in _call(skill, {"values": values})["values"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            told = {}
            said = f"Could not execute skill because the Web Api request failed: {error}"
        else:
            said = "Could not execute skill because the Web Api skill response is invalid: the record is missing."
        for number, (document, node) in enumerate(batch):
            record = told.get(str(number), {"errors": [{"message": said}]})
            key = document["metadata_storage_path"]
            for warning in record.get("warnings") or ():
                entry["warnings"].append({"key": key, "message": warning["message"], "name": name})
            if record.get("errors"):
                document["failed"] = True
                self._failed(entry, key, name, record["errors"][0]["message"])
                continue
            node |= {out.get("targetName") or out["name"]: record["data"].get(out["name"]) for out in skill["outputs"]}

    def _mapped(self, document: Json) -> Json:
        values: Json = {name: value for name, value in document.items() if name in self.index.fields}
        for mapping in self.indexer.get("fieldMappings") or ():
            value = document.get(mapping["sourceFieldName"])
            function = (mapping.get("mappingFunction") or {}).get("name")
            values[mapping["targetFieldName"]] = token_of(str(value)) if function == "base64Encode" else value
        for mapping in self.indexer.get("outputFieldMappings") or ():
            values[mapping["targetFieldName"]] = _path(document, mapping["sourceFieldName"])
        return values

    def _failed(self, entry: Json, key: str, name: str, message: str) -> None:
        entry["itemsFailed"] += 1
        entry["errors"].append({"key": key, "errorMessage": message, "statusCode": 400, "name": name})


def token_of(text: str) -> str:
    """`HttpServerUtility.UrlTokenEncode`: URL-safe base64, its padding as a digit."""
    encoded = base64.urlsafe_b64encode(text.encode()).decode()
    return f"{encoded.rstrip('=')}{encoded.count('=')}"


def _normalized(data: bytes) -> Json:
    try:
        with Image.open(io.BytesIO(data)) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
            original = opened.size
    except (UnidentifiedImageError, OSError) as error:
        raise BadItem("Unsupported content or a damaged image.") from error
    image.thumbnail((_LARGEST, _LARGEST))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return {
        "$type": "file",
        "data": base64.b64encode(out.getvalue()).decode(),
        "width": image.width,
        "height": image.height,
        "originalWidth": original[0],
        "originalHeight": original[1],
        "rotationFromOriginal": 0,
        "contentOffset": 0,
        "pageNumber": 0,
        "contentType": "image/jpeg",
    }


def _contexts(context: str, documents: Sequence[Json]) -> Iterator[tuple[Json, Json]]:
    """Document and node of each record."""
    for document in documents:
        if context == "/document/normalized_images/*":
            yield from ((document, image) for image in document.get("normalized_images") or ())
        elif context == "/document":
            yield document, document
        else:
            raise BadPart(f"context {context!r} is not known here")


def _inputs(skill: Json, node: Json) -> Json:
    found = {}
    for each in skill["inputs"]:
        rest = each["source"].removeprefix(skill["context"]).strip("/")
        found[each["name"]] = node.get(rest) if rest else dict(node)
    return found


def _path(document: Json, source: str) -> Any:
    name, _, rest = source.removeprefix("/document/").partition("/*/")
    return [node[rest] for node in document.get(name) or () if node.get(rest) is not None] if rest else document.get(name)


def _call(skill: Json, body: Json) -> Json:
    headers = {"Content-Type": "application/json", **(skill.get("httpHeaders") or {})}
    request = urllib.request.Request(skill["uri"], json.dumps(body).encode(), headers, method=skill.get("httpMethod") or "POST")  # noqa: S310
    seconds = int(re.sub(r"\D", "", skill.get("timeout") or "PT30S"))
    for attempt in range(_ATTEMPTS):
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310 - a test's own server
                if not answer.headers["Content-Type"].startswith("application/json"):
                    raise ValueError("the response's content type is not application/json")
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            if error.code not in _AGAIN or attempt + 1 == _ATTEMPTS:
                raise
            time.sleep(0.05)
    raise AssertionError


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
