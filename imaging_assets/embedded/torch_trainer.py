"""Trainer of the extra `torch`: a small convolutional network, learnt from zero, stored and served as every embedded model.

Belongs here: that torch is there, and how a training's seconds are spent. Does not: the network (`small_network.py`), what is trained on
(`trainer.py`).
"""

import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

from typing_extensions import override

from imaging_assets.embedded.trainer import PixelTrainer
from imaging_assets.errors import SettingsError
from imaging_assets.ports.trainer import Heartbeat
from imaging_assets.records.models import Candidate, ClassificationKind

if TYPE_CHECKING:
    from imaging_assets.embedded.rows import Rows

_SHARE_COMPARING = 0.4


class TorchTrainer(PixelTrainer):
    """Learns with and without mirrored and turned pictures, and keeps what judges unseen pictures better.

    The number of steps follows from the set. Where they do not fit into the budget there are fewer, and the training is then no longer
    reproducible to the byte.

    Attributes:
        steps: Batches learnt from, for a set of any but very large size.
    """

    steps = 1_200

    @property
    @override
    def _version(self) -> str:
        return f"torch-1;steps={self.steps}"

    @override
    def _learn(self, rows: "Rows", kind: ClassificationKind, heartbeat: Heartbeat) -> tuple[tuple[Candidate, ...], bytes]:
        if find_spec("torch") is None:
            raise SettingsError(
                "training.trainer is torch, which is not installed here. Install it (pip install 'imaging-assets[torch]'), or set "
                "training.trainer to scikit-learn."
            )
        from imaging_assets.embedded.small_network import Learning  # noqa: PLC0415 - an extra, and seconds of imports

        deadline = time.monotonic() + self.budget_seconds
        learning = Learning(rows, kind, self.seed, self.steps, heartbeat)
        candidates = learning.compare(self.budget_seconds * _SHARE_COMPARING)
        return candidates, learning.fit(candidates[0].name, deadline - time.monotonic())
