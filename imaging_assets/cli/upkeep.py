"""`imaging-assets gc` and `imaging-assets rollback`.

Belongs here: commands that mend or tidy what stands. Does not: which blobs are garbage (`stages/garbage.py`), the ledger (`registry`).
"""

from datetime import timedelta

from imaging_assets.backends import build_on_store
from imaging_assets.cli.output import Session
from imaging_assets.cli.runs import Runner
from imaging_assets.stages.garbage import find_garbage
from imaging_assets.stages.models.registry import Registry, now_utc


def collect_garbage(session: Session, days: float, *, dry_run: bool) -> None:
    """Delete what no manifest refers to and is older than so many days."""
    pipeline = build_on_store(session.settings())
    garbage = find_garbage(pipeline, now_utc() - timedelta(days=days))
    if not dry_run:
        for blob in garbage:
            pipeline.store.delete(blob.path)
    size = sum(blob.size for blob in garbage)
    done = "would delete" if dry_run else "deleted"
    session.say(f"{done} {len(garbage)} blobs, {size / 1e6:.1f} MB; originals are never touched")
    session.answer({"deleted": [] if dry_run else [blob.path for blob in garbage], "found": len(garbage), "bytes": size})


def roll_back(session: Session) -> None:
    """Let the previous model serve; raises UsageError when there is none."""
    settings = session.settings()
    pipeline = build_on_store(settings)
    registry = Registry(pipeline.store, pipeline.places.models)
    current = registry.published()
    if current and current.previous:
        pipeline.trainer.publish(current.previous)  # first, so that a model that is gone stops here
    model = registry.rollback()
    with Runner(settings) as runner:
        runner.report_publication(model)
    session.say(f"{model.model_id} serves again: {model.reason}. Predict with it by `imaging-assets run`.")
    session.answer({"model_id": model.model_id, "reason": model.reason, "previous": model.previous})
