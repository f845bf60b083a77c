"""Pull mode: what data source, index, skillset and indexer are to be.

Belongs here: their JSON, under the names and fields of the AutoML vision power skill. Does not: calls (`search_pipeline`).

Two things differ from the power skill's notebook on purpose: `url`, `file_name`, `size` and `last_modified` are filled, and `amllabel`
can be filtered and counted.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

MARK = "Made by imaging-assets"
"""How the description of everything begins that is ours."""

KINDS = ("datasource", "index", "skillset", "indexer")
"""In the order in which they need each other."""

_IMAGES = "/document/normalized_images/*"
_SECRET = {"credentials", "httpHeaders"}
"""Properties that the service does not give back as they were sent."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a pipeline is made of.

    Attributes:
        name: Beginning of the four names.
        storage: What the service reads blobs with.
        folder: Beginning of the blobs' names, or "".
        skill_key: Sent to the skill, or "".
        every_minutes: Between two runs; 0: none by itself.
    """

    name: str
    storage: str = field(repr=False)
    container: str
    folder: str
    skill_url: str
    skill_key: str = field(repr=False)
    batch: int
    timeout_seconds: int
    every_minutes: int

    @property
    def skill_headers(self) -> dict[str, str]:
        """What the service sends to the skill with every call."""
        headers = {"Imaging-Timeout-Seconds": str(self.timeout_seconds)}
        return {**headers, "Ocp-Apim-Subscription-Key": self.skill_key} if self.skill_key else headers

    def definitions(self) -> dict[str, Json]:
        """Kind to definition, marked as ours and with a fingerprint, by which a changed secret is noticed."""
        makers = {"datasource": self._datasource, "index": self._index, "skillset": self._skillset, "indexer": self._indexer}
        return {kind: _marked({"name": f"{self.name}-{kind}", **makers[kind]()}) for kind in KINDS}

    def _datasource(self) -> Json:
        container = {"name": self.container} | ({"query": self.folder} if self.folder else {})
        return {"type": "azureblob", "credentials": {"connectionString": self.storage}, "container": container}

    def _index(self) -> Json:
        text = {"type": "Edm.String", "searchable": True, "filterable": True, "sortable": True, "facetable": False}
        many = {"type": "Collection(Edm.String)", "searchable": True, "filterable": True, "facetable": True}
        plain = {"searchable": False, "filterable": True, "sortable": True, "facetable": False}
        fields = [
            {"name": "id", **text, "searchable": False, "key": True},
            {"name": "url", **text},
            {"name": "file_name", **text},
            {"name": "size", "type": "Edm.Int64", **plain},
            {"name": "last_modified", "type": "Edm.DateTimeOffset", **plain},
            {"name": "content", **text, "filterable": False, "sortable": False},
            {"name": "amllabel", **many},
            {"name": "confidence", "type": "Collection(Edm.Double)", "searchable": False, "filterable": True, "facetable": False},
            {"name": "model_id", **many, "searchable": False},
        ]
        return {"fields": fields}

    def _skillset(self) -> Json:
        skill = {
            "@odata.type": "#Microsoft.Skills.Custom.WebApiSkill",
            "name": "aml-classifier",
            "uri": self.skill_url,
            "httpHeaders": self.skill_headers,
            "httpMethod": "POST",
            "timeout": f"PT{self.timeout_seconds}S",
            "batchSize": self.batch,
            "context": _IMAGES,
            "inputs": [{"name": "images", "source": _IMAGES}],
            "outputs": [{"name": name, "targetName": name} for name in ("amllabel", "confidence", "model_id")],
        }
        return {"skills": [skill]}

    def _indexer(self) -> Json:
        stored = {"url": "path", "file_name": "name", "size": "size", "last_modified": "last_modified"}
        key = {"sourceFieldName": "metadata_storage_path", "targetFieldName": "id", "mappingFunction": {"name": "base64Encode"}}
        fields = [{"sourceFieldName": f"metadata_storage_{name}", "targetFieldName": target} for target, name in stored.items()]
        made = ("amllabel", "confidence", "model_id")
        schedule = {"schedule": {"interval": _duration(self.every_minutes)}} if self.every_minutes else {}
        return {
            "dataSourceName": f"{self.name}-datasource",
            "targetIndexName": f"{self.name}-index",
            "skillsetName": f"{self.name}-skillset",
            **schedule,
            # One bad image never fails a run: it is listed by `status`.
            "parameters": {
                "maxFailedItems": -1,
                "maxFailedItemsPerBatch": -1,
                "configuration": {
                    "dataToExtract": "contentAndMetadata",
                    "imageAction": "generateNormalizedImages",
                    "allowSkillsetToReadFileData": True,
                    "failOnUnsupportedContentType": False,
                    "failOnUnprocessableDocument": False,
                },
            },
            "fieldMappings": [key, *fields],
            "outputFieldMappings": [{"sourceFieldName": f"{_IMAGES}/{name}", "targetFieldName": name} for name in made],
        }


def is_ours(there: Mapping[str, Any]) -> bool:
    """Whether `apply` made it."""
    return str(there.get("description") or "").startswith(MARK)


def index_lacks(wanted: Json, there: Json) -> list[Json]:
    """Fields that are wanted and not there; what is there stays, since a field cannot be changed."""
    names = {each["name"] for each in there["fields"]}
    return [each for each in wanted["fields"] if each["name"] not in names]


def is_as_wanted(wanted: Any, there: Any) -> bool:
    """Whether all that is wanted is there; secrets are compared by the fingerprint in the description."""
    if isinstance(wanted, dict):
        return isinstance(there, Mapping) and all(
            is_as_wanted(value, there.get(name)) for name, value in wanted.items() if name not in _SECRET
        )
    if isinstance(wanted, list):
        return isinstance(there, list) and len(wanted) == len(there) and all(map(is_as_wanted, wanted, there))
    return bool(wanted == there)


def _marked(definition: Json) -> Json:
    text = json.dumps(definition, sort_keys=True).encode()
    # Slow on purpose: a short key must not be found by trying.
    digest = hashlib.scrypt(text, salt=definition["name"].encode(), n=2**12, r=8, p=1, dklen=8).hex()
    return {**definition, "description": f"{MARK} ({digest})"}


def _duration(minutes: int) -> str:
    days, rest = divmod(minutes, 1440)
    hours, left = divmod(rest, 60)
    if days:
        return "P1D"
    return "PT" + (f"{hours}H" if hours else "") + (f"{left}M" if left else "")
