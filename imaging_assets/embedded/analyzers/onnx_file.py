"""A user's ONNX file: named by its content, loaded when first asked.

Belongs here: reading and naming. Does not: what goes in and out (the analyser that uses it).
"""

import hashlib
from pathlib import Path
from typing import Any

from imaging_assets.errors import SettingsError


class OnnxFile:
    """A model file; `digest` (12 hex digits of its sha256) names it.

    Raises:
        SettingsError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._data = path.read_bytes()
        except OSError as error:
            raise SettingsError(
                f"The model {path} cannot be read ({error.strerror}). Name an ONNX file that is there."
            ) from error
        self.digest = hashlib.sha256(self._data).hexdigest()[:12]

    def load(self) -> Any:
        """An onnxruntime session over it, safe to share between threads.

        Raises:
            SettingsError: It is no model that onnxruntime takes.
        """
        import onnxruntime  # noqa: PLC0415 - slow to import

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return onnxruntime.InferenceSession(self._data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has no public base of its errors
            raise SettingsError(f"{self.path} is no model that onnxruntime takes ({error}). Export it anew as ONNX.") from error
