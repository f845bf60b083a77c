"""`imaging-assets forget`: a person's name and reference pictures, gone from everywhere.

Belongs here: what goes, and making the days anew that said it. Does not: matching (`embedded/analyzers/face_prints.py`).

Images that show the person stay, with their crops: they are yours to delete. What was matched is worked out again without the person.
"""

import polars as pl

from imaging_assets.cli.lines import lines_of
from imaging_assets.cli.output import FAILED, OK, Session, counted
from imaging_assets.cli.runs import Runner
from imaging_assets.errors import UsageError
from imaging_assets.records.insights import FACE_MATCHES
from imaging_assets.stages.days import Days
from imaging_assets.stages.insights.answers import step_table
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Manifest

_STEP = "face_matches"


def forget_person(session: Session, person: str) -> int:
    """The command; returns its exit code.

    Raises:
        UsageError: Nobody of that name is known.
    """
    with Runner(session.settings()) as runner:
        pipeline = runner.pipeline
        folder = f"{pipeline.places.persons}/{person}/"
        pictures = [] if "/" in person.strip("/") or not person else list(pipeline.store.list_blobs(folder))
        manifests = _naming(pipeline, person)
        if not pictures and not manifests:
            raise UsageError(f"Nobody called {person!r} is known. Give the name of a folder below {pipeline.places.persons}/.")
        for blob in pictures:
            pipeline.store.delete(blob.path)
        for manifest in manifests:
            pipeline.store.delete(manifest.blob.path)
    days = sorted({manifest.key for manifest in manifests})
    failed = _make_anew(session, days)
    session.say(
        f"{person} is forgotten: {counted(len(pictures), 'reference picture')} and the matches of {counted(len(days), 'day')} deleted"
    )
    session.answer({"person": person, "pictures": len(pictures), "days": days, "failed": failed})
    return FAILED if failed else OK


def _naming(pipeline: Pipeline, person: str) -> list[Manifest]:
    """Manifests, of a step that is off too, that say the name."""
    table = step_table(_STEP, FACE_MATCHES)
    standing = (manifest for manifests in pipeline.manifests.standing(_STEP).values() for manifest in manifests)
    said = pl.col("persons").list.contains(person)
    return [manifest for manifest in standing if not pipeline.manifests.read(manifest, table).filter(said).is_empty()]


def _make_anew(session: Session, days: list[str]) -> list[str]:
    """Run what that put behind; the days that failed. A new runner, for analysers know the pictures of when they were made."""
    failed = []
    with Runner(session.settings()) as runner:
        for day in days:
            if _STEP in runner.pipeline.insights.order and (behind := Days(runner.pipeline).behind(day)):
                outcome = runner.run(behind.selection, day)
                for line in lines_of(outcome):
                    session.say(line)
                failed += [day] if outcome.failure else []
    return failed
