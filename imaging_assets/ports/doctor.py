"""What a check of `imaging-assets doctor` answers, whoever makes it.

Belongs here: the row, and how a failing call becomes one. Does not: any check (`stages/doctor.py`, `azure/doctor.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from imaging_assets.errors import ImagingError

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One row: what was looked at, how it is, and what to do where it is not well."""

    what: str
    state: State
    detail: str
    remedy: str = ""


def judged(what: str, look: Callable[[], str | Finding], remedy: str = "") -> Finding:
    """What `look` finds: a detail when all is well, or a row; an error is a failed row.

    Args:
        remedy: Instead of the error's own, where it is known better here.
    """
    try:
        found = look()
    except ImagingError as error:
        return Finding(what, "fail", str(error), remedy)
    return found if isinstance(found, Finding) else Finding(what, "ok", found)
