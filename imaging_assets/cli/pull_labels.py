"""`imaging-assets pull-labels`: what people tagged in Custom Vision's portal becomes a label file, now rather than at its time.

Belongs here: wording. Does not: what counts as a label (`stages/manifests/portal_labels.py`).
"""

import typer


def pull(context: typer.Context) -> None:
    """Take what people tagged in Custom Vision's portal as labels, now."""
    from dataclasses import asdict, replace  # noqa: PLC0415 - each command pays only for itself

    from imaging_assets.backends import build_on_store, portal  # noqa: PLC0415
    from imaging_assets.errors import ServiceError  # noqa: PLC0415
    from imaging_assets.stages.manifests.portal_labels import pull_labels  # noqa: PLC0415
    from imaging_assets.stages.models.registry import now_utc  # noqa: PLC0415

    session = context.obj
    settings = session.settings()
    pipeline = build_on_store(settings)
    pipeline = replace(pipeline, portal=pipeline.portal or portal(settings, pipeline.store))
    report = pull_labels(pipeline, now_utc())
    if report.not_now:
        raise ServiceError(report.not_now)
    for image_id, reason in report.unread.items():
        session.say(f"left alone: image {image_id}: {reason}")
    told = f"{report.new} new, {report.changed} changed, {report.withdrawn} withdrawn"
    session.say(f"{report.statements} labels from the portal: {told}. Next: imaging-assets run")
    session.answer(asdict(report))
