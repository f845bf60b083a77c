"""`imaging-assets imaginem run`: an old queue message through today's steps.

Belongs here: reading and writing messages, finding the image they mean. Does not: the old keys (`stages/insights/imaginem.py`).

A message is `{"job_definition": {"id", "batch_id", "input": {"image_url", …}, "processing_pipeline": […], "processing_step"},
"job_output": {}}`, as JSON or, as on the wire, in Base64. Nothing is fetched over the network: the URL's path names an image of the
store, or a file beside the message.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from imaging_assets.backends import build
from imaging_assets.cli.output import FAILED, OK, Session, complain
from imaging_assets.errors import AnalysisError, ImageNotFoundError, StoreUnavailableError, UnreadableImageError, UsageError
from imaging_assets.records.insights import ImageToAnalyze, Output
from imaging_assets.stages.digests import sha256_of
from imaging_assets.stages.images.encode import encode_image
from imaging_assets.stages.insights.imaginem import job_output
from imaging_assets.stages.insights.steps import answer_of
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.trace import find_image

Message = dict[str, Any]

STEPS: Mapping[str, tuple[str, str]] = {
    "generalclassification": ("tags", "image_tags"),
    "ocr": ("text", "image_texts"),
    "facedetection": ("boxes", "image_faces"),
    "facecrop": ("crops", "image_faces"),
    "faceprint": ("prints", "face_prints"),
    "facematch": ("matches", "face_matches"),
}
"""Imaginem's steps: the column that answers it, and the built-in step that has it."""

_OUTPUT = "pipelineoutput"


def run_message(session: Session, path: Path, out: Path | None) -> int:
    """The command; fails when a step of the message could not be done.

    Raises:
        UsageError: It is no message, its image is not to be found, or it names a step nobody knows.
        UnreadableImageError: The image cannot be read.
    """
    message = read_message(path)
    job = message["job_definition"]
    wanted = [str(step).lower() for step in job["processing_pipeline"]]
    if unknown := [step for step in wanted if step not in (*STEPS, _OUTPUT)]:
        raise UsageError(f"{path}: nobody knows the steps {', '.join(unknown)}. There are {', '.join((*STEPS, _OUTPUT))}.")
    pipeline = build(session.settings())
    data, stored = _image(pipeline, str(job["input"]["image_url"]), path.parent)
    facts, insights, errors = _analyze(pipeline, data)
    said = job_output(facts, insights)
    done: Message = {}
    for step in wanted:
        if step == _OUTPUT:
            done["output"] = {"done": stored}
            if not stored:
                errors[step] = "the image is not in the store, so no table holds it. Upload it with `imaging-assets add`"
        elif step in said:
            done[step] = said[step]
        elif reason := _why_not(pipeline, step, errors):
            errors[step] = reason
        else:
            done[step] = _NOTHING[step]
    told = {f"{step}_exception": errors[step] for step in wanted if step in errors}
    finished = message | {
        "job_definition": job | {"processing_step": len(wanted)},
        "job_output": {**message.get("job_output", {}), **done, **told},
    }
    target = out or path
    target.write_text(json.dumps(finished, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    session.say(f"{len(wanted) - len(told)} of {len(wanted)} steps done; the message is in {target}")
    for step, reason in told.items():
        complain(f"{step.removesuffix('_exception')}: {reason}.")
    session.answer(finished)
    return FAILED if told else OK


_NOTHING: Mapping[str, Message] = {
    "facedetection": {"faces": []},
    "facecrop": {"facesUrls": []},
    "faceprint": {"faces": []},
    "facematch": {"matches": []},
    "ocr": {"ocr": {"language": "unk", "orientation": "Up", "regions": []}, "OCR_fullText": ""},
    "generalclassification": {},
}
"""What a step says that found nothing."""


def read_message(path: Path) -> Message:
    """The message in a file, as JSON or Base64 of it.

    Raises:
        UsageError: It is none.
    """
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
        if not text.startswith("{"):
            text = base64.b64decode(text, validate=True).decode()
        message = json.loads(text)
        job = message["job_definition"]
        usable = isinstance(job["input"]["image_url"], str) and isinstance(job["processing_pipeline"], list)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}. Name a file with a message.") from error
    except (ValueError, KeyError, TypeError, binascii.Error):
        usable, message = False, {}
    if not usable:
        raise UsageError(
            f"{path} is no message of Imaginem: it needs job_definition with input.image_url and processing_pipeline. Mend the file."
        )
    found: Message = message
    return found


def _image(pipeline: Pipeline, url: str, folder: Path) -> tuple[bytes, bool]:
    """The bytes that a URL means, and whether they are the store's."""
    parts = [part for part in unquote(urlsplit(url).path).split("/") if part]
    for tail in ("/".join(parts[-2:]), parts[-1] if parts else ""):
        try:
            return pipeline.store.read(find_image(pipeline, tail).path).data, True
        except (ImageNotFoundError, StoreUnavailableError):
            continue
    file = folder / (parts[-1] if parts else "")
    if file.is_file():
        return file.read_bytes(), False
    raise UsageError(
        f"No image of the store ends with {'/'.join(parts[-2:])}, and no file {file} is there. Upload it with `imaging-assets add`, or put "
        "it beside the message."
    )


def _analyze(pipeline: Pipeline, data: bytes) -> tuple[Message, dict[str, Output], dict[str, str]]:
    """Facts of the image, answers by step, and errors by step."""
    try:
        image = encode_image(data, pipeline.resize)
    except UnreadableImageError as error:
        raise UsageError(f"The message's image cannot be read ({error}). Put a readable one in its place.") from error
    bytes_of = {"resized": image.data, "thumbnail": image.looks.thumbnail, "none": b""}
    insights: dict[str, Output] = {}
    errors: dict[str, str] = {}
    for name, step in pipeline.insights.steps.items():
        if not {*step.requires} <= insights.keys():
            errors[name] = f"it requires {', '.join(step.requires)}, and not all of them answered"
            continue
        required = {other: insights[other] for other in step.requires}
        shown = ImageToAnalyze(sha256_of(data), bytes_of[step.analyzer.reads], image.width, image.height, required)
        try:
            insights[name] = answer_of(step, shown)
        except AnalysisError as error:
            errors[name] = str(error).rstrip(".")
    return {"width": image.width, "height": image.height, "format": image.format}, insights, errors


def _why_not(pipeline: Pipeline, step: str, errors: Mapping[str, str]) -> str:
    """Why no step of ours answers one of Imaginem's, or "" when one did and found nothing."""
    column, built_in = STEPS[step]
    able = [name for name, ours in pipeline.insights.steps.items() if column in ours.analyzer.columns]
    if not able:
        return f"no step that runs says {column}. Enable one: [insights.steps.{built_in}] enabled = true"
    failed = [errors[name] for name in able if name in errors]
    return failed[0] if len(failed) == len(able) else ""
