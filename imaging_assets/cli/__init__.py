"""The command line: `imaging-assets COMMAND`, for people and, with `--json`, for scripts.

Belongs here: commands, what they print, exit codes (0 ok, 1 failed, 2 usage, 3 needs consent). Does not: the work (`stages/`) or how
Dagster is set up (`defs/`).
"""

import sys


def main() -> None:
    """Entry point of the console script."""
    from imaging_assets.cli.app import run_app  # noqa: PLC0415 - typer and polars only when a command really starts

    sys.exit(run_app())
