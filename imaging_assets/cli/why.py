"""`imaging-assets why`: one image's story, in the order of the data.

Belongs here: wording. Does not: gathering it (`stages/trace.py`).
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from imaging_assets.backends import build_on_store
from imaging_assets.cli.output import Session
from imaging_assets.stages.trace import Story, tell

Row = dict[str, Any]

_SHOWN = 3


def tell_story(session: Session, name: str) -> None:
    """The command; raises ImageNotFoundError."""
    story = tell(build_on_store(session.settings()), name)
    for heading, text in _lines(story):
        session.say(f"{heading:<12}{text}")
    session.answer(asdict(story))


def _lines(story: Story) -> Iterator[tuple[str, str]]:
    row = story.image.row
    source = f", source {row['source']}" if row["source"] else ""
    yield "landed", f"{story.image.path}  ({row['size']:,} bytes, day {story.image.day}{source})"
    yield "bytes", f"sha256 {row['sha256'] or 'never read'}"
    for twin in story.twins:
        yield "", f"the same bytes: {twin}"
    yield "image", _image(row)
    if row["status"] == "quarantined":
        return
    yield "labels", _labels(story.tagged)
    for statement in story.statements:
        yield "", _statement(statement)
    if story.suspect:
        yield "", _suspect(story.suspect)
    yield "training", _training(story.training)
    yield "prediction", _predictions(story.predictions)
    if story.iteration:
        yield "model", f"{story.iteration['model_id']}: {story.iteration['verdict']}. {story.iteration['reason']}"
    yield (
        "document",
        f"{story.document['id'][:16]}… in the index" if story.document else "not in the index; run `imaging-assets run`",
    )


def _image(row: Row) -> str:
    if row["status"] == "quarantined":
        return f"quarantined: {row['reason']}" + (f" ({row['detail']})" if row["detail"] else "")
    taken = f", taken {row['captured_at']:%Y-%m-%d %H:%M}" if row["captured_at"] else ""
    was = f"{row['format']} {row['width']} x {row['height']}{taken}"
    if row["status"] == "passed":
        return f"passed as it is: {was}"
    return f"resized: {was} -> {row['resized_width']} x {row['resized_height']}, {row['resized_size']:,} bytes ({row['resized']})"


def _labels(tagged: Row | None) -> str:
    if tagged is None or not tagged["tags"]:
        return "none"
    conflict = f"; CONFLICT: {tagged['conflict']}" if tagged["conflict"] else ""
    return f"{', '.join(tagged['tags'])}, by {tagged['label_file']} line {tagged['label_line']}{conflict}"


def _statement(row: Row) -> str:
    retracted = f", retracted {row['retracted_at']:%Y-%m-%d %H:%M}" if row["retracted_at"] else ""
    return f"{row['stated_at']:%Y-%m-%d %H:%M} {row['file']} line {row['line']}: {', '.join(row['tags'])}{retracted}"


def _suspect(row: Row) -> str:
    like = ", ".join(row["looks_like"]) or "none of its tags"
    return f"SUSPECT: looks like {like} (ahead of the label by {row['lead']:.2f}). Look again; label it the same to confirm it"


def _training(row: Row | None) -> str:
    if row is None:
        return "not in the newest training set"
    return f"{row['split']}" + (f" ({row['reason']})" if row["reason"] else f", group {row['group'][:12]}…")


def _predictions(rows: tuple[Row, ...]) -> str:
    if not rows:
        return "none yet"
    if rows[0]["error"]:
        return f"failed: {rows[0]['error']}"
    return ", ".join(f"{row['tag']} {row['probability']:.0%}" for row in rows[:_SHOWN]) + f", by {rows[0]['model_id']}"
