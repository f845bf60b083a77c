"""Is this HTTP exchange one that Microsoft's OpenAPI file describes? For the local servers of the tests.

Belongs here: reading a Swagger 2.0 file and telling what is wrong with a request or response. Does not: any server, any service.
The files lie beside the repository (`../shared/specs`); where they are absent, servers work without this.

Two liberties, both because recorded traffic takes them: null stands for any property, and a time may lack its zone.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from json import loads
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from jsonschema import Draft4Validator, FormatChecker

SPECS = Path(__file__).parents[3] / "shared" / "specs"
"""Where the files lie, if they do."""

SKIPPED_HEADERS = {"client-request-id", "x-ms-client-request-id", "Prefer"}
"""Header parameters that SDKs leave out or send in their own form."""


def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or bool(UUID(value))


def _is_time(value: object) -> bool:
    return not isinstance(value, str) or bool(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?(Z|[+-]\d\d:\d\d)?", value)
    )


_FORMATS = FormatChecker(formats=())
_FORMATS.checks("uuid", raises=ValueError)(_is_uuid)
_FORMATS.checks("date-time")(_is_time)


@dataclass(frozen=True)
class Operation:
    """One method of one path, with the values of the path's parameters."""

    id: str
    spec: Mapping[str, Any]
    parameters: tuple[Mapping[str, Any], ...]
    path_values: Mapping[str, str]


class Contract:
    """One Swagger 2.0 file.

    Args:
        file: The file.
        strict: Let an object with a property that its definition lacks be wrong; polymorphic definitions need False.
    """

    def __init__(self, file: Path, *, strict: bool = True) -> None:
        document = loads(file.read_text(encoding="utf-8-sig"))
        self._paths: Mapping[str, Any] = document["paths"] | document.get("x-ms-paths", {})
        self._parameters: Mapping[str, Any] = document.get("parameters", {})
        self._definitions = {name: _lenient(schema, strict=strict) for name, schema in document["definitions"].items()}

    def find(self, method: str, path: str) -> Operation | None:
        """The operation of a path below the service's base, or None; the path with fewest parameters wins."""
        for template, pattern in self._patterns:
            found = pattern.fullmatch(path)
            item = self._paths[template]
            if found and method.lower() in item:
                spec = item[method.lower()]
                raw = [*item.get("parameters", ()), *spec.get("parameters", ())]
                values = dict(zip(re.findall(r"\{(\w+)\}", template), map(unquote, found.groups()), strict=True))
                return Operation(spec["operationId"], spec, tuple(map(self._resolved, raw)), values)
        return None

    def request_faults(
        self, method: str, path: str, query: Mapping[str, Sequence[str]], headers: Mapping[str, str], body: object
    ) -> list[str]:
        """What is wrong with a request, in words; [] when nothing is.

        Args:
            path: Below the service's base path, as it was sent.
            query: Values by name; an array may come as one comma-joined value or as several.
            body: The parsed JSON, a mapping of form fields to bytes for multipart, or None.
        """
        operation = self.find(method, path)
        if operation is None:
            return [f"{method} {path} is no operation of the service"]
        faults = []
        places = {
            "path": {name: [value] for name, value in operation.path_values.items()},
            "query": query,
            "header": {name: [value] for name, value in headers.items()},
        }
        for parameter in operation.parameters:
            where, name = parameter["in"], parameter["name"]
            if where == "body":
                faults += self._body_faults(parameter, body)
            elif where == "formData":
                missing = not isinstance(body, Mapping) or name not in body
                faults += [f"form field {name} is missing"] * missing
            elif where in places and name not in SKIPPED_HEADERS:
                found = next((value for key, value in places[where].items() if key.lower() == name.lower()), None)
                faults += _parameter_faults(parameter, found)
        known = {parameter["name"].lower() for parameter in operation.parameters if parameter["in"] == "query"}
        faults += [f"{operation.id} has no query parameter {name}" for name in query if name.lower() not in known]
        return faults

    def response_faults(self, method: str, path: str, status: int, body: object) -> list[str]:
        """What is wrong with the answer to a request, in words; [] when nothing is."""
        operation = self.find(method, path)
        if operation is None:
            return [] if status == 404 else [f"{method} {path} is no operation of the service, but was answered {status}"]
        responses = operation.spec["responses"]
        answer = responses.get(str(status))
        if answer is None and 200 <= status < 300:
            return [f"{operation.id} never answers {status}, only {', '.join(sorted(responses))}"]
        schema = (answer or responses.get("default") or {}).get("schema")
        if schema is None:
            return [f"{operation.id} answers {status} without a body"] if body is not None and answer is not None else []
        return [f"{operation.id} {status}: {fault}" for fault in self._schema_faults(schema, body)]

    @cached_property
    def _patterns(self) -> list[tuple[str, re.Pattern[str]]]:
        ordered = sorted(self._paths, key=lambda path: (path.count("{"), path))
        return [(path, re.compile(re.sub(r"\\\{\w+\\\}", "([^/]+?)", re.escape(path.partition("?")[0])))) for path in ordered]

    def _resolved(self, parameter: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = parameter.get("$ref", "")
        # A reference into another file (common types) says nothing about the exchange that is needed here.
        return self._parameters.get(reference.rpartition("/")[2], {"in": "elsewhere", "name": ""}) if reference else parameter

    def _body_faults(self, parameter: Mapping[str, Any], body: object) -> list[str]:
        if body is None:
            return ["the body is missing"] if parameter.get("required") else []
        return [f"body: {fault}" for fault in self._schema_faults(parameter["schema"], body)]

    def _schema_faults(self, schema: Mapping[str, Any], value: object) -> list[str]:
        if schema.get("type") == "file":
            return []
        document = {**schema, "definitions": self._definitions}
        validator = Draft4Validator(document, format_checker=_FORMATS)
        return [
            f"{'/'.join(map(str, error.absolute_path)) or 'it'}: {error.message[:200]}" for error in validator.iter_errors(value)
        ]


def _lenient(schema: Mapping[str, Any], *, strict: bool) -> dict[str, Any]:
    """The definition with the two liberties, closed against unknown properties when strict."""
    if schema.get("x-ms-enum", {}).get("modelAsString"):  # an open list: other values are allowed
        return {name: value for name, value in schema.items() if name != "enum"}
    properties = schema.get("properties", {})
    lenient = {**schema, "properties": {name: _or_null(inner) for name, inner in properties.items()}}
    if strict and properties and "additionalProperties" not in schema and "discriminator" not in schema:
        lenient["additionalProperties"] = False
    return lenient


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    if "type" not in schema:
        return {"anyOf": [dict(schema), {"type": "null"}]}
    values = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **values}


def _parameter_faults(parameter: Mapping[str, Any], found: Sequence[str] | None) -> list[str]:
    name = parameter["name"]
    if not found:
        return [f"parameter {name} is missing"] if parameter.get("required") else []
    schema = {
        key: parameter[key]
        for key in ("type", "format", "enum", "items", "maxItems", "minItems", "maximum", "minimum")
        if key in parameter
    }
    value: object = found[0]
    if parameter["type"] == "array":
        value = [part for whole in found for part in whole.split(",")]
    elif parameter["type"] in ("integer", "number"):
        value = loads(found[0]) if re.fullmatch(r"-?\d+(\.\d+)?", found[0]) else found[0]
    elif parameter["type"] == "boolean":
        value = {"true": True, "false": False}.get(found[0].lower(), found[0])
    validator = Draft4Validator(schema, format_checker=_FORMATS)
    return [f"parameter {name}: {error.message[:200]}" for error in validator.iter_errors(value)]
