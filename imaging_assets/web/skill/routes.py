"""The skill's routes.

Belongs here: key, size and time of a call, and its records' way to a step and back. Does not: the parts of that way (the other modules).
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response

from imaging_assets.web.access import KEY_HEADER
from imaging_assets.web.observe import request_id
from imaging_assets.web.site import Site, site_of
from imaging_assets.web.skill.admission import BusyError
from imaging_assets.web.skill.contract import (
    ANSWER_SCHEMA,
    REQUEST_EXAMPLES,
    REQUEST_SCHEMA,
    Answer,
    CallError,
    Record,
    read_call,
    write_answer,
)
from imaging_assets.web.skill.images import NoImageError, Remote, decode, find_image
from imaging_assets.web.skill.steps import PublishedModelStep, Step

router = APIRouter(prefix="/api", tags=["skill"])

TIMEOUT_HEADER = "Imaging-Timeout-Seconds"
"""A skillset may send its own `timeout` as an HTTP header of this name; it shortens or lengthens `serve.answer_seconds`."""

_LOG = logging.getLogger(__name__)

_RETRY_SECONDS = 5
_MOST_SECONDS = 230.0
_MARGIN_SECONDS = 1.0

_Detail = {
    "content": {
        "application/json": {"schema": {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}}
    }
}
_CALL: dict[str, Any] = {
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": REQUEST_SCHEMA, "examples": REQUEST_EXAMPLES}},
        },
        "parameters": [
            {"name": KEY_HEADER, "in": "header", "required": False, "schema": {"type": "string"}, "description": "`serve.key`."},
            {
                "name": TIMEOUT_HEADER,
                "in": "header",
                "required": False,
                "schema": {"type": "string"},
                "description": "The caller's own timeout in seconds, where it is not the usual 30.",
            },
        ],
    },
    "responses": {
        200: {
            "description": "Every record, in the order given, with its own errors and warnings.",
            "content": {"application/json": {"schema": ANSWER_SCHEMA}},
        },
        400: {"description": "The body is no call of the contract."} | _Detail,
        403: {"description": "The key is missing or wrong."} | _Detail,
        408: {"description": "The body did not arrive in time."} | _Detail,
        413: {"description": "The body is too large."} | _Detail,
        429: {"description": "Too many calls at once; come again after `Retry-After` seconds."} | _Detail,
    },
}


class _TooLargeError(Exception):
    """The body is larger than `serve.max_body_bytes`."""


@router.get("/healthcheck", summary="Whether the process is alive")
async def healthcheck() -> dict[str, str]:
    """200 as long as the process answers; says nothing about the model (see `/api/ready`)."""
    return {"status": "alive"}


@router.get("/ready", summary="Whether a model is loaded, and which", responses={503: {"description": "No model is loaded."}})
async def ready(request: Request) -> JSONResponse:
    """200 with the model's id once it is loaded, else 503 with the reason."""
    model = site_of(request).model
    if model.model_id is None:
        return JSONResponse({"status": "not ready", "reason": model.reason}, 503, {"Retry-After": str(_RETRY_SECONDS)})
    return JSONResponse({"status": "ready", "model_id": model.model_id, "reason": model.reason})


@router.post("/extraction", summary="The published model, as the old power skill answered", **_CALL)
async def extraction(request: Request) -> Response:
    """As `/api/skill/predictions`, and `amllabel` beside it: a skillset of the old power skill only changes its URL."""
    site = site_of(request)
    return await _answer_call(site, request, site.steps[PublishedModelStep.name], old_name="amllabel")


@router.post(
    "/skill/{step}",
    summary="What one step says about images",
    **_CALL | {"responses": _CALL["responses"] | {404: {"description": "No such step."} | _Detail}},
)
async def skill(
    request: Request, step: Annotated[str, Path(description="A name from `GET /api/skill`.", max_length=100)]
) -> Response:
    """Every record is answered; one that cannot be worked on carries its error."""
    site = site_of(request)
    site.access.check_key(request)
    if step not in site.steps:
        return _refuse(404, f"There is no step {step!r}. There are {', '.join(site.steps)}.")
    return await _answer_call(site, request, site.steps[step])


@router.get("/skill", summary="The steps there are")
async def steps(request: Request) -> dict[str, list[dict[str, Any]]]:
    """Name, description and an example of `data` of every step."""
    site = site_of(request)
    site.access.check_key(request)
    return {
        "steps": [
            {"name": step.name, "url": f"/api/skill/{step.name}", "description": step.description, "example": dict(step.example)}
            for step in site.steps.values()
        ]
    }


async def _answer_call(site: Site, request: Request, step: Step, *, old_name: str = "") -> Response:
    site.access.check_key(request)
    seconds = _seconds(site, request)
    deadline = asyncio.get_running_loop().time() + seconds
    try:
        async with site.admission.enter(deadline):
            async with asyncio.timeout_at(deadline):
                body = await _read_body(request, site.settings.serve.max_body_bytes)
            records = read_call(body, site.settings.serve.max_records)
            del body  # as large as all images together, and they are in the records now
            answers = await _answer_records(site, step, records, deadline, seconds)
    except CallError as error:
        return _refuse(400, str(error))
    except _TooLargeError:
        return _refuse(413, f"The call is larger than {site.settings.serve.max_body_bytes:,} bytes. Lower the skill's batchSize.")
    except TimeoutError:
        return _refuse(408, f"The call did not arrive within {seconds:g} s. Lower the skill's batchSize.")
    except BusyError:
        site.metrics.turned_away.inc()
        await _discard_body(request, site.settings.serve.max_body_bytes)
        return _refuse(
            429, "Too many calls at once. Come again, or lower degreeOfParallelism.", {"Retry-After": str(_RETRY_SECONDS)}
        )
    failed = sum(bool(answer.error) for answer in answers)
    request.state.facts = {"step": step.name, "records": len(records), "failed": failed, "model_id": site.model.model_id}
    site.metrics.records.labels(step.name, "answered").inc(len(records) - failed)
    site.metrics.records.labels(step.name, "failed").inc(failed)
    if old_name:
        answers = [_with_old_name(answer, old_name) for answer in answers]
    return JSONResponse({"values": [write_answer(record, answer) for record, answer in zip(records, answers, strict=True)]})


def _with_old_name(answer: Answer, name: str) -> Answer:
    return answer if answer.error else Answer({name: answer.data["label"], **answer.data}, warnings=answer.warnings)


async def _answer_records(site: Site, step: Step, records: Sequence[Record], deadline: float, seconds: float) -> list[Answer]:
    """One answer per record, in order; records not reached in time say so."""
    tasks = [_begin(site, step, record, deadline) for record in records]
    waiting = [task for task in tasks if isinstance(task, asyncio.Future)]
    if waiting:
        await asyncio.wait(waiting, timeout=max(0.0, deadline - asyncio.get_running_loop().time()))
    late = Answer(
        {}, f"Not reached within {seconds:g} s. Lower the skill's batchSize, or raise its timeout and serve.answer_seconds."
    )
    return [task if isinstance(task, Answer) else _finish(task, late) for task in tasks]


def _begin(site: Site, step: Step, record: Record, deadline: float) -> "Answer | asyncio.Future[Answer]":
    if record.error:
        return Answer({}, record.error)
    try:
        image = find_image(record.data)
    except NoImageError as error:
        return Answer({}, str(error))
    if isinstance(image, Remote):
        return asyncio.ensure_future(_fetch_and_answer(site, step, image, deadline))
    return asyncio.wrap_future(site.batcher.submit(step, partial(decode, image, site.settings.serve.max_image_bytes)))


async def _fetch_and_answer(site: Site, step: Step, image: Remote, deadline: float) -> Answer:
    left = deadline - asyncio.get_running_loop().time()
    try:
        data = await asyncio.to_thread(site.fetcher.fetch, image, max(0.1, left))
    except NoImageError as error:
        return Answer({}, str(error))
    return await asyncio.wrap_future(site.batcher.submit(step, lambda: data))


def _finish(task: "asyncio.Future[Answer]", late: Answer) -> Answer:
    if not task.done():
        task.cancel()  # what still waits for a thread is taken out of the row
        return late
    error = task.exception()
    if error is None:
        return task.result()
    _LOG.error("a step failed", exc_info=error)
    return Answer({}, f"The step failed ({type(error).__name__}), request {request_id()}. See the server's log.")


def _seconds(site: Site, request: Request) -> float:
    """How long the answer may take: a little less than the caller waits."""
    try:
        told = float(request.headers.get(TIMEOUT_HEADER, ""))
    except ValueError:
        return site.settings.serve.answer_seconds
    return min(max(told - _MARGIN_SECONDS, 0.5), _MOST_SECONDS) if told > 0 else site.settings.serve.answer_seconds


async def _read_body(request: Request, most: int) -> bytes:
    if int(request.headers.get("Content-Length") or 0) > most:
        raise _TooLargeError
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise _TooLargeError
        parts.append(part)
    return b"".join(parts)


async def _discard_body(request: Request, most: int) -> None:
    """Read past a body that nobody wants: a caller that is still sending would miss the answer."""
    size = 0
    try:
        async with asyncio.timeout(_RETRY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    return
    except TimeoutError:
        return


def _refuse(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": detail}, status, headers)
