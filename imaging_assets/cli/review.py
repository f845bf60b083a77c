"""`imaging-assets review export`: what people should look at next, as a file for Label Studio or a spreadsheet.

Belongs here: writing the files, telling what to do with them. Does not: choosing (`stages/review/`).
"""

import json
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from imaging_assets.backends import build_on_store
from imaging_assets.cli.output import Session, counted
from imaging_assets.errors import UsageError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.stages.review.export import ReviewList, Row, merge_queues
from imaging_assets.stages.review.tasks import csv_text, label_studio_tasks, labelling_setup

Format = Literal["label-studio", "csv"]


def export_queue(
    session: Session,
    file: Path,
    since: date | None,
    until: date | None,
    *,
    top: int | None,
    chosen: Format | None,
    signed_days: int | None,
) -> None:
    """The command.

    Args:
        chosen: By default what the file's name says, `.csv` or anything else.
        signed_days: Images are named by addresses that are signed for so many days.

    Raises:
        UsageError: The range is empty, the file cannot be written, or the store has no addresses to sign.
    """
    if since and until and since > until:
        raise UsageError(f"--since {since} is after --until {until}. Exchange them.")
    pipeline = build_on_store(session.settings())
    found = merge_queues(pipeline, since=since.isoformat() if since else "", until=until.isoformat() if until else "", top=top)
    if signed_days:
        found = replace(found, rows=tuple(_signed(pipeline.store, row, timedelta(days=signed_days)) for row in found.rows))
    chosen = chosen or ("csv" if file.suffix.lower() == ".csv" else "label-studio")
    written = _write(file, found, chosen, pipeline.review.image_url) if found.rows else []
    _tell(session, found, written, chosen)
    session.answer(
        {
            "files": [str(path) for path in written],
            "images": len(found.rows),
            "reasons": _reasons(found),
            "days": found.days,
            "settled": found.settled,
            "more": found.more,
        }
    )


def _signed(store: BlobStore, row: Row, valid_for: timedelta) -> Row:
    return row | {"address": store.signed_url(row["resized"], valid_for)}


def _write(file: Path, found: ReviewList, chosen: Format, image_url: str) -> list[Path]:
    texts = {file: csv_text(found.rows, image_url)}
    if chosen == "label-studio":
        boxes = any(prediction["box"] for row in found.rows for prediction in row["predictions"])
        texts = {file: json.dumps(label_studio_tasks(found.rows, image_url), ensure_ascii=False, indent=1)}
        texts[file.with_suffix(".xml")] = labelling_setup(found.tags, found.kind, boxes=boxes)
    try:
        for path, text in texts.items():
            # Spreadsheets take a file without the mark for one of the last century's encodings.
            path.write_text(text, encoding="utf-8-sig" if chosen == "csv" else "utf-8", newline="")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}. Name a file in a folder that is there.") from error
    return list(texts)


def _tell(session: Session, found: ReviewList, written: list[Path], chosen: Format) -> None:
    settled = f"; {found.settled} left out, settled since" if found.settled else ""
    more = f"; {found.more} more with a larger --top" if found.more else ""
    if not written:
        session.say(f"nothing to ask about {counted(found.days, 'day')}{settled}. `imaging-assets run` tells why, day by day.")
        return
    told = ", ".join(f"{number} {reason}" for reason, number in _reasons(found).items())
    session.say(f"{counted(len(found.rows), 'image')} of {counted(found.days, 'day')} -> {written[0]}: {told}{settled}{more}")
    if chosen == "csv":
        session.say("Fill in the column tags, put the file into labels/, then: imaging-assets run")
    else:
        session.say(f"In Label Studio: Settings, Labeling Interface, Code takes {written[1]}; Import takes {written[0]}.")
        session.say("What it exports as JSON goes into labels/; then: imaging-assets run")


def _reasons(found: ReviewList) -> dict[str, int]:
    return dict(Counter(row["reason"] for row in found.rows))
