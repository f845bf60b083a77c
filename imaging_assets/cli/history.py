"""Dagster's history on this machine: which folder, which configuration.

Belongs here: making the instance that commands, `ui` and `dagster dev` share. Does not: runs (`runs.py`).

In a project folder (one with a `dagster.yaml`) and with the default state folder, that file counts, as it does for `dagster dev`.
Otherwise the state folder gets a configuration of its own and is the DAGSTER_HOME.
"""

import os
import tempfile
import warnings
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from imaging_assets.errors import UsageError
from imaging_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

DEFAULT_HOME = Path(".imaging")

_OURS = {"store", "search", "dagster", "imaging.toml", "digits"}


def dagster_home(settings: Settings) -> Path:
    """Folder with the `dagster.yaml` that counts; written when the state folder has none yet.

    Raises:
        UsageError: The state folder cannot be made or written, or belongs to something else.
    """
    check_home(settings.home)
    if settings.home == DEFAULT_HOME and Path("dagster.yaml").exists():
        return Path.cwd()
    home = (settings.home / "dagster").resolve()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        text = files("imaging_assets.cli").joinpath("dagster.yaml").read_text(encoding="utf-8")
        (home / "dagster.yaml").write_text(text.replace("{home}", home.as_posix()), encoding="utf-8")
    return home


def open_instance(settings: Settings) -> "DagsterInstance":
    """The instance over that history."""
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's own notices about itself are not this command's news
        from dagster import DagsterInstance  # noqa: PLC0415 - late: a second's import
        from dagster._core.instance.ref import InstanceRef  # noqa: PLC0415

    config = dagster_home(settings)
    base = settings.home / "dagster"
    base.mkdir(parents=True, exist_ok=True)
    return DagsterInstance.from_ref(InstanceRef.from_dir(str(base.resolve()), config_dir=str(config)))


def check_home(home: Path) -> None:
    """Make the state folder if need be.

    Raises:
        UsageError: It cannot be made or written, or it is a folder of somebody else's.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        there = {entry.name for entry in home.iterdir()}
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise UsageError(
            f"{home} cannot be the state folder ({error.strerror}). Mend its rights or choose another with IMAGING_HOME."
        ) from error
    if there and not there & _OURS:
        raise UsageError(f"{home} holds something else. Choose another state folder with IMAGING_HOME or `home` in imaging.toml.")
