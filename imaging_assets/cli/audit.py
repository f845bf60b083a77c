"""`imaging-assets audit`: does the search index hold what the manifests say?

Belongs here: what is printed, and the exit code. Does not: comparing (`stages/audit.py`).
"""

from collections.abc import Iterator

from imaging_assets.backends import build_on_store
from imaging_assets.cli.output import FAILED, OK, Session, complain, counted
from imaging_assets.stages.audit import Audit, Differences, audit

_SHOWN = 20


def audit_index(session: Session, *, repair: bool) -> int:
    """The command; 0 when all is well or was mended, else 1."""
    pipeline = build_on_store(session.settings())
    done = audit(pipeline, repair=repair)
    found = done.differences
    for fault in done.faults:
        session.say(fault)
    lines = list(_lines(found))
    for line in lines[:_SHOWN]:
        session.say(line)
    if lines[_SHOWN:]:
        session.say(f"... and {len(lines) - _SHOWN} more; --json lists them all")
    for name, error in done.errors:
        complain(f"{name}: {error}")
    session.say(_verdict(done))
    if found.days_behind:
        session.say(
            f"{counted(len(found.days_behind), 'day')} not judged, because behind; `imaging-assets run` brings them up to date"
        )
    session.answer(
        {
            "documents": found.documents,
            "missing": [path for _, path in found.missing.values()],
            "stale": [path for _, path in found.stale.values()],
            "strays": sorted(found.strays),
            "faults": list(done.faults),
            "mended": done.mended,
            "errors": [list(pair) for pair in done.errors],
            "days_behind": list(found.days_behind),
        }
    )
    return OK if done.good else FAILED


def _lines(found: Differences) -> Iterator[str]:
    yield from (f"missing  {path}" for _, path in found.missing.values())
    yield from (f"stale    {path}" for _, path in found.stale.values())
    yield from (f"stray    {key}, a document of no image" for key in sorted(found.strays))


def _verdict(done: Audit) -> str:
    found = done.differences
    head = f"{counted(found.documents, 'document')} in the index"
    wrong = found.count + len(done.faults)
    if not wrong:
        return f"{head}, all as the manifests say"
    if done.mended:
        return f"{head}; {done.mended} of {counted(wrong, 'fault')} mended"
    return f"{head}; {counted(wrong, 'fault')}. Mend them with `imaging-assets audit --repair`"
