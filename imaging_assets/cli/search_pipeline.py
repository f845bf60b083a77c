"""`imaging-assets search-pipeline`: what is printed, and the exit codes.

Belongs here: words. Does not: calls (`azure/search_pipeline.py`), options (`search_pipeline_commands.py`).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from imaging_assets.backends import search_pipeline
from imaging_assets.cli.output import FAILED, OK, Session, complain, counted
from imaging_assets.errors import UsageError

_SHOWN = 20


def apply_pipeline(session: Session, *, take_over: bool) -> None:
    """The command."""
    done = search_pipeline(session.settings()).apply(take_over=take_over)
    _say_states(session, done)
    if set(done.values()) == {"unchanged"}:
        session.say("all as declared, nothing written")
    else:
        session.say("the indexer runs; `imaging-assets search-pipeline status` tells how it goes")
    session.answer({"parts": done})


def show_status(session: Session) -> int:
    """The command; 1 when a part is missing or the last run failed."""
    told = search_pipeline(session.settings()).status()
    _say_states(session, told["parts"])
    session.say(f"indexer: {told['indexer']}; documents: {'–' if told['documents'] is None else told['documents']}")
    for run in told["runs"]:
        for line in _run_lines(run):
            session.say(line)
    session.answer(told)
    last = told["runs"][0] if told["runs"] else None
    failed = "missing" in told["parts"].values() or told["indexer"] == "error" or (last and last["status"] == "transientFailure")
    return FAILED if failed else OK


def delete_pipeline(session: Session) -> None:
    """The command."""
    done = search_pipeline(session.settings()).delete()
    _say_states(session, done)
    session.answer({"parts": done})


def test_pipeline(session: Session, image: str) -> int:
    """The command; 1 when the skill has an error instead of a label.

    Raises:
        UsageError: There is no such file.
    """
    file = Path(image)
    if not file.is_file():
        raise UsageError(f"There is no file {image}. Give a picture.")
    pipeline = search_pipeline(session.settings())
    record = pipeline.ask_skill(file.read_bytes())
    label = str(record["data"].get("amllabel") or "")
    session.say(
        f"amllabel: {label or '–'} ({record['data'].get('confidence', '–')}), model {record['data'].get('model_id', '–')}"
    )
    for warning in record.get("warnings") or ():
        session.say(f"warning: {warning['message']}")
    errors = [each["message"] for each in record.get("errors") or ()]
    for message in errors:
        complain(message)
    found = pipeline.query(label)
    session.say(f"{counted(found['documents']['count'], 'document')} in the index")
    if label:
        session.say(f"{found['with_label']['count']} with the label {label}; {found['by_word']['count']} with the word anywhere:")
        for row in found["by_word"]["rows"]:
            session.say(f"  {row['blob'] or row['url']}  {', '.join(row['amllabel'] or ())}")
    session.answer({"skill": record, **found})
    return FAILED if errors else OK


def _say_states(session: Session, states: Mapping[str, str]) -> None:
    width = max(map(len, states))
    for name, state in states.items():
        session.say(f"{name:<{width}}  {state}")


def _run_lines(run: Mapping[str, Any]) -> Iterator[str]:
    yield f"{run['started']}  {run['status']}: {counted(run['items'], 'item')}, {run['failed']} failed"
    if run["error"]:
        yield f"  error    {run['error']}"
    told = [("error", each) for each in run["errors"]] + [("warning", each) for each in run["warnings"]]
    yield from (f"  {kind:<8} {each['key']}  {each['message']}" for kind, each in told[:_SHOWN])
    if told[_SHOWN:]:
        yield f"  ... and {len(told) - _SHOWN} more; --json lists them all"
