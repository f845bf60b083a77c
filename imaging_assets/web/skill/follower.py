"""Which model serves: follows `models/published.json` without a restart.

Belongs here: looking, loading, taking over. Does not: publishing (`stages/models`). The new model is loaded and asked once before calls
get it; calls under way keep the one they began with.
"""

import asyncio
import io
import logging

from PIL import Image

from imaging_assets.errors import ImagingError
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.web.metrics import Metrics

_LOG = logging.getLogger(__name__)

NONE_YET = "No model has been published yet. Train one with `imaging-assets run`."


class ModelFollower:
    """The model that serves, as of the last look.

    Attributes:
        model_id: Its id, or None.
        reason: Why there is none, or why the newest could not be loaded; "" when all is well.
    """

    def __init__(self, pipeline: Pipeline, metrics: Metrics) -> None:
        self._pipeline = pipeline
        self._metrics = metrics
        self.model_id: str | None = None
        self.reason = NONE_YET

    def look(self) -> None:
        """Take over the published model if it is another one; what goes wrong leaves the present one serving."""
        try:
            published = Registry(self._pipeline.store, self._pipeline.places.models).published()
            if published is None:
                self.reason = "" if self.model_id else NONE_YET
                return
            if published.model_id != self.model_id:
                self._pipeline.predictor.predict(published.model_id, [_a_picture()])
                self._take_over(published.model_id)
            self.reason = ""
        except ImagingError as error:
            if str(error) != self.reason:
                _LOG.warning("the published model cannot be loaded: %s", error)
            self.reason = str(error)

    async def follow(self, every: float) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(every)
            await asyncio.to_thread(self.look)

    def _take_over(self, model_id: str) -> None:
        _LOG.info("model %s serves now, before it %s", model_id, self.model_id)
        if self.model_id:
            self._metrics.model.remove(self.model_id)
        self._metrics.model.labels(model_id).set(1)
        self.model_id = model_id


def _a_picture() -> bytes:
    """Any picture: the first answer of a model takes longest, and no caller should wait for it."""
    buffer = io.BytesIO()
    Image.new("RGB", (256, 256), "grey").save(buffer, "JPEG")
    return buffer.getvalue()
