"""`imaging-assets init` and `imaging-assets ui`: a folder to work in, and Dagster's web interface over it.

Belongs here: files a project starts with, starting Dagster. Does not: Dagster's definitions (`defs/`).
"""

import os
import signal
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from imaging_assets.cli.history import dagster_home
from imaging_assets.cli.output import Session
from imaging_assets.settings import PROJECT_FILE

_SETTINGS = """\
# Settings of imaging-assets for this folder. Everything has a default; `docs/configuration.md` lists what there is.
# Each can also be given as a variable, nested with two underscores: IMAGING_RESIZE__MAX_BYTES=4000000

# profile = "embedded"
# home = ".imaging"

# [resize]
# max_bytes = 6000000

# [training]
# min_images_per_tag = 5
# margin = 0.0
"""

_WORKSPACE = """\
load_from:
  - python_module:
      module_name: imaging_assets.definitions
      location_name: imaging_assets
"""


def write_project(session: Session, folder: Path) -> None:
    """Write what a folder needs to work in; existing files stay as they are."""
    dagster = (
        files("imaging_assets.cli").joinpath("dagster.yaml").read_text(encoding="utf-8").replace("{home}", ".imaging/dagster")
    )
    wanted = {PROJECT_FILE.name: _SETTINGS, "dagster.yaml": dagster, "workspace.yaml": _WORKSPACE}
    written = [name for name in wanted if not (folder / name).exists()]
    for name in written:
        (folder / name).write_text(wanted[name], encoding="utf-8")
    kept = [name for name in wanted if name not in written]
    session.say(f"wrote {', '.join(written) or 'nothing'}" + (f"; kept {', '.join(kept)}" if kept else ""))
    session.say("Next: imaging-assets add FOLDER, then imaging-assets run")
    session.answer({"written": written, "kept": kept})


def start_ui(session: Session, host: str, port: int) -> int:
    """Run `dagster dev` in this folder until it is stopped; it takes this process's place, or on Windows returns its exit code."""
    settings = session.settings()
    environment = {**os.environ, "DAGSTER_DISABLE_TELEMETRY": "yes"}
    home = dagster_home(settings)
    # Where this folder has a dagster.yaml, `dagster dev` finds it by itself; a DAGSTER_HOME would say otherwise.
    environment.pop("DAGSTER_HOME", None)
    if home != Path.cwd():
        environment["DAGSTER_HOME"] = str(home)
    workspace = settings.home / "dagster" / "workspace.yaml"
    workspace.parent.mkdir(parents=True, exist_ok=True)
    workspace.write_text(_WORKSPACE, encoding="utf-8")
    session.say(f"Dagster is starting on http://{host}:{port} (stop it with Ctrl-C)")
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(workspace), "--host", host, "--port", str(port)]
    if sys.platform != "win32":
        # Who ends this process, by whatever signal, ends Dagster: a process in between would leave it behind.
        # A script's `… &` starts commands with SIGINT ignored, and Dagster treats SIGTERM as it does SIGINT.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.stdout.flush()
        os.execve(sys.executable, command, environment)  # noqa: S606 - as in pyproject.toml: a fixed program, fixed arguments
    try:
        return subprocess.run(command, env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 0
