"""Tests of the Dagster layer: in process over temporary stores, and (slow) with the real daemon.

The days of the partitions are read from settings when the definitions are first imported. That happens here, as on a fresh machine, so
that a demo's state in the folder the tests are started from does not move them.
"""

import os
import tempfile
from pathlib import Path


def _import_definitions() -> None:
    ours = {name: value for name, value in os.environ.items() if name.startswith("IMAGING_")}
    with tempfile.TemporaryDirectory() as folder:
        for name in ours:
            del os.environ[name]
        empty = Path(folder) / "imaging.toml"
        empty.touch()
        os.environ |= {"IMAGING_HOME": folder, "IMAGING_CONFIG": str(empty)}
        try:
            import imaging_assets.definitions
            import imaging_assets.defs.sensors  # noqa: F401
        finally:
            del os.environ["IMAGING_HOME"], os.environ["IMAGING_CONFIG"]
            os.environ |= ours


_import_definitions()

from imaging_assets.definitions import defs as defs  # noqa: E402 - only now, see above
