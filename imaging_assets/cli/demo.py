"""`imaging-assets demo`: the whole job over made-up days, landing one after the other as they would in life.

Belongs here: playing the story into the store and telling what came of it. Does not: the story (`imaging_assets/demo/`), the job.
"""

import json
import os
import time

import polars as pl

from imaging_assets.backends import create_store
from imaging_assets.cli.history import check_home
from imaging_assets.cli.output import Session, complain
from imaging_assets.cli.run import Progress, bring_up_to_date, up_to_date
from imaging_assets.cli.runs import Runner
from imaging_assets.demo.story import DemoDay, DemoFile
from imaging_assets.errors import BlobNotFoundError, UsageError
from imaging_assets.settings import HOME_VARIABLE, Settings, remember_start
from imaging_assets.stages.days import Days
from imaging_assets.stages.images.duplicates import duplicate_groups
from imaging_assets.stages.images.raw import leave_marker
from imaging_assets.stages.models.registry import Registry, champion_accuracy
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.search import document_id
from imaging_assets.stages.tables import RESIZED_IMAGES

_PLAYED = "_demo.json"
"""In the place for manifests: the days that landed in this store."""


def run_demo(session: Session, *, digits: bool) -> int:
    """The command; returns its exit code."""
    started = time.monotonic()
    story, settings = _story(session, digits=digits)
    check_home(settings.home)
    settings = remember_start(settings, story[0].day)
    create_store(settings)
    session.say(f"State: {settings.home}/ (delete it to begin anew)")
    with Runner(settings) as runner:
        leave_marker(runner.pipeline)
        progress = Progress(runner, session.say)
        for day in story:
            play(session, runner.pipeline, day)
            bring_up_to_date(progress, Days(runner.pipeline).known)
        ran = {outcome.key for outcome in progress.outcomes}
        idle = [day.day.isoformat() for day in story if day.day.isoformat() not in ran]
        if idle:
            session.say(up_to_date(len(idle), len(story)))
        summary = _summary(runner.pipeline, story)
    for key in sorted(progress.failed):
        complain(f"{key} failed. What to do stands in its line above.")
    seconds = time.monotonic() - started
    _tell(session, settings, summary, seconds, digits=digits)
    session.answer({**summary, "days_up_to_date": idle, "failed": sorted(progress.failed), "seconds": round(seconds, 1)})
    return progress.exit_code


def _story(session: Session, *, digits: bool) -> tuple[tuple[DemoDay, ...], Settings]:
    """The days, and settings with a state folder of their own for the digits, whose tags would mix with the scenes'."""
    settings = session.settings()
    if not digits:
        from imaging_assets.demo.story import days  # noqa: PLC0415

        return days(), settings
    if settings.profile == "azure":
        raise UsageError("--digits needs a store of its own, and profile azure has one. Leave --digits out, or the profile.")
    from imaging_assets.demo.digits import digit_days  # noqa: PLC0415 - scikit-learn takes a second

    os.environ[HOME_VARIABLE] = str(settings.home / "digits")
    return digit_days(), session.settings()


def play(session: Session, pipeline: Pipeline, day: DemoDay) -> None:
    """Let a day's files land, once; what happened in an earlier demo does not happen again."""
    played = _played(pipeline)
    if day.day.isoformat() in played:
        return
    session.say(f"\n{day.day}  {day.title}")
    landing, labels = pipeline.places.landing, pipeline.places.labels
    list(pipeline.threads.map(lambda file: _land(pipeline, landing, file), day.arrivals))
    for file in day.label_files:
        _land(pipeline, labels, file)
    for old, new in day.moves:
        pipeline.store.copy(f"{landing}/{old}", f"{landing}/{new}")
        pipeline.store.delete(f"{landing}/{old}")
    for path in day.deletions:
        pipeline.store.delete(f"{landing}/{path}")
    done = json.dumps([*played, day.day.isoformat()])
    pipeline.store.write(f"{pipeline.places.manifests}/{_PLAYED}", done.encode())


def _land(pipeline: Pipeline, place: str, file: DemoFile) -> None:
    pipeline.store.write(f"{place}/{file.path}", file.data)


def _played(pipeline: Pipeline) -> list[str]:
    try:
        days: list[str] = json.loads(pipeline.store.read(f"{pipeline.places.manifests}/{_PLAYED}").data)
    except BlobNotFoundError:
        return []
    return days


def _summary(pipeline: Pipeline, story: tuple[DemoDay, ...]) -> dict[str, object]:
    """What stands now, counted from the store and the index."""
    resized = Days(pipeline).newest("resized_images").values()
    images = pl.concat([RESIZED_IMAGES.frame([]), *(pipeline.manifests.read(manifest, RESIZED_IMAGES) for manifest in resized)])
    groups = duplicate_groups(images, pipeline.resize.near_duplicate_bits)
    grouped = [group for group in groups if group]
    champion = Registry(pipeline.store, pipeline.places.models).published()
    deleted = [f"{pipeline.places.landing}/{path}" for day in story for path in day.deletions]
    return {
        "champion": champion.model_id if champion else None,
        "accuracy": champion_accuracy(pipeline, champion.model_id) if champion else None,
        "documents": sum(1 for _ in pipeline.index.ids()),
        "quarantined": images.filter(pl.col("status") == "quarantined").height,
        "removed": sum(pipeline.index.get(document_id(path)) is None for path in deleted),
        "duplicates": len(grouped) - len(set(grouped)),
    }


def _tell(session: Session, settings: Settings, summary: dict[str, object], seconds: float, *, digits: bool) -> None:
    accuracy = summary["accuracy"]
    champion = f"champion {summary['champion']}, accuracy {accuracy:.3f}" if isinstance(accuracy, float) else "no model yet"
    counts = ", ".join(f"{summary[name]} {name}" for name in ("documents", "quarantined", "removed", "duplicates"))
    session.say(f"\n{champion}; {counts}  [{seconds:.1f} s]")
    prefix = f"{HOME_VARIABLE}={settings.home} " if digits else ""
    command = "imaging-assets" if os.environ.get("VIRTUAL_ENV") else ".venv/bin/imaging-assets"
    looks = (
        (
            "why IMG_0043.jpg",
            "search --where predicted=meadow --facet predicted",
            "search --like PICTURE",
            "review export tasks.json",
        )
        if not digits
        else ("search 3",)
    )
    session.say("Look further:")
    for look in (*looks, "ui      (Dagster: the same days, with pictures and plots)"):
        session.say(f"  {prefix}{command} {look}")
