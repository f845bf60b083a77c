"""onnxruntime as it is set up here."""

import os
import subprocess
import sys
from pathlib import Path


def test_onnxruntime_keeps_no_id_of_the_machine_and_prepares_no_report(tmp_path: Path) -> None:
    home = {name: str(tmp_path) for name in ("HOME", "XDG_CACHE_HOME", "USERPROFILE", "LOCALAPPDATA")}
    variables = {name: value for name, value in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "CI")} | home
    code = "import imaging_assets.embedded.onnx_session, onnxruntime; onnxruntime.get_available_providers()"
    subprocess.run((sys.executable, "-c", code), env=variables, cwd=tmp_path, check=True)
    assert list(tmp_path.rglob("*")) == []
