"""The custom skill's messages: `{"values": [{"recordId", "data"}]}` in, the same records with `errors` and `warnings` out.

Belongs here: reading and writing that form, and its description for OpenAPI. Does not: what a step says about an image.

A call that is no such message is refused as a whole. Inside one that is, each record stands for itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

NO_RECORD_ID = "The record has no recordId, so its answer cannot be told from others. Give each record one."


class CallError(ValueError):
    """The call is no message of the contract; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a call; `error` says why it cannot be worked on, or is ""."""

    record_id: str
    data: Mapping[str, Any]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said about one record."""

    data: Mapping[str, Any]
    error: str = ""
    warnings: tuple[str, ...] = ()


def read_call(body: bytes, most: int) -> list[Record]:
    """The records of a call, in order.

    Raises:
        CallError: Not JSON, no `values`, or more records than `most`.
    """
    try:
        call = from_json(body, cache_strings=False)
    except ValueError as error:
        raise CallError(f"The body is not JSON ({error}). Send {{'values': [{{'recordId': …, 'data': …}}]}}.") from error
    values = call.get("values") if isinstance(call, dict) else None
    if not isinstance(values, list):
        raise CallError('The body has no list "values". Send {"values": [{"recordId": …, "data": …}]}.')
    if len(values) > most:
        raise CallError(f"{len(values)} records in one call, at most {most} are taken. Lower the skill's batchSize.")
    return [_record(value) for value in values]


def write_answer(record: Record, answer: Answer) -> dict[str, Any]:
    """A record of the answer; `errors` and `warnings` are always lists."""
    return {
        "recordId": record.record_id,
        "data": dict(answer.data),
        "errors": [{"message": answer.error}] if answer.error else [],
        "warnings": [{"message": warning} for warning in answer.warnings],
    }


def _record(value: Any) -> Record:
    if not isinstance(value, dict):
        return Record("", {}, NO_RECORD_ID)
    record_id, data = value.get("recordId"), value.get("data")
    if isinstance(record_id, bool) or not isinstance(record_id, str | int) or record_id == "":
        return Record("", {}, NO_RECORD_ID)
    if not isinstance(data, dict):
        return Record(str(record_id), {}, 'The record has no object "data". Map the skill\'s input `image` in the skillset.')
    return Record(str(record_id), data)


_MESSAGES = {
    "type": "array",
    "items": {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]},
}

REQUEST_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["values"],
    "properties": {
        "values": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["recordId", "data"],
                "properties": {
                    "recordId": {"type": "string", "minLength": 1},
                    "data": {
                        "type": "object",
                        "description": "One image, as `image`, `images` or `file_data`: a normalized-image object with base64 `data`, "
                        "base64 text, or an https URL on an allow-listed host (with `sas_token`, if need be).",
                    },
                },
            },
        }
    },
}

ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["values"],
    "properties": {
        "values": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["recordId", "data", "errors", "warnings"],
                "properties": {
                    "recordId": {"type": "string"},
                    "data": {"type": "object"},
                    "errors": _MESSAGES,
                    "warnings": _MESSAGES,
                },
            },
        }
    },
}

REQUEST_EXAMPLES: dict[str, Any] = {
    "normalized image": {
        "summary": "What an indexer sends for the context /document/normalized_images/*",
        "value": {
            "values": [
                {
                    "recordId": "0",
                    "data": {
                        "images": {
                            "$type": "file",
                            "data": "/9j/4AAQSkZJRg…",
                            "width": 2000,
                            "height": 1500,
                            "contentType": "image/jpeg",
                        }
                    },
                }
            ]
        },
    },
    "url": {
        "summary": "A blob and its SAS, on an allow-listed host",
        "value": {
            "values": [
                {"recordId": "0", "data": {"image": "https://account.blob.core.windows.net/images/1.jpg", "sas_token": "?sv=…"}}
            ]
        },
    },
}
