"""`imaging-assets doctor`: a row per thing that can be wrong, with its remedy.

Belongs here: which checks there are for a profile, wording. Does not: a check (`stages/doctor.py`, `azure/doctor.py`).
"""

from dataclasses import asdict

from imaging_assets.backends import build, check_services, spends_on_training, store_folder
from imaging_assets.cli.output import FAILED, OK, Session, counted
from imaging_assets.errors import ImagingError
from imaging_assets.policies import CUSTOM_VISION_NOTICE
from imaging_assets.ports.doctor import Finding
from imaging_assets.settings import Settings
from imaging_assets.stages.doctor import machine, project


def examine(session: Session) -> int:
    """The command; 0 unless something fails."""
    settings = session.settings()
    rows = [*machine(settings.home), *_services(settings), *_project(settings), _sensors(settings)]
    for row in rows:
        session.say(f"{row.state:<5} {row.what}: {row.detail}")
        if row.remedy and row.state != "ok":
            session.say(f"      {row.remedy}")
    failed, odd = (sum(row.state == state for row in rows) for state in ("fail", "warn"))
    session.say(f"{counted(len(rows), 'check')}: {failed} failed, {counted(odd, 'warning')}")
    if spends_on_training(settings):
        session.say(CUSTOM_VISION_NOTICE)
    session.answer({"checks": [asdict(row) for row in rows], "failed": failed, "warnings": odd})
    return FAILED if failed else OK


def _services(settings: Settings) -> list[Finding]:
    if settings.profile != "azure":
        return []
    try:
        return check_services(settings)
    except ImagingError as error:  # a setting without which nothing can be asked
        return [Finding("settings", "fail", str(error))]


def _project(settings: Settings) -> list[Finding]:
    if settings.profile == "embedded" and not store_folder(settings).exists():
        told = f"{store_folder(settings)} is not there yet"
        return [Finding("store", "warn", told, "Begin with `imaging-assets add FOLDER` or `imaging-assets demo`.")]
    try:
        return project(build(settings))
    except ImagingError as error:
        return [Finding("project", "fail", str(error))]


def _sensors(settings: Settings) -> Finding:
    """As they are by default; whoever switched one in the UI sees it there."""
    if not settings.training.automatic:
        told = "new_images and label_changes run; training and model_rollout are stopped by training.automatic"
    elif spends_on_training(settings):
        told = "new_images and label_changes run; training and model_rollout are stopped by default, because they spend money"
    else:
        return Finding("sensors", "ok", "new_images, label_changes, training and model_rollout run by default")
    return Finding("sensors", "ok", f"{told}. Switch them on in the UI, or train with `imaging-assets run`.")
